//! A client, as far as the hub's loops and the client's own task share it.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, PoisonError};
use std::task::{Context, Poll};

use crate::error::{Cause, Error, Evicted};
use crate::event::Reason;
use crate::identity::{ClientId, Identity};
use crate::member::{Member, Membership, Parting};
use crate::name::TopicName;
use crate::outlet::Outlet;
use crate::stats::Counters;
use crate::sync::{AtomicBool, AtomicWaker, Mutex, MutexGuard};

/// What belongs to a client as a whole, whatever the number of its topics.
pub(crate) struct Inbox<M> {
    pub(crate) id: ClientId,
    pub(crate) identity: Identity,
    outlet: OnceLock<Arc<dyn Outlet<M>>>,
    waker: AtomicWaker,
    lane: Mutex<Lane<M>>,
    /// Whether there is something in the lane, to be seen without its lock.
    waiting: AtomicBool,
    /// Wakes who waits for room in the lane.
    room: AtomicWaker,
    max_direct: usize,
    end: OnceLock<Evicted>,
    hub_closed: AtomicBool,
    /// The topics that it is in, or is about to be in: those have no member yet.
    topics: Mutex<Vec<(TopicName, Option<Arc<Member<M>>>)>>,
    counters: Arc<Counters>,
}

struct Lane<M> {
    items: VecDeque<Item<M>>,
    /// Whether the client is no longer there to take anything out.
    is_gone: bool,
}

/// What goes first, before any topic's messages: the control lane.
pub(crate) enum Item<M> {
    Direct(M),
    /// The client is in a topic from here on.
    Seat(Membership<M>),
    /// The client is in a topic no longer: by itself, or for a reason that it has to be told.
    Left(Arc<Member<M>>, Option<Reason>),
}

impl<M> Inbox<M> {
    pub(crate) fn new(id: ClientId, identity: Identity, max_direct: usize, counters: Arc<Counters>) -> Self {
        Self {
            id,
            identity,
            outlet: OnceLock::new(),
            waker: AtomicWaker::new(),
            lane: Mutex::new(Lane { items: VecDeque::new(), is_gone: false }),
            waiting: AtomicBool::new(false),
            room: AtomicWaker::new(),
            max_direct,
            end: OnceLock::new(),
            hub_closed: AtomicBool::new(false),
            topics: Mutex::new(Vec::new()),
            counters,
        }
    }

    /// Lets the loops write to this outlet. The first one counts.
    pub(crate) fn attach(&self, outlet: Arc<dyn Outlet<M>>) {
        let _ = self.outlet.set(outlet);
    }

    pub(crate) fn outlet(&self) -> Option<&Arc<dyn Outlet<M>>> {
        self.outlet.get()
    }

    /// Of all tasks that wait for this client, the last one is woken.
    pub(crate) fn register(&self, cx: &Context<'_>) {
        self.waker.register(cx.waker());
    }

    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    /// Says something to this client. One that has not read what was said before is given up.
    pub(crate) fn say(&self, message: M) {
        if self.push_if_room(message).is_err() {
            self.end(Evicted::new(Cause::TooMuchDirect));
            self.leave_all(Parting::Lost);
        }
    }

    /// The same, but waits for room, and says whether it was taken. Of all tasks that wait, the last one is woken: so one may.
    pub(crate) fn poll_say(&self, cx: &Context<'_>, message: &mut Option<M>) -> Poll<bool> {
        self.room.register(cx.waker());
        let Some(waiting) = message.take() else { return Poll::Ready(true) };
        match self.push_if_room(waiting) {
            Ok(()) => Poll::Ready(true),
            Err(_) if self.ended().is_some() || self.lock().is_gone => Poll::Ready(false),
            Err(refused) => {
                *message = Some(refused);
                Poll::Pending
            }
        }
    }

    /// Puts in what nobody else causes more often than the client itself.
    pub(crate) fn push(&self, item: Item<M>) {
        let mut lane = self.lock();
        if lane.is_gone {
            drop(lane); // first, as a membership that is dropped leaves
            return drop(item);
        }
        lane.items.push_back(item);
        drop(lane);
        self.announce();
    }

    /// Takes what goes first.
    pub(crate) fn pop(&self) -> Option<Item<M>> {
        if !self.waiting.load(Ordering::Acquire) {
            return None;
        }
        let mut lane = self.lock();
        let item = lane.items.pop_front();
        if lane.items.is_empty() {
            lane.items = VecDeque::new(); // a silent client holds no memory of what was said to it
            self.waiting.store(false, Ordering::Release);
        }
        drop(lane);
        self.room.wake();
        item
    }

    /// The client is gone: nothing is taken out any more, nor put in.
    pub(crate) fn go(&self) {
        let mut lane = self.lock();
        lane.is_gone = true;
        let items = std::mem::take(&mut lane.items);
        drop(lane);
        drop(items);
        self.room.wake();
    }

    /// Ends the client; the first cause counts. What it has not taken out of the lane it never gets.
    pub(crate) fn end(&self, evicted: Evicted) {
        if self.end.set(evicted).is_ok() {
            self.counters.of_tasks.ended(&evicted);
            tracing::debug!(client = %self.id, reason = %evicted, "ended by the hub");
            self.go();
            self.wake();
        }
    }

    pub(crate) fn ended(&self) -> Option<Evicted> {
        self.end.get().copied()
    }

    /// The hub is closed: what is there is the last.
    pub(crate) fn close(&self) {
        self.hub_closed.store(true, Ordering::Release);
        self.wake();
        self.room.wake();
    }

    pub(crate) fn is_hub_closed(&self) -> bool {
        self.hub_closed.load(Ordering::Acquire)
    }

    /// Notes that the client is about to join a topic.
    pub(crate) fn reserve(&self, topic: &TopicName, limit: usize) -> Result<(), Error> {
        let mut topics = self.topics();
        if topics.iter().any(|(joined, _)| joined == topic) {
            return Err(Error::AlreadyJoined);
        }
        if topics.len() >= limit {
            return Err(Error::TooManyTopics);
        }
        topics.reserve_exact(1); // a client is in few topics, and there are many clients
        topics.push((topic.clone(), None));
        Ok(())
    }

    /// Notes that it has.
    pub(crate) fn joined(&self, member: &Arc<Member<M>>) {
        if let Some((_, joined)) = self.topics().iter_mut().find(|(topic, _)| *topic == member.topic) {
            *joined = Some(member.clone());
        }
    }

    pub(crate) fn is_in(&self, topic: &TopicName) -> bool {
        self.topics().iter().any(|(joined, member)| joined == topic && member.is_some())
    }

    /// Forgets a topic, and returns the member that the client was in it.
    pub(crate) fn forget(&self, topic: &TopicName) -> Option<Arc<Member<M>>> {
        let mut topics = self.topics();
        let index = topics.iter().position(|(joined, _)| joined == topic)?;
        topics.swap_remove(index).1
    }

    /// Forgets a topic if the client is still this member of it, and not one that joined anew.
    pub(crate) fn forget_member(&self, member: &Arc<Member<M>>) {
        self.topics()
            .retain(|(_, joined)| !joined.as_ref().is_some_and(|joined| Arc::ptr_eq(joined, member)));
    }

    /// Leaves all topics at once, before the client's task gets to it.
    pub(crate) fn leave_all(&self, parting: Parting) {
        self.topics().retain(|(_, member)| {
            let Some(member) = member else { return true };
            member.leave(parting);
            false
        });
    }

    fn push_if_room(&self, message: M) -> Result<(), M> {
        let mut lane = self.lock();
        if lane.is_gone || lane.items.len() >= self.max_direct {
            return Err(message);
        }
        lane.items.push_back(Item::Direct(message));
        drop(lane);
        self.announce();
        Ok(())
    }

    fn announce(&self) {
        self.waiting.store(true, Ordering::Release);
        self.wake();
    }

    fn lock(&self) -> MutexGuard<'_, Lane<M>> {
        self.lane.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn topics(&self) -> MutexGuard<'_, Vec<(TopicName, Option<Arc<Member<M>>>)>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
