//! The hub as plain maps and whole histories: slow, and simple enough to be believed.

#![expect(clippy::cast_possible_truncation, reason = "a test has few messages")]

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::conf::{HistoryConf, Policy, TopicConf};
use crate::error::Cause;
use crate::join::From;
use crate::post::Audience;
use crate::receipt::Epoch;

/// A client, by the slot in which the test has it.
pub(super) type Slot = usize;

pub(super) struct Reference {
    pub(super) conf: TopicConf,
    pub(super) rooms: BTreeMap<String, Room>,
    pub(super) people: BTreeMap<Slot, Person>,
}

/// A topic: everything that was ever said in it.
#[derive(Default)]
pub(super) struct Room {
    pub(super) epoch: Option<Epoch>,
    lines: Vec<Line>,
    /// So many of them the members may have.
    appended: u64,
    lag_tail: u64,
    history_tail: u64,
    pub(super) seats: BTreeMap<Slot, Seat>,
    keys: Vec<(Option<String>, String, u64, Instant)>,
    /// Devices of users, in their order; with an end if they are ghosts.
    devices: BTreeMap<String, Vec<(Slot, Option<Instant>)>>,
}

#[derive(Clone)]
pub(super) struct Line {
    pub(super) number: u32,
    pub(super) weight: usize,
    pub(super) at: Instant,
    pub(super) audience: Audience,
    pub(super) replaces: Option<String>,
    pub(super) is_notice: bool,
}

pub(super) struct Seat {
    /// How many lines it has seen, or passed.
    seen: u64,
    joined_at: u64,
    is_live: bool,
}

#[derive(Default)]
pub(super) struct Person {
    pub(super) user: Option<String>,
    /// Whom the audience of a line is compared with.
    pub(super) matches: Vec<Audience>,
    /// How much an outlet takes, if there is one.
    pub(super) room: Option<usize>,
    /// What the outlet has taken.
    pub(super) taken: Vec<u32>,
    pub(super) lane: Vec<Heard>,
    pub(super) ended: Option<Cause>,
}

/// What a client hears.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Heard {
    Said { topic: String, offset: u64, number: u32 },
    Direct(u32),
    Gap { topic: String, from: u64, to: u64 },
    Left(String),
    End(Cause),
}

impl Reference {
    pub(super) fn room(&mut self, topic: &str) -> &mut Room {
        let fresh = || Room { lag_tail: 1, history_tail: 1, ..Room::default() };
        self.rooms.entry(topic.to_owned()).or_insert_with(fresh)
    }

    /// Who is told of in presence, if it is kept.
    fn user(&self, slot: Slot) -> Option<String> {
        self.people[&slot].user.clone().filter(|_| self.conf.presence.enabled)
    }

    /// Where a newcomer begins, and whether that is all that it asked for.
    pub(super) fn join(&mut self, slot: Slot, topic: &str, from: From, now: Instant) -> bool {
        let history = self.conf.history.clone();
        let user = self.user(slot);
        let room = self.room(topic);
        let (next, found) = room.start(from, &history);
        let joined_at = room.lines.len() as u64 + 1;
        room.seats.insert(slot, Seat { seen: next - 1, joined_at, is_live: false });
        if let Some(user) = user {
            let devices = room.devices.entry(user).or_default();
            if let Some(ghost) = devices.iter().position(|(_, until)| until.is_some_and(|until| until > now))
            {
                devices.remove(ghost);
            }
            devices.push((slot, None));
        }
        found
    }

    /// Ends a client's being in a topic, if it is in it.
    pub(super) fn leave(&mut self, slot: Slot, topic: &str, is_clean: bool, now: Instant) -> bool {
        let (grace, user) = (self.conf.presence.grace, self.user(slot));
        let room = self.room(topic);
        if room.seats.remove(&slot).is_none() {
            return false;
        }
        let Some(user) = user else { return true };
        let devices = room.devices.get_mut(&user).expect("it was there");
        let index = devices.iter().position(|device| *device == (slot, None)).expect("it was there");
        if is_clean || grace.is_zero() {
            devices.remove(index);
        } else {
            devices[index].1 = Some(now + grace);
        }
        true
    }

    pub(super) fn leave_all(&mut self, slot: Slot, is_clean: bool, now: Instant) {
        for topic in self.rooms.keys().cloned().collect::<Vec<_>>() {
            self.leave(slot, &topic, is_clean, now);
        }
    }

    /// The offset that a publication gets, and whether it was a retry.
    pub(super) fn publish(
        &mut self,
        topic: &str,
        line: Line,
        key: Option<(Option<String>, String)>,
    ) -> (u64, bool) {
        let (limit, max_age) = (self.conf.keys, self.conf.keys_age);
        let room = self.room(topic);
        if let Some((owner, key)) = key {
            room.keys.retain(|(.., at)| line.at - *at < max_age);
            if let Some((.., offset, _)) = room.keys.iter().find(|known| known.0 == owner && known.1 == key) {
                return (*offset, true);
            }
            room.keys.push((owner, key, room.lines.len() as u64 + 1, line.at));
            let surplus = room.keys.len().saturating_sub(limit);
            room.keys.drain(..surplus);
        }
        room.lines.push(line);
        (room.lines.len() as u64, false)
    }

    /// Lets the members know what has been said.
    pub(super) fn pass(&mut self, topic: &str, now: Instant) {
        let Self { conf, rooms, people } = self;
        let Some(room) = rooms.get_mut(topic) else { return };
        if room.appended == room.lines.len() as u64 {
            return;
        }
        while room.appended < room.lines.len() as u64 {
            room.appended += 1;
            room.shrink(conf);
        }
        room.expire(conf, now);
        let lines = &room.lines;
        for (slot, seat) in room.seats.iter_mut().filter(|(_, seat)| seat.is_live) {
            let person = people.get_mut(slot).expect("a member is somebody");
            while let Some(line) = lines.get(seat.seen as usize) {
                if line.is_for(person) {
                    let Some(room) = person.room.as_mut().filter(|room| **room > 0) else { break };
                    *room -= 1;
                    person.taken.push(line.number);
                }
                seat.seen += 1;
            }
            seat.is_live = seat.seen == lines.len() as u64;
        }
        self.judge(topic, now);
    }

    /// Gives up whoever is too far behind, where that is the policy.
    fn judge(&mut self, topic: &str, now: Instant) {
        if self.conf.policy != Policy::Evict {
            return;
        }
        let room = self.room(topic);
        let is_lost = |(_, seat): &(&Slot, &Seat)| !seat.is_live && room.is_too_far(seat);
        let lost: Vec<_> = room.seats.iter().filter(is_lost).map(|(slot, _)| *slot).collect();
        for slot in lost {
            self.end(slot, Cause::TooSlow);
            self.leave_all(slot, false, now);
        }
    }

    pub(super) fn end(&mut self, slot: Slot, cause: Cause) {
        let person = self.people.get_mut(&slot).expect("somebody");
        person.ended.get_or_insert(cause);
    }

    /// What a client reads that reads all there is.
    pub(super) fn read(&mut self, slot: Slot) -> Vec<Heard> {
        let Self { conf, rooms, people } = self;
        let person = people.get_mut(&slot).expect("somebody");
        if let Some(cause) = person.ended {
            return vec![Heard::End(cause)];
        }
        let mut heard = std::mem::take(&mut person.lane);
        for (topic, room) in rooms {
            let (is_too_far, tail) = {
                let Some(seat) = room.seats.get(&slot).filter(|seat| !seat.is_live) else { continue };
                (room.is_too_far(seat), room.lag_tail.min(room.history_tail))
            };
            let (lines, appended, lag_tail) = (&room.lines, room.appended, room.lag_tail);
            let seat = room.seats.get_mut(&slot).expect("it has just been there");
            let resume = if is_too_far { lag_tail } else { tail };
            if resume > seat.seen + 1 {
                heard.push(Heard::Gap { topic: topic.clone(), from: seat.seen + 1, to: resume - 1 });
                seat.seen = resume - 1;
            }
            let is_conflating = is_too_far && conf.policy == Policy::Conflate;
            while seat.seen < appended {
                let (offset, line) = (seat.seen + 1, &lines[seat.seen as usize]);
                let later = &lines[offset as usize..appended as usize];
                let is_replaced =
                    line.replaces.is_some() && later.iter().any(|later| later.replaces == line.replaces);
                if line.is_for(person) && !(is_conflating && is_replaced) {
                    heard.push(Heard::Said { topic: topic.clone(), offset, number: line.number });
                }
                seat.seen = offset;
            }
            seat.is_live = person.room.is_some();
        }
        heard
    }

    pub(super) fn tick(&mut self, now: Instant) {
        let conf = self.conf.clone();
        for topic in self.rooms.keys().cloned().collect::<Vec<_>>() {
            let room = self.room(&topic);
            room.expire(&conf, now);
            for devices in room.devices.values_mut() {
                devices.retain(|(_, until)| until.is_none_or(|until| until > now));
            }
            self.judge(&topic, now);
        }
    }

    /// Who is there, with how many devices.
    pub(super) fn present(&mut self, topic: &str) -> BTreeMap<String, usize> {
        let room = self.room(topic);
        room.devices.retain(|_, devices| !devices.is_empty());
        room.devices.iter().map(|(user, devices)| (user.clone(), devices.len())).collect()
    }

    /// What is kept for everyone, from where somebody asks; `None` if not all of it is.
    pub(super) fn history(
        &mut self,
        topic: &str,
        limit: usize,
        since: Option<From>,
    ) -> Option<Vec<(u64, u32)>> {
        let history = self.conf.history.clone();
        let room = self.room(topic);
        let (next, found) = room.start(since.unwrap_or(From::Last(limit)), &history);
        if since.is_some() && !found {
            return None;
        }
        let lines = (1..).zip(&room.lines).skip(next as usize - 1);
        let said = lines.filter(|(_, line)| line.is_history());
        Some(said.take(limit).map(|(offset, line)| (offset, line.number)).collect())
    }
}

impl Room {
    /// Whether nothing of it need be kept.
    pub(super) fn may_end(&self) -> bool {
        self.seats.is_empty()
            && self.appended == self.lines.len() as u64
            && self.devices.values().all(Vec::is_empty)
            && self.history_tail > self.appended
    }

    fn start(&self, from: From, history: &HistoryConf) -> (u64, bool) {
        let next = self.lines.len() as u64 + 1;
        match from {
            From::Now => (next, false),
            From::Last(count) => {
                let kept = (1..).zip(&self.lines).skip(self.history_tail as usize - 1);
                let said: Vec<u64> =
                    kept.filter(|(_, line)| line.is_history()).map(|(offset, _)| offset).collect();
                let count = count.min(history.max_messages);
                (said[said.len().saturating_sub(count)..].first().copied().unwrap_or(next), false)
            }
            From::After(position) => {
                let tail = self.lag_tail.min(self.history_tail);
                let is_there =
                    Some(position.epoch) == self.epoch && (tail..=next).contains(&(position.offset + 1));
                (if is_there { position.offset + 1 } else { next }, is_there)
            }
        }
    }

    fn is_too_far(&self, seat: &Seat) -> bool {
        (seat.seen + 1).max(seat.joined_at) < self.lag_tail
    }

    /// Moves the tails on until what is behind them is within the limits of count and bytes.
    fn shrink(&mut self, conf: &TopicConf) {
        let weight = |tail: u64| -> usize {
            self.lines[tail as usize - 1..self.appended as usize].iter().map(|line| line.weight).sum()
        };
        let is_over = |tail: u64, messages: usize, bytes: usize| {
            let count = (self.appended + 1 - tail) as usize;
            count > messages || (count > 1 && weight(tail) > bytes)
        };
        let (mut lag_tail, mut history_tail) = (self.lag_tail, self.history_tail);
        while is_over(lag_tail, conf.max_messages.get(), conf.max_bytes.get()) {
            lag_tail += 1;
        }
        while is_over(history_tail, conf.history.max_messages, conf.history.max_bytes) {
            history_tail += 1;
        }
        (self.lag_tail, self.history_tail) = (lag_tail, history_tail);
    }

    fn expire(&mut self, conf: &TopicConf, now: Instant) {
        let is_old = |tail: u64, max_age: Duration| {
            tail <= self.appended
                && now.saturating_duration_since(self.lines[tail as usize - 1].at) >= max_age
        };
        let (mut lag_tail, mut history_tail) = (self.lag_tail, self.history_tail);
        while conf.max_age().is_some_and(|max_age| is_old(lag_tail, max_age)) {
            lag_tail += 1;
        }
        while is_old(history_tail, conf.history.max_age) {
            history_tail += 1;
        }
        (self.lag_tail, self.history_tail) = (lag_tail, history_tail);
    }
}

impl Line {
    fn is_history(&self) -> bool {
        !self.is_notice && self.audience.is_all()
    }

    fn is_for(&self, person: &Person) -> bool {
        match &self.audience {
            Audience::All => true,
            Audience::Tagged(_) => person.matches.contains(&self.audience),
            Audience::ExceptClient(_) | Audience::ExceptUser(_) => !person.matches.contains(&self.audience),
        }
    }
}
