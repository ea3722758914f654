//! A topic whose messages the engine of a cluster numbers: what is in the log is what the engine delivered, in its order.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::unnumbered::Heard;
use super::{Topic, answer};
use crate::backplane::arrival::{Arrived, Caught, Numbered};
use crate::backplane::early::Early;
use crate::backplane::view::View;
use crate::backplane::wish::Wish;
use crate::backplane::{Attendee, Move};
use crate::conf::BackplaneConf;
use crate::identity::ClientId;
use crate::log::{Entry, Restart};
use crate::message::Message;
use crate::name::UserId;
use crate::presence::{Presence, Snapshot};
use crate::receipt::{Epoch, Position};

/// What a topic has that follows an engine.
pub(super) struct Replica<M> {
    pub(super) mode: Mode,
    /// How far other nodes have been heard, if it does not.
    pub(super) unnumbered: Option<Heard>,
    reorder: Duration,
    linger: Duration,
    early: Early<M>,
    /// Up to here something was published that has not come, and that nobody keeps.
    awaited: u64,
    /// Whether somebody fetches what is missing.
    is_fetching: bool,
    /// This node's clients who are present.
    attendees: HashMap<ClientId, (UserId, Option<Arc<str>>)>,
    view: View,
    /// Since when nobody is there; `None` until it is open.
    pub(super) idle_since: Option<Instant>,
    wishes: Vec<Wish>,
}

#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Mode {
    /// The engine has not said yet where the topic stands.
    Opening,
    /// Nobody is here, and something was published that this node numbers itself.
    Passing,
    Open,
    /// The engine cannot be reached, and the topic goes on by itself.
    Local,
}

/// What a node has of a topic, for the engine to say what is missing: see [`Interest`](crate::backplane::Interest).
#[derive(Default)]
pub(crate) struct Standing {
    pub(crate) after: Option<Position>,
    pub(crate) seen: Option<u64>,
    pub(crate) attendees: Option<Vec<Attendee>>,
}

impl<M: Message> Topic<M> {
    /// Makes it one that follows an engine.
    pub(crate) fn follow(mut self, conf: &BackplaneConf) -> Self {
        self.presence = None; // the engine keeps it
        self.replica = Some(Box::new(Replica {
            mode: Mode::Opening,
            unnumbered: None,
            reorder: conf.reorder,
            linger: conf.linger,
            early: Early::new(),
            awaited: 0,
            is_fetching: false,
            attendees: HashMap::new(),
            view: View::default(),
            idle_since: None,
            wishes: Vec::new(),
        }));
        self
    }

    /// Whether one can join.
    pub(crate) fn is_open(&self) -> bool {
        self.replica.as_ref().is_none_or(|replica| !matches!(replica.mode, Mode::Opening | Mode::Passing))
    }

    /// Takes what was delivered, in its turn and once.
    pub(crate) fn arrive(&mut self, arrived: Arrived<M>, now: Instant) {
        let epoch = self.epoch;
        let next = self.position().offset + 1;
        let Some(replica) = &mut self.replica else { return };
        match (replica.mode, arrived) {
            (_, Arrived::Passed(origin, key, what)) => self.take_passed(origin, key, what, now),
            // It will be fetched when the engine is back for good; there will be a snapshot.
            (Mode::Local | Mode::Passing, _) | (Mode::Opening, Arrived::Presence(_)) => {}
            (Mode::Open, Arrived::Presence(change)) => {
                if !replica.view.apply(&change) {
                    self.miss();
                }
            }
            (Mode::Open, Arrived::Numbered(of, offset, what)) if of == epoch && offset <= next => {
                if offset < next {
                    self.counters.of_loop.repeated.add_alone(1);
                    return;
                }
                self.take(what, now);
                self.take_early(now);
            }
            (mode, Arrived::Numbered(of, offset, what)) => {
                replica.early.keep(of, offset, what, now);
                if mode == Mode::Open && of != epoch {
                    self.miss();
                }
            }
        }
    }

    /// The engine has said where the topic stands, and what this node has missed.
    pub(crate) fn catch_up(&mut self, caught: Caught<M>, now: Instant) {
        let known = self.position();
        let Some(replica) = &mut self.replica else { return };
        let Caught { position, is_complete, mut items, presence } = caught;
        replica.is_fetching = false;
        let is_same = replica.mode == Mode::Open && position.epoch == known.epoch;
        if is_same && position.offset < known.offset {
            return; // it was overtaken by what was delivered
        }
        if is_same && is_complete {
            let mut missed =
                mem::take(&mut items).into_iter().filter(|(offset, _)| *offset > known.offset).peekable();
            self.counters.of_loop.repaired.add_alone(missed.peek().is_some().into());
            for (offset, what) in missed {
                if offset == self.position().offset + 1 {
                    self.take(what, now);
                }
            }
        }
        let is_behind = self.position().offset < position.offset;
        if is_same && is_behind && items.is_empty() {
            self.give_up(position.offset, now);
        } else if !is_same || is_behind {
            // All but what could not be got again; members are told what they lost.
            self.begin_anew(position, items, now);
        }
        if let (Some(presence), Some(replica)) = (presence, &mut self.replica) {
            replica.view.replace(presence);
        }
        self.take_early(now);
        if let Some(replica) = &mut self.replica {
            replica.early.wait_again(now);
        }
    }

    /// Goes on without the engine, with numbers of its own.
    pub(crate) fn go_local(&mut self, epoch: Epoch, now: Instant) {
        let Some(replica) = &mut self.replica else { return };
        if replica.mode == Mode::Local {
            return;
        }
        let was_open = replica.mode == Mode::Open;
        replica.mode = Mode::Local;
        replica.idle_since = Some(now); // who had it opened is about to join
        replica.early.clear();
        if was_open {
            self.restart(Position { offset: 0, epoch }, Vec::new(), now);
        } else {
            self.epoch = epoch;
        }
        self.keys.clear();
        if let (true, Some(replica)) = (self.conf.presence.enabled, &self.replica) {
            let mut presence = Presence::new(self.conf.presence.clone());
            for (client, (user, info)) in &replica.attendees {
                presence.enter(user, *client, info.clone(), now);
            }
            self.presence = Some(presence);
        }
    }

    /// What this node has of the topic; `None` while it is being opened.
    pub(crate) fn standing(&self, with_attendees: bool) -> Option<Standing> {
        let replica = self.replica.as_ref().filter(|_| self.is_open())?;
        let attendee = |(client, (user, info)): (&ClientId, &(UserId, Option<Arc<str>>))| Attendee {
            user: user.clone(),
            client: *client,
            info: info.clone(),
        };
        let after = (replica.mode == Mode::Open).then(|| self.position());
        let seen = after.map(|_| replica.view.version());
        let attendees = with_attendees.then(|| replica.attendees.iter().map(attendee).collect());
        Some(Standing { after, seen, attendees })
    }

    /// What has to be done outside of the loop.
    pub(crate) fn take_wishes(&mut self) -> Vec<Wish> {
        self.replica.as_mut().map(|replica| mem::take(&mut replica.wishes)).unwrap_or_default()
    }

    /// A client comes.
    pub(super) fn attend(&mut self, user: Option<&UserId>, client: ClientId, info: Option<&Arc<str>>) {
        let Some(replica) = self.replica.as_mut().filter(|_| self.conf.presence.enabled) else { return };
        let (Some(user), topic, info) = (user, self.name.clone(), info.cloned()) else { return };
        replica.attendees.insert(client, (user.clone(), info.clone()));
        if replica.mode == Mode::Open {
            let attendee = Attendee { user: user.clone(), client, info };
            replica.wishes.push(Wish::Moved(topic, Move::Enter(attendee)));
        }
    }

    /// A client leaves, perhaps the last one.
    pub(super) fn part(&mut self, user: Option<&UserId>, client: ClientId, clean: bool, now: Instant) {
        let Some(replica) = &mut self.replica else { return };
        let topic = self.name.clone();
        if self.members.is_empty() {
            replica.idle_since = Some(now);
        }
        if let Some(user) = user
            && replica.attendees.remove(&client).is_some()
            && replica.mode == Mode::Open
        {
            replica.wishes.push(Wish::Moved(topic, Move::Leave { user: user.clone(), client, clean }));
        }
    }

    /// Who is present, with one who has just come.
    pub(super) fn seen_by(&self, client: ClientId) -> Option<Snapshot> {
        let replica = self.replica.as_ref().filter(|_| self.conf.presence.enabled)?;
        Some(match replica.attendees.get(&client) {
            Some((user, info)) => replica.view.snapshot_with(user, info.as_ref()),
            None => replica.view.snapshot(),
        })
    }

    /// Who is present, as far as the engine has told.
    pub(super) fn seen(&self) -> Option<Snapshot> {
        self.replica.as_ref().filter(|_| self.conf.presence.enabled).map(|replica| replica.view.snapshot())
    }

    /// Has what is missing fetched, if it has waited for long enough.
    pub(super) fn tick_replica(&mut self, now: Instant) {
        let Some(replica) = &self.replica else { return };
        if replica.missing_at().is_some_and(|at| at <= now) {
            self.miss();
        }
    }

    fn miss(&mut self) {
        let topic = self.name.clone();
        if let Some(replica) = &mut self.replica
            && !mem::replace(&mut replica.is_fetching, true)
        {
            replica.wishes.push(Wish::Missing(topic));
        }
    }

    fn take(&mut self, what: Numbered<M>, now: Instant) {
        let entry = match what {
            Numbered::Message(entry) => Some(entry),
            Numbered::Notice(notice) => {
                let (change, entry) = *notice;
                let is_next = self.replica.as_mut().is_none_or(|replica| replica.view.apply(&change));
                if !is_next {
                    self.miss();
                }
                entry
            }
            Numbered::Broken => None,
        };
        match entry {
            Some(entry) => {
                self.append(entry);
                self.counters.of_loop.published.add_alone(1);
            }
            None => {
                let Position { offset, epoch } = self.position();
                self.restart(Position { offset: offset + 1, epoch }, Vec::new(), now);
            }
        }
    }

    /// Nothing is kept of what is missing. What should have come before something that is here is lost; the rest, up to this
    /// offset, may be on its way, and is lost if it does not come in time.
    fn give_up(&mut self, offset: u64, now: Instant) {
        let (Position { offset: known, epoch }, Some(replica)) = (self.position(), &mut self.replica) else {
            return;
        };
        let awaited = mem::replace(&mut replica.awaited, offset);
        let first = replica.early.first(epoch).filter(|first| *first > known);
        let lost = first.map_or(awaited, |first| first - 1);
        if first.is_none() && lost < offset {
            replica.early.wait(epoch, now);
        }
        if lost > known {
            self.restart(Position { offset: lost, epoch }, Vec::new(), now);
        }
    }

    fn take_early(&mut self, now: Instant) {
        loop {
            let (epoch, next) = (self.epoch, self.position().offset + 1);
            let Some(what) = self.replica.as_mut().and_then(|replica| replica.early.take(epoch, next)) else {
                return;
            };
            self.take(what, now);
        }
    }

    /// Stands where the engine says, with what the topic has kept.
    fn begin_anew(&mut self, position: Position, items: Vec<(u64, Numbered<M>)>, now: Instant) {
        // From behind, as what is broken breaks what is before it off.
        let mut entries = Vec::new();
        let mut offset = position.offset;
        for (of, what) in items.into_iter().rev() {
            let entry = match what {
                Numbered::Message(entry) => Some(entry),
                Numbered::Notice(notice) => notice.1,
                Numbered::Broken => None,
            };
            let Some(entry) = entry.filter(|_| of == offset) else { break };
            entries.push(entry);
            offset -= 1;
        }
        entries.reverse();
        let mode = self.replica.as_mut().map(|replica| mem::replace(&mut replica.mode, Mode::Open));
        if mode == Some(Mode::Local) {
            self.presence = None;
        }
        if self.epoch != position.epoch || mode != Some(Mode::Open) {
            self.keys.clear();
            if let Some(replica) = &mut self.replica {
                (replica.view, replica.awaited) = (View::default(), 0);
            }
        }
        if mode == Some(Mode::Opening) {
            // Who had it opened is about to join.
            if let Some(replica) = &mut self.replica {
                replica.idle_since = Some(now);
            }
            // Nobody has been here, so its own numbers may be anything.
            (self.next, self.shift, self.epoch) = (offset + 1, 0, position.epoch);
            let restart = Restart { first: offset + 1, shift: 0, epoch: position.epoch, is_renewed: false };
            self.next += entries.len() as u64;
            self.bounds = self.log.restart(&restart, entries.into_iter(), now);
            self.fresh.restart(self.bounds.head);
            return;
        }
        self.restart(position, entries, now);
    }

    /// Begins the log anew, up to this position, and lets members find out what they have lost.
    pub(super) fn restart(&mut self, position: Position, entries: Vec<Entry<M>>, now: Instant) {
        let kept = entries.len() as u64;
        let is_renewed = position.epoch != self.epoch;
        let first = if is_renewed {
            // Behind all cursors, also of those who have read everything.
            self.next + 1
        } else {
            (position.offset + 1 - kept).wrapping_add(self.shift)
        };
        let shift = if is_renewed { first.wrapping_sub(position.offset + 1 - kept) } else { self.shift };
        let counts = &self.counters.of_loop;
        if is_renewed { &counts.resets } else { &counts.gaps }.add_alone(1);
        // What was accepted, and nobody has read yet, is among what is lost.
        self.pending.clear();
        self.pending_bytes = 0;
        self.stalled_until = None;
        for (reply, receipt) in self.waiting.drain(..) {
            answer(Some(reply), receipt);
        }
        let restart = Restart { first, shift, epoch: position.epoch, is_renewed };
        self.bounds = self.log.restart(&restart, entries.into_iter(), now);
        (self.next, self.shift, self.epoch) = (self.bounds.head, shift, position.epoch);
        self.fresh.shift(shift);
        self.fresh.restart(self.bounds.head);
        self.ahead = 0;
        self.members.fall_behind();
    }
}

impl<M> Replica<M> {
    fn missing_at(&self) -> Option<Instant> {
        let is_waiting = self.mode == Mode::Open && !self.is_fetching;
        self.early.deadline(self.reorder).filter(|_| is_waiting)
    }

    /// When nobody has been there for long enough; `None` while it is being opened, as that has an end of its own.
    fn over_at(&self) -> Option<Instant> {
        Some(self.idle_since? + self.linger)
    }

    pub(super) fn deadline(&self, is_empty: bool) -> Option<Instant> {
        let over = self.over_at().filter(|_| is_empty);
        [self.missing_at(), over].into_iter().flatten().min()
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.over_at().is_some_and(|at| at <= now)
    }
}
