//! The log of a topic: its newest messages, bounded, shared by the loop that writes and the clients that read.
//!
//! Who reads is not known here: a reader brings its cursor.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::{Arc, PoisonError};

use tokio::time::Instant;

use crate::conf::TopicConf;
use crate::member::Member;
use crate::message::Message;
use crate::post::{Audience, Post};
use crate::receipt::{Epoch, Position};
use crate::stats::Counters;
use crate::sync::{Mutex, MutexGuard};
use crate::window::{Limit, Window};

/// An append-only sequence of messages, of which the newest are kept.
///
/// The offset of a message is its place in the sequence; the first one has offset 1. The log holds those from the tail up to
/// the head, which is the offset of the next one.
pub(crate) struct Log<M> {
    ring: Mutex<Ring<M>>,
    /// Where those who read it count what they read.
    pub(crate) counters: Arc<Counters>,
}

/// A message in the log.
pub(crate) struct Entry<M> {
    pub(crate) message: M,
    pub(crate) weight: usize,
    pub(crate) at: Instant,
    pub(crate) audience: Audience,
    /// Later entries with the same word make this one superfluous.
    pub(crate) replaces: Option<Arc<str>>,
    /// Whether it is the hub's own, and not somebody's message.
    pub(crate) is_notice: bool,
    /// What came before it weighs so much; set by the log.
    pub(crate) before: u64,
}

/// Which offsets a log holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// The oldest.
    pub(crate) tail: u64,
    /// The oldest that a member may be behind.
    pub(crate) lag_tail: u64,
    /// The next one.
    pub(crate) head: u64,
    /// Which limit a member is beyond that is further behind.
    pub(crate) limit: Limit,
    /// Who has not come as far as this has lost something, and not because it was slow.
    pub(crate) floor: u64,
    /// Who has not come as far as this has to be told that the topic is numbered anew.
    pub(crate) renewed: u64,
}

/// The log, while it is locked.
pub(crate) struct Ring<M> {
    entries: VecDeque<Entry<M>>,
    /// The offset of the oldest entry. It only grows.
    tail: u64,
    /// What members may still have to read.
    lag: Window,
    /// What is kept for members to come.
    history: Window,
    /// The newest of the entries that replace each other, by their word.
    newest: HashMap<Arc<str>, u64>,
    /// Members who have read everything, and whose cursors the loop has not taken yet.
    caught_up: Vec<Arc<Member<M>>>,
    closed: bool,
    /// What all that was ever appended weighs.
    bytes: u64,
    /// How the log's own offsets, which only grow, differ from those that are told; 0 unless the topic was numbered anew.
    shift: u64,
    epoch: Epoch,
    floor: u64,
    renewed: u64,
}

/// How a log begins anew, after a loss that is not its members' fault.
pub(crate) struct Restart {
    /// The offset of what comes first then.
    pub(crate) first: u64,
    pub(crate) shift: u64,
    pub(crate) epoch: Epoch,
    /// The numbers are new, and those who were there go on behind what the log then has.
    pub(crate) is_renewed: bool,
}

impl<M: Message> Entry<M> {
    /// What is published now. Weighed here, so that a panic in user code hits the one who publishes, not the loop.
    pub(crate) fn new(post: Post<M>) -> Self {
        let Post { message, audience, replaces, .. } = post;
        let weight = message.weight().saturating_add(replaces.as_ref().map_or(0, |word| word.len()));
        Self { message, weight, at: Instant::now(), audience, replaces, is_notice: false, before: 0 }
    }
}

impl<M> Entry<M> {
    /// Whether those who come later want it: it is a message, and was for everyone.
    pub(crate) fn is_history(&self) -> bool {
        !self.is_notice && self.audience.is_all()
    }
}

impl<M> Log<M> {
    pub(crate) fn new(conf: &TopicConf, counters: Arc<Counters>) -> Self {
        let history = &conf.history;
        let ring = Ring {
            entries: VecDeque::new(),
            tail: 1,
            lag: Window::new(conf.max_messages.get(), conf.max_bytes.get(), conf.max_age()),
            history: Window::new(history.max_messages, history.max_bytes, Some(history.max_age)),
            newest: HashMap::new(),
            caught_up: Vec::new(),
            closed: false,
            bytes: 0,
            shift: 0,
            epoch: Epoch(0),
            floor: 0,
            renewed: 0,
        };
        Self { ring: Mutex::new(ring), counters }
    }

    /// Drops all that there is, and has these entries instead.
    pub(crate) fn restart(
        &self,
        restart: &Restart,
        entries: impl Iterator<Item = Entry<M>>,
        now: Instant,
    ) -> Bounds {
        let mut ring = self.lock();
        let before = ring.weight();
        ring.restart(restart);
        for entry in entries {
            ring.push(entry);
        }
        if restart.is_renewed {
            ring.renewed = ring.head();
            ring.floor = ring.renewed;
        }
        ring.trim(now);
        self.weighs(before, ring.weight());
        ring.bounds()
    }

    /// Appends entries, all under one lock, and gives those who have caught up, for an empty list.
    pub(crate) fn append(
        &self,
        entries: impl Iterator<Item = Entry<M>>,
        now: Instant,
        empty: &mut Vec<Arc<Member<M>>>,
    ) -> Bounds {
        let mut ring = self.lock();
        ring.swap_caught_up(empty);
        let before = ring.weight();
        for entry in entries {
            ring.push(entry);
        }
        ring.trim(now);
        self.weighs(before, ring.weight());
        ring.bounds()
    }

    /// Forgets what is too old.
    pub(crate) fn expire(&self, now: Instant) -> Bounds {
        let mut ring = self.lock();
        let before = ring.weight();
        ring.trim(now);
        self.weighs(before, ring.weight());
        ring.bounds()
    }

    /// Ends the log: what it holds can still be read.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Ring<M>> {
        // Only a message's `clone` or `drop` can panic under the lock, and the ring is whole whenever they are called.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M> Log<M> {
    /// Counts what is held by all logs.
    fn weighs(&self, before: u64, now: u64) {
        if now != before {
            self.counters.of_loop.held_bytes.add(now.wrapping_sub(before));
        }
    }
}

impl<M> Drop for Log<M> {
    fn drop(&mut self) {
        let held = self.lock().weight();
        self.weighs(held, 0);
    }
}

impl<M> Ring<M> {
    /// What it holds weighs so much.
    fn weight(&self) -> u64 {
        self.bytes_from(self.tail)
    }

    /// The offset of the next message.
    pub(crate) fn head(&self) -> u64 {
        self.tail + self.entries.len() as u64
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn bounds(&self) -> Bounds {
        let (tail, lag_tail, head) = (self.tail, self.lag.tail(), self.head());
        let limit = self.lag.limit();
        Bounds { tail, lag_tail, head, limit, floor: self.floor, renewed: self.renewed }
    }

    /// Notes that a member has read everything, for the loop to take its cursor when it next appends.
    pub(crate) fn catch_up(&mut self, member: Arc<Member<M>>) {
        self.caught_up.push(member);
    }

    /// Gives those who have, for an empty list.
    pub(crate) fn swap_caught_up(&mut self, empty: &mut Vec<Arc<Member<M>>>) {
        mem::swap(&mut self.caught_up, empty);
    }

    /// An offset as it is told.
    pub(crate) fn told(&self, offset: u64) -> u64 {
        offset.wrapping_sub(self.shift)
    }

    /// Where the topic stood when it was numbered anew.
    pub(crate) fn renewed_at(&self) -> Position {
        Position { offset: self.told(self.renewed - 1), epoch: self.epoch }
    }

    /// The offset of the oldest message that is kept for those who come, or the head's.
    pub(crate) fn history_tail(&self) -> u64 {
        self.history.tail()
    }

    /// When the oldest entry that a limit of age holds for will be too old.
    pub(crate) fn expires_at(&self) -> Option<Instant> {
        let at = |window: &Window| {
            let entry = self.entries.get(self.index(window.tail()))?;
            entry.at.checked_add(window.max_age()?) // a day that never comes is no deadline
        };
        [at(&self.lag), at(&self.history)].into_iter().flatten().min()
    }

    /// The entries from this offset on. One that is not there is an empty range or the whole.
    pub(crate) fn from(&self, offset: u64) -> impl DoubleEndedIterator<Item = (u64, &Entry<M>)> {
        let first = self.index(offset).min(self.entries.len());
        let (tail, entries) = (self.tail, self.entries.range(first..).enumerate());
        entries.map(move |(index, entry)| (tail + (first + index) as u64, entry))
    }

    /// What the entries from this offset on weigh.
    pub(crate) fn bytes_from(&self, offset: u64) -> u64 {
        self.entries.get(self.index(offset)).map_or(0, |entry| self.bytes - entry.before)
    }

    /// Whether a newer entry makes this one superfluous.
    pub(crate) fn is_replaced(&self, offset: u64, entry: &Entry<M>) -> bool {
        entry
            .replaces
            .as_ref()
            .is_some_and(|word| self.newest.get(word).is_some_and(|newest| *newest > offset))
    }

    fn index(&self, offset: u64) -> usize {
        usize::try_from(offset.saturating_sub(self.tail)).unwrap_or(usize::MAX)
    }

    fn push(&mut self, mut entry: Entry<M>) {
        entry.before = self.bytes;
        self.bytes = self.bytes.saturating_add(entry.weight as u64);
        if let Some(word) = &entry.replaces {
            self.newest.insert(word.clone(), self.head());
        }
        self.lag.push(entry.weight);
        self.history.push(entry.weight);
        self.entries.push_back(entry);
        // Here, so that a burst does not pile up what nobody may read any more.
        self.trim_full();
    }

    fn restart(&mut self, restart: &Restart) {
        self.entries.clear();
        self.newest.clear();
        self.lag.restart(restart.first);
        self.history.restart(restart.first);
        (self.tail, self.floor) = (restart.first, restart.first);
        (self.shift, self.epoch) = (restart.shift, restart.epoch);
    }

    fn trim(&mut self, now: Instant) {
        let Self { entries, tail, lag, history, .. } = self;
        let at = |offset: u64| {
            let index = usize::try_from(offset - *tail).unwrap_or(usize::MAX);
            entries.get(index).map(|entry| (entry.weight, entry.at))
        };
        lag.expire(now, at);
        history.expire(now, at);
        self.forget();
    }

    fn trim_full(&mut self) {
        let Self { entries, tail, lag, history, .. } = self;
        let weight = |offset: u64| entries[usize::try_from(offset - *tail).expect("it is in memory")].weight;
        lag.shrink(weight);
        history.shrink(weight);
        self.forget();
    }

    /// Drops what is in neither window.
    fn forget(&mut self) {
        let tail = self.lag.tail().min(self.history.tail());
        while self.tail < tail {
            let offset = self.tail;
            self.tail += 1;
            let Some(entry) = self.entries.pop_front() else {
                return;
            };
            if let Some(word) = &entry.replaces
                && self.newest.get(word) == Some(&offset)
            {
                self.newest.remove(word);
            }
        }
    }
}
