//! A member of a topic: a cursor, a waker and an outlet, shared by the loop and the client.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use atomic_waker::AtomicWaker;
use tokio::sync::mpsc;
use tokio::task::coop;

use crate::log::{Log, Message};
use crate::{Evicted, Outlet};

/// What the loop knows of a client.
///
/// Of the two that share it, one at a time moves the cursor: the loop while the member is live, the client's task while
/// it is behind. Only the owner hands over.
pub(crate) struct Member<M> {
    /// The offset of the next message that the client gets.
    ///
    /// Relaxed is enough: it is handed over by `live`, and the client moves it under the log's lock, which the loop has
    /// held before it looks.
    cursor: AtomicU64,
    /// Whether the loop offers messages to the outlet, instead of waking the client's task.
    live: AtomicBool,
    outlet: OnceLock<Arc<dyn Outlet<M>>>,
    waker: AtomicWaker,
    /// Where the topic has it, or `GONE`. Atomic because it is shared; only the loop uses it.
    position: AtomicUsize,
}

impl<M> Member<M> {
    pub(crate) fn new(cursor: u64, position: usize) -> Self {
        Self {
            cursor: cursor.into(),
            live: AtomicBool::new(false),
            outlet: OnceLock::new(),
            waker: AtomicWaker::new(),
            position: position.into(),
        }
    }

    pub(crate) fn cursor(&self) -> u64 {
        self.cursor.load(Ordering::Relaxed)
    }

    pub(crate) fn is_live(&self) -> bool {
        self.live.load(Ordering::Acquire)
    }

    /// Offers what the cursor has not passed yet of `messages`, the first of which has the offset `first`. Whatever the
    /// outlet does not take leaves the member behind. For the loop, and live members only.
    pub(crate) fn offer(&self, messages: &[M], first: u64) {
        let cursor = self.cursor();
        // A client may have read some of them already, and become live after that.
        let seen = usize::try_from(cursor.saturating_sub(first)).unwrap_or(usize::MAX).min(messages.len());
        let new = &messages[seen..];
        let taken = self.outlet.get().map_or(0, |outlet| outlet.offer(new)).min(new.len());
        self.cursor.store(cursor + taken as u64, Ordering::Relaxed);
        if taken < new.len() {
            self.fall_behind();
        }
    }

    /// Hands the cursor to the client's task.
    pub(crate) fn fall_behind(&self) {
        self.live.store(false, Ordering::Release);
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
    member: Arc<Member<M>>,
    log: Arc<Log<M>>,
    leaver: mpsc::UnboundedSender<Arc<Member<M>>>,
}

impl<M> Membership<M> {
    pub(crate) fn new(
        member: Arc<Member<M>>,
        log: Arc<Log<M>>,
        leaver: mpsc::UnboundedSender<Arc<Member<M>>>,
    ) -> Self {
        Self { member, log, leaver }
    }

    /// Lets the loop use this outlet when the client is live; the first one counts.
    pub(crate) fn attach(&self, outlet: Arc<dyn Outlet<M>>) {
        let _ = self.member.outlet.set(outlet);
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
        let mut read = self.read(limit, &mut take);
        if read.is_pending() {
            self.member.waker.register(cx.waker());
            // Looks again, as the loop may have appended before it could see the waker.
            read = self.read(limit, &mut take);
        }
        if read.is_ready() {
            coop.made_progress();
        }
        read
    }

    fn read(&self, limit: usize, take: &mut impl FnMut(M)) -> Poll<Result<usize, Evicted>>
    where
        M: Message,
    {
        if self.member.is_live() {
            return Poll::Pending;
        }
        let live = self.member.outlet.get().map(|_| &self.member.live);
        self.log.read(&self.member.cursor, live, limit, take)
    }

    pub(crate) fn poll_evicted(&self, cx: &mut Context<'_>) -> Poll<Evicted> {
        self.member.waker.register(cx.waker());
        // While the loop offers, the cursor may be behind the tail for a moment.
        if self.member.is_live() {
            return Poll::Pending;
        }
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
