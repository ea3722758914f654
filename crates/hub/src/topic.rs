//! A topic: its log and its members, as plain data. Here it is decided who is offered what is new, who is woken and who is
//! evicted.

mod history;
mod members;
mod replica;
mod unnumbered;

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::conf::{Policy, TopicConf};
use crate::error::{Error, Evicted};
use crate::event::Reason;
use crate::inbox::{Inbox, Item};
use crate::join::{Join, Joined};
use crate::keys::{Key, Keys};
use crate::log::{Bounds, Entry, Log};
use crate::member::{Lag, Leave, Member, Membership, Parting};
use crate::message::Message;
use crate::name::TopicName;
use crate::pass::Fresh;
use crate::presence::{Presence, PresenceChange, Snapshot};
use crate::receipt::{Epoch, Position, Receipt};
use crate::stats::Counters;
use members::Members;
use replica::Replica;
pub(crate) use replica::Standing;

/// What is said in one place, and who listens.
pub(crate) struct Topic<M> {
    name: TopicName,
    conf: TopicConf,
    life: Life,
    epoch: Epoch,
    log: Arc<Log<M>>,
    members: Members<M>,
    /// The offset of the next message that is published. Offsets only grow; what is told is less by `shift`.
    next: u64,
    /// 0, unless the topic was numbered anew.
    shift: u64,
    /// Published since the last pass.
    pending: Vec<Entry<M>>,
    pending_bytes: usize,
    /// Who published it, where publishing may stall.
    waiting: Vec<(Reply, Receipt)>,
    stalled_until: Option<Instant>,
    /// What was appended at the last pass.
    fresh: Fresh<M>,
    bounds: Bounds,
    /// So many members are still to be seen.
    ahead: usize,
    /// When the pass began, until somebody asks how long it took.
    began: Option<Instant>,
    /// How much the member has not read that is furthest behind, of those that this pass has seen.
    unread: u64,
    presence: Option<Presence>,
    /// If the topic is one of a cluster's.
    replica: Option<Box<Replica<M>>>,
    keys: Keys,
    counters: Arc<Counters>,
    /// Whether the shard has it in its queue of passes.
    pub(crate) is_queued: bool,
    /// When the shard will look at it, whatever happens.
    pub(crate) due: Option<Instant>,
}

/// One life of a topic: the epoch that it began with, whatever an engine makes of that.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Life(Epoch);

type Reply = oneshot::Sender<Result<Receipt, Error>>;

impl<M: Message> Topic<M> {
    pub(crate) fn new(name: TopicName, conf: TopicConf, epoch: Epoch, counters: Arc<Counters>) -> Self {
        let log = Arc::new(Log::new(&conf, counters.clone()));
        let bounds = log.lock().bounds();
        Self {
            name,
            life: Life(epoch),
            epoch,
            members: Members::new(),
            next: 1,
            shift: 0,
            pending: Vec::new(),
            pending_bytes: 0,
            waiting: Vec::new(),
            stalled_until: None,
            fresh: Fresh::new(),
            bounds,
            log,
            ahead: 0,
            began: None,
            unread: 0,
            presence: conf.presence.enabled.then(|| Presence::new(conf.presence.clone())),
            replica: None,
            keys: Keys::new(conf.keys, conf.keys_age),
            counters,
            is_queued: false,
            due: None,
            conf,
        }
    }

    /// Adds a member. Where it stands, who is there and what follows belong to one moment.
    pub(crate) fn join(
        &mut self,
        inbox: &Arc<Inbox<M>>,
        join: Join,
        leaver: &mpsc::UnboundedSender<Leave<M>>,
        now: Instant,
    ) -> (Membership<M>, Joined) {
        let (cursor, recovered) = self.cursor(join.from);
        let (name, position) = (self.name.clone(), self.members.len());
        let member = Arc::new(Member::new(inbox.clone(), name, cursor, self.next, position, leaver.clone()));
        self.members.push(member.clone());
        let info = join.info.or_else(|| inbox.identity.public_info().cloned());
        self.attend(inbox.identity.user_id(), inbox.id, info.as_ref());
        if let (Some(presence), Some(user)) = (&mut self.presence, inbox.identity.user_id()) {
            let returned = presence.enter(user, inbox.id, info, now);
            self.counters.of_loop.presence_damped.add_alone(returned.into());
        }
        // What is kept here is told first, so that the newcomer is in it.
        let presence = if self.presence.is_some() { None } else { self.seen_by(inbox.id) };
        let joined = Joined { position: self.position(), recovered, presence };
        (Membership::new(member, self.log.clone(), self.conf.policy), joined)
    }

    /// Removes a member; does nothing if it has been removed already.
    pub(crate) fn leave(&mut self, member: &Member<M>, parting: Parting, now: Instant) -> bool {
        let Some(position) = member.position() else { return false };
        self.counters.of_loop.leaves.count(parting, member.inbox.ended());
        self.remove(position, parting != Parting::Lost, now);
        true
    }

    /// Takes a message for the next pass, unless it is one that was taken before.
    pub(crate) fn publish(&mut self, entry: Entry<M>, key: Option<Key>, reply: Option<Reply>) {
        let (at, mut position) = (entry.at, self.position());
        if let Some(offset) = key.as_ref().and_then(|key| self.keys.find(key, at)) {
            position.offset = offset;
            answer(reply, Receipt { position, duplicate: true });
            return;
        }
        self.append(entry);
        position = self.position();
        if let Some(key) = key {
            self.keys.remember(key, position.offset, at);
        }
        let receipt = Receipt { position, duplicate: false };
        match reply {
            Some(reply) if !self.conf.stall.is_zero() => self.waiting.push((reply, receipt)),
            reply => answer(reply, receipt),
        }
    }

    /// Puts a message at the end.
    fn append(&mut self, entry: Entry<M>) {
        self.next += 1;
        self.pending_bytes = self.pending_bytes.saturating_add(entry.weight);
        self.pending.push(entry);
    }

    /// Whether a pass is due before more is published: when about half the log is renewed by it, so that a member that
    /// keeps up survives it.
    pub(crate) fn is_full(&self) -> bool {
        self.pending.len() >= (self.conf.max_messages.get() / 2).max(1)
            || self.pending_bytes > self.conf.max_bytes.get() / 2
    }

    /// Whether there is something for a pass, and it need not wait.
    pub(crate) fn is_ready(&self, now: Instant) -> bool {
        self.ahead > 0 || (!self.pending.is_empty() && self.stalled_until.is_none_or(|until| until <= now))
    }

    /// Appends what is pending to the log; [`advance`](Self::advance) lets the members know. Does not while publishing
    /// stalls.
    pub(crate) fn begin_pass(&mut self, now: Instant) {
        if self.ahead > 0 || self.pending.is_empty() || self.stalls(now) {
            return;
        }
        self.stalled_until = None;
        self.fresh.restart(self.bounds.head);
        for entry in &self.pending {
            self.fresh.push(entry.message.clone(), &entry.audience);
        }
        let pending = self.pending.drain(..);
        self.bounds = self.members.take_over(|caught_up| self.log.append(pending, now, caught_up));
        self.pending.shrink_to(KEPT);
        self.pending_bytes = 0;
        self.ahead = self.members.len();
        self.began = (self.ahead > 0).then_some(now);
        self.unread = 0;
        for (reply, receipt) in self.waiting.drain(..) {
            answer(Some(reply), receipt);
        }
    }

    /// Lets so many members know what is new, and says whether there are more. In between members may join and leave.
    pub(crate) fn advance(&mut self, count: usize, now: Instant) -> bool {
        let end = self.ahead.saturating_sub(count);
        // Backwards, as a removal puts the last member, which has been seen by then, in the place of the removed one.
        while self.ahead > end {
            self.members.fetch_below(self.ahead);
            self.ahead -= 1;
            self.tell(self.ahead, now);
        }
        if end == 0 {
            self.fresh.restart(self.bounds.head);
            self.measure();
        }
        end > 0
    }

    /// When the pass began that has just ended.
    pub(crate) fn take_began(&mut self) -> Option<Instant> {
        if self.ahead > 0 { None } else { self.began.take() }
    }

    /// Notes how far behind the slowest is.
    fn measure(&mut self) {
        if self.unread > 0 {
            let from = self.bounds.head.saturating_sub(self.unread);
            let bytes = self.log.lock().bytes_from(from.max(self.bounds.tail));
            self.counters.of_loop.queue_messages.record(self.unread);
            self.counters.of_loop.queue_bytes.record(bytes);
        }
    }

    /// Lets a member know what is new. One that keeps up takes it: no task is woken, and nothing is kept for it.
    fn tell(&mut self, position: usize, now: Instant) {
        let offered = self.members.offer(position, &self.fresh);
        if let Some((taken, keeps_up)) = offered {
            self.counters.of_loop.delivered_by_loops.add_alone(taken);
            if keeps_up {
                return self.counters.of_loop.offered.add_alone(1);
            }
        }
        if position < self.members.len() {
            self.judge(position, now);
        }
    }

    /// Wakes a member that is behind, or gives it up.
    fn judge(&mut self, position: usize, now: Instant) {
        let member = &self.members[position];
        match (member.lag(&self.bounds), self.conf.policy) {
            (Lag::None, _) => {}
            (Lag::TooFar { unread, .. }, Policy::Evict) => {
                // The slow client: what it reads next is gone. The others do not wait for it.
                let (inbox, limit) = (member.inbox.clone(), self.bounds.limit);
                tracing::debug!(topic = %self.name, client = %inbox.id, unread, ?limit, "evicted");
                self.remove(position, false, now);
                inbox.end(Evicted::too_slow(unread, limit));
                inbox.leave_all(Parting::Lost);
                self.counters.of_loop.leaves.evicted.add_alone(1);
            }
            // What it has lost it finds out by itself, and goes on.
            (lag, _) => {
                self.unread = self.unread.max(lag.unread());
                self.counters.of_loop.woken.add_alone(1);
                member.wake();
            }
        }
    }

    /// Does what is due by now: forgets what is too old, lets ghosts go, gives up who lags by age.
    pub(crate) fn tick(&mut self, now: Instant) {
        self.bounds = self.log.expire(now);
        self.tick_replica(now);
        if let Some(presence) = &mut self.presence {
            presence.expire(now);
        }
        if self.conf.max_age().is_some() && self.ahead == 0 {
            for position in (0..self.members.len()).rev() {
                if !self.members[position].is_live() {
                    self.judge(position, now);
                }
            }
        }
    }

    /// Ends it for good: its members are told.
    pub(crate) fn fail(mut self) {
        for member in self.members.drain() {
            member.set_position(None);
            member.inbox.forget_member(&member);
            member.inbox.push(Item::Left(member.clone(), Some(Reason::Failed)));
            self.counters.of_loop.leaves.count(Parting::Unsubscribed, None);
        }
        // What has panicked may do so again.
        let _ = panic::catch_unwind(AssertUnwindSafe(move || drop(self)));
    }

    /// When there is something to do that nobody asks for.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let presence = self.presence.as_ref().and_then(Presence::deadline);
        let is_unused = self.members.is_empty() && !self.keeps_history();
        let replica = self.replica.as_ref().and_then(|replica| replica.deadline(is_unused));
        // Once it is queued for a pass, that is what ends the stall.
        let stalled = self.stalled_until.filter(|_| !self.is_queued);
        [self.log.lock().expires_at(), presence, stalled, replica].into_iter().flatten().min()
    }

    /// Who came and went, if it is time to tell.
    pub(crate) fn take_change(&mut self, now: Instant) -> Option<PresenceChange> {
        self.presence.as_mut()?.take_change(now)
    }

    /// A change is told: by this message, or not at all.
    pub(crate) fn told(&mut self, notice: Option<Entry<M>>) {
        // Not if an engine keeps presence by now, which tells it itself.
        let Some(presence) = &mut self.presence else { return };
        presence.told();
        if let Some(entry) = notice {
            self.publish(entry, None, None);
        }
    }

    /// Whether nobody is there, and nothing is kept for who comes.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        if let Some(replica) = &self.replica {
            // What is kept for who comes, the engine keeps, if it can.
            let is_unused = self.members.is_empty() && self.pending.is_empty() && !self.keeps_history();
            return is_unused && replica.is_over(now);
        }
        let ring = self.log.lock();
        self.members.is_empty()
            && self.pending.is_empty()
            && self.presence.as_ref().is_none_or(Presence::is_empty)
            && ring.history_tail() == ring.bounds().head
    }

    pub(crate) fn snapshot(&mut self) -> Option<Snapshot> {
        let kept = self.presence.as_mut().map(Presence::snapshot);
        kept.or_else(|| self.seen())
    }

    /// Where the topic stands, with what is pending.
    pub(crate) fn position(&self) -> Position {
        Position { offset: (self.next - 1).wrapping_sub(self.shift), epoch: self.epoch }
    }

    pub(crate) fn life(&self) -> Life {
        self.life
    }

    /// The number of members.
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// Waits a moment, once per pass, for those who would be too far behind after it.
    fn stalls(&mut self, now: Instant) -> bool {
        let stall = self.conf.stall();
        if stall.is_zero() || self.is_full() {
            return false;
        }
        let after =
            Bounds { lag_tail: self.next.saturating_sub(self.conf.max_messages.get() as u64), ..self.bounds };
        let is_lost =
            |member: &Arc<Member<M>>| !member.is_live() && matches!(member.lag(&after), Lag::TooFar { .. });
        if !self.members.iter().any(is_lost) {
            return false;
        }
        *self.stalled_until.get_or_insert(now + stall) > now
    }

    fn remove(&mut self, position: usize, clean: bool, now: Instant) {
        // Also here, so that the log's list does not keep those who come and go while nobody speaks.
        self.members.take_over(|caught_up| self.log.lock().swap_caught_up(caught_up));
        let removed = self.members.swap_remove(position);
        self.ahead = self.ahead.min(self.members.len());
        self.part(removed.inbox.identity.user_id(), removed.inbox.id, clean, now);
        if let (Some(presence), Some(user)) = (&mut self.presence, removed.inbox.identity.user_id()) {
            presence.leave(user, removed.inbox.id, clean, now);
        }
    }
}

impl<M> Topic<M> {
    /// Ends the log, and lets each member know.
    pub(crate) fn close(&mut self) {
        self.log.close();
        self.members.fall_behind();
        self.members.drain().for_each(drop);
    }
}

fn answer(reply: Option<Reply>, receipt: Receipt) {
    if let Some(reply) = reply {
        let _ = reply.send(Ok(receipt)); // who does not wait for it need not have it
    }
}

/// So much room for messages is kept from one pass to the next.
const KEPT: usize = 64;
