//! A member of a topic: a cursor and a waker, shared by the loop and the client.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use atomic_waker::AtomicWaker;
use tokio::sync::mpsc;
use tokio::task::coop;

use crate::Evicted;
use crate::log::{Log, Message};

/// What the loop knows of a client.
pub(crate) struct Member {
    /// The offset of the next message to read. The client moves it, the loop looks.
    ///
    /// Relaxed is enough: it moves under the log's lock, and the loop looks after it has held that lock.
    cursor: AtomicU64,
    waker: AtomicWaker,
    /// Where the topic has it, or `GONE`. Atomic because it is shared; only the loop uses it.
    position: AtomicUsize,
}

impl Member {
    pub(crate) fn new(cursor: u64, position: usize) -> Self {
        Self { cursor: cursor.into(), waker: AtomicWaker::new(), position: position.into() }
    }

    pub(crate) fn cursor(&self) -> u64 {
        self.cursor.load(Ordering::Relaxed)
    }

    pub(crate) fn position(&self) -> Option<usize> {
        let position = self.position.load(Ordering::Relaxed);
        (position != GONE).then_some(position)
    }

    pub(crate) fn set_position(&self, position: Option<usize>) {
        self.position.store(position.unwrap_or(GONE), Ordering::Relaxed);
    }

    /// Wakes the client's task if it is waiting.
    pub(crate) fn wake(&self) {
        self.waker.wake();
    }
}

/// The client's hold on its member; dropping it is leaving the topic.
pub(crate) struct Membership<M> {
    member: Arc<Member>,
    log: Arc<Log<M>>,
    leaver: mpsc::UnboundedSender<Arc<Member>>,
}

impl<M> Membership<M> {
    pub(crate) fn new(
        member: Arc<Member>,
        log: Arc<Log<M>>,
        leaver: mpsc::UnboundedSender<Arc<Member>>,
    ) -> Self {
        Self { member, log, leaver }
    }

    /// Passes what is new to `take`, `limit` messages at most; 0 is the end of the log.
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        limit: usize,
        mut take: impl FnMut(M),
    ) -> Poll<Result<usize, Evicted>>
    where
        M: Message,
    {
        // A busy topic always has something new; this lets the other tasks of the thread run now and then.
        let coop = ready!(coop::poll_proceed(cx));
        let mut read = self.log.read(&self.member.cursor, limit, &mut take);
        if read.is_pending() {
            self.member.waker.register(cx.waker());
            // Looks again, as the loop may have appended before it could see the waker.
            read = self.log.read(&self.member.cursor, limit, &mut take);
        }
        if read.is_ready() {
            coop.made_progress();
        }
        read
    }

    pub(crate) fn poll_evicted(&self, cx: &mut Context<'_>) -> Poll<Evicted> {
        self.member.waker.register(cx.waker());
        match self.log.check(&self.member.cursor) {
            Ok(()) => Poll::Pending,
            Err(evicted) => Poll::Ready(evicted),
        }
    }
}

impl<M> Drop for Membership<M> {
    fn drop(&mut self) {
        // Fails if the loop has ended, and there is nothing left to leave.
        let _ = self.leaver.send(self.member.clone());
    }
}

const GONE: usize = usize::MAX;
