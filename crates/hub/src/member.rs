//! A member of a topic: a client's cursor into its log, shared by the loop and the client's task.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;

use crate::conf::Policy;
use crate::error::Evicted;
use crate::event::Event;
use crate::inbox::Inbox;
use crate::log::{Bounds, Log};
use crate::message::Message;
use crate::name::TopicName;
use crate::sync::{AtomicBool, AtomicU64, AtomicUsize};

/// What the loop knows of a client in a topic.
///
/// Of the two that share it, one at a time moves the cursor: the loop while the member is live, the client's task while
/// it is behind. Only the owner hands over.
pub(crate) struct Member<M> {
    pub(crate) inbox: Arc<Inbox<M>>,
    pub(crate) topic: TopicName,
    /// The offset of the next message that the client gets. While the member is live it stands still: the loop counts on in the
    /// topic's own row.
    ///
    /// Relaxed is enough: it is handed over by `live`, and the client moves it under the log's lock, which the loop has
    /// held before it looks.
    cursor: AtomicU64,
    /// The head of the log when the client joined. What was before is history, and no lag.
    joined_at: u64,
    /// Whether the loop offers messages to the outlet, instead of waking the client's task.
    live: AtomicBool,
    /// Whether there may be something for the client's task.
    ready: AtomicBool,
    /// Where the topic has it, or `GONE`. Atomic because it is shared; only the loop uses it.
    position: AtomicUsize,
    leaver: mpsc::UnboundedSender<Leave<M>>,
}

impl<M> Member<M> {
    pub(crate) fn new(
        inbox: Arc<Inbox<M>>,
        topic: TopicName,
        cursor: u64,
        joined_at: u64,
        position: usize,
        leaver: mpsc::UnboundedSender<Leave<M>>,
    ) -> Self {
        Self {
            inbox,
            topic,
            cursor: AtomicU64::new(cursor),
            joined_at,
            live: AtomicBool::new(false),
            ready: AtomicBool::new(true),
            position: AtomicUsize::new(position),
            leaver,
        }
    }

    pub(crate) fn is_live(&self) -> bool {
        self.live.load(Ordering::Acquire)
    }

    /// The cursor, and whether it is further behind than it may be.
    pub(crate) fn lag(&self, log: &Bounds) -> Lag {
        Lag::of(self.cursor.load(Ordering::Relaxed), self.joined_at, log)
    }

    /// Tells the topic's loop that the client is there no longer.
    pub(crate) fn leave(self: &Arc<Self>, parting: Parting) {
        // Fails if the loop has ended, and there is nothing left to leave.
        let _ = self.leaver.send(Leave::Topic { member: self.clone(), parting });
    }

    /// The cursor, if it is the loop's.
    pub(crate) fn live_cursor(&self) -> Option<u64> {
        self.is_live().then(|| self.cursor.load(Ordering::Relaxed))
    }

    /// Hands the cursor to the client's task, where the loop has moved it to.
    pub(crate) fn fall_behind(&self, cursor: Option<u64>) {
        if let Some(cursor) = cursor {
            self.cursor.store(cursor, Ordering::Relaxed);
        }
        self.live.store(false, Ordering::Release);
    }

    pub(crate) fn position(&self) -> Option<usize> {
        let position = self.position.load(Ordering::Relaxed);
        (position != GONE).then_some(position)
    }

    pub(crate) fn set_position(&self, position: Option<usize>) {
        self.position.store(position.unwrap_or(GONE), Ordering::Relaxed);
    }

    /// Wakes the client's task if it is waiting: once, until it has looked.
    pub(crate) fn wake(&self) {
        if !self.look() {
            self.inbox.wake();
        }
    }

    /// There may be something for the client's task. Returns whether it was to look already.
    fn look(&self) -> bool {
        self.ready.swap(true, Ordering::AcqRel)
    }
}

/// How far a member is behind.
pub(crate) enum Lag {
    /// Not at all.
    None,
    /// As far as it may be: so much there is that it has not read.
    Permitted { unread: u64 },
    /// Further: so much there is that it has not read, and the oldest that it may still have is at `resume`.
    TooFar { unread: u64, resume: u64 },
    /// It is not too slow, but of the history that it asked for, or that nodes have lost, what is before `resume` is gone.
    LostHistory { resume: u64 },
    /// The topic is numbered anew, and nobody knows what is lost. It goes on at `resume`.
    Renewed { resume: u64 },
}

impl Lag {
    /// How much there is that it has not read, and may read.
    pub(crate) fn unread(&self) -> u64 {
        match self {
            Self::None | Self::LostHistory { .. } | Self::Renewed { .. } => 0,
            Self::Permitted { unread } | Self::TooFar { unread, .. } => *unread,
        }
    }

    fn of(cursor: u64, joined_at: u64, log: &Bounds) -> Self {
        let unread = log.head.saturating_sub(cursor);
        if cursor.max(joined_at) < log.floor {
            let is_renewed = cursor.max(joined_at) < log.renewed;
            return match is_renewed {
                true => Self::Renewed { resume: log.renewed },
                false => Self::LostHistory { resume: log.floor },
            };
        }
        if cursor.max(joined_at) < log.lag_tail {
            return Self::TooFar { unread, resume: log.lag_tail };
        }
        if cursor < log.tail {
            return Self::LostHistory { resume: log.tail };
        }
        if unread > 0 { Self::Permitted { unread } } else { Self::None }
    }
}

/// The client's hold on its member; dropping it is leaving the topic.
pub(crate) struct Membership<M> {
    member: Arc<Member<M>>,
    log: Arc<Log<M>>,
    policy: Policy,
    /// Whether it skips what has been replaced, until it has caught up.
    is_conflating: bool,
}

/// A client is no longer in a topic, or no longer there at all.
pub(crate) enum Leave<M> {
    Topic { member: Arc<Member<M>>, parting: Parting },
    Hub(Arc<Inbox<M>>),
}

/// How a client left a topic.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Parting {
    /// It said so.
    Clean,
    /// It was cut off, and may return.
    Lost,
    /// The server took it out.
    Unsubscribed,
}

/// What a client's task took out of a topic's log.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Taken {
    /// There is nothing, now.
    Nothing,
    /// So many events.
    Some(usize),
    /// There is nothing, and there will not be anything.
    End,
}

impl<M: Message> Membership<M> {
    pub(crate) fn new(member: Arc<Member<M>>, log: Arc<Log<M>>, policy: Policy) -> Self {
        Self { member, log, policy, is_conflating: false }
    }

    /// Something has changed that reading has to find out.
    pub(crate) fn look_again(&self) {
        self.member.look();
    }

    /// Passes what is new to `take`, `limit` events at most.
    ///
    /// All under the log's lock, so that the tail cannot pass the cursor in between. A member that has an outlet becomes live
    /// when there is nothing left to read: also under the lock, so that what is appended next is offered to it. It does not
    /// while the client `has_more` to write, as an answer that was taken before: what is offered would overtake that.
    pub(crate) fn read(
        &mut self,
        limit: usize,
        has_more: bool,
        take: &mut impl FnMut(Event<M>),
    ) -> Result<Taken, Evicted> {
        let member = &self.member;
        // In this order: a wake that came for nothing must not keep the next one from being one.
        if limit == 0 || !member.ready.swap(false, Ordering::AcqRel) || member.is_live() {
            return Ok(Taken::Nothing);
        }
        let (mut ring, counters) = (self.log.lock(), &self.log.counters.of_tasks);
        let mut next = member.cursor.load(Ordering::Relaxed);
        let mut count = 0;
        let lag = Lag::of(next, member.joined_at, &ring.bounds());
        let resume = match (&lag, self.policy) {
            (Lag::None | Lag::Permitted { .. }, _) => next,
            (Lag::TooFar { unread, .. }, Policy::Evict) => {
                member.look();
                return Err(Evicted::too_slow(*unread, ring.bounds().limit));
            }
            (Lag::TooFar { resume, .. }, policy) => {
                self.is_conflating = policy == Policy::Conflate;
                let dropped = &counters.dropped;
                let lost = if self.is_conflating { &dropped.conflated } else { &dropped.oldest };
                lost.add(resume - next);
                *resume
            }
            (Lag::LostHistory { resume }, _) => {
                counters.dropped.history.add(resume - next);
                *resume
            }
            (Lag::Renewed { resume }, _) => *resume,
        };
        if resume > next {
            let topic = member.topic.clone();
            take(match lag {
                Lag::Renewed { .. } => Event::Reset { topic, position: ring.renewed_at() },
                _ => Event::Gap { topic, from: ring.told(next), to: ring.told(resume - 1) },
            });
            count = 1;
            next = resume;
        }
        let inbox = &member.inbox;
        let (mut read, mut replaced) = (0, 0);
        // A member that joined while messages were pending is ahead of the head until they are appended.
        for (offset, entry) in ring.from(next) {
            if count >= limit {
                break;
            }
            next = offset + 1;
            let is_for_it = entry.audience.has(inbox.id, &inbox.identity);
            if is_for_it && self.is_conflating && ring.is_replaced(offset, entry) {
                replaced += 1;
            } else if is_for_it {
                let (topic, offset) = (member.topic.clone(), ring.told(offset));
                take(Event::Message { topic, offset, message: entry.message.clone() });
                count += 1;
                read += 1;
            }
        }
        counters.delivered_by_tasks.add(read);
        counters.dropped.conflated.add(replaced);
        member.cursor.store(next, Ordering::Relaxed);
        self.is_conflating &= next < ring.head();
        if count > 0 {
            // Looks again, as it becomes live only when it finds nothing.
            member.look();
            return Ok(Taken::Some(count));
        }
        if ring.is_closed() {
            member.look();
            return Ok(Taken::End);
        }
        if inbox.outlet().is_some() {
            if has_more {
                member.look();
            } else {
                member.live.store(true, Ordering::Release);
                ring.catch_up(member.clone());
            }
        }
        Ok(Taken::Nothing)
    }
}

impl<M> Membership<M> {
    pub(crate) fn member(&self) -> &Arc<Member<M>> {
        &self.member
    }
}

impl<M> Drop for Membership<M> {
    fn drop(&mut self) {
        self.member.inbox.forget_member(&self.member);
        self.member.leave(Parting::Lost);
    }
}

const GONE: usize = usize::MAX;
