//! The hub as plain maps and whole histories: slow, and simple enough to be believed.

#![expect(clippy::cast_possible_truncation, reason = "a test has few messages")]

mod room;

use std::collections::{BTreeMap, VecDeque};

use tokio::time::Instant;

use self::room::Seat;
pub(super) use self::room::{Line, Room};
use crate::conf::{Policy, TopicConf};
use crate::error::Cause;
use crate::join::From;
use crate::post::Audience;

/// A client, by the slot in which the test has it.
pub(super) type Slot = usize;

pub(super) struct Reference {
    pub(super) conf: TopicConf,
    pub(super) rooms: BTreeMap<String, Room>,
    pub(super) people: BTreeMap<Slot, Person>,
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
    pub(super) lane: VecDeque<Heard>,
    /// The topics that it reads from, in the order in which it joined them.
    pub(super) seats: Vec<String>,
    /// Which of them is first.
    pub(super) turn: usize,
    pub(super) ended: Option<Cause>,
}

/// What a client hears.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Heard {
    Said {
        topic: String,
        offset: u64,
        number: u32,
    },
    Direct(u32),
    Gap {
        topic: String,
        from: u64,
        to: u64,
    },
    Left(String),
    /// By itself, which it need not be told.
    Gone(String),
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
        room.seats.insert(slot, Seat { seen: next - 1, joined_at, is_live: false, is_conflating: false });
        self.people.get_mut(&slot).expect("somebody").seats.push(topic.to_owned());
        let room = self.room(topic);
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
        if !room.has_pending() || room.stalls(conf, now) {
            return;
        }
        room.stalled_until = None;
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

    /// What a client gets that takes so many events: what was said to it first, then what is new in its topics, in turn.
    pub(super) fn take(&mut self, slot: Slot, limit: usize) -> Vec<Heard> {
        let Self { conf, rooms, people } = self;
        let person = people.get_mut(&slot).expect("somebody");
        if let Some(cause) = person.ended {
            return vec![Heard::End(cause)];
        }
        let mut heard = Vec::new();
        for _ in 0..2 {
            while heard.len() < limit
                && let Some(first) = person.lane.pop_front()
            {
                if let Heard::Left(topic) | Heard::Gone(topic) = &first {
                    let index = person.seats.iter().position(|seat| seat == topic).expect("it was there");
                    person.seats.remove(index);
                }
                heard.extend(Some(first).filter(|first| !matches!(first, Heard::Gone(_))));
            }
            let seats = person.seats.len();
            for index in 0..seats {
                let topic = &person.seats[(person.turn + index) % seats];
                let room = rooms.get_mut(topic).expect("it is in there");
                heard.extend(room.take(slot, person, topic, limit - heard.len(), conf.policy));
            }
            person.turn = if person.turn + 1 < seats { person.turn + 1 } else { 0 };
            if !heard.is_empty() {
                break; // else it looks once more, before it waits
            }
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
