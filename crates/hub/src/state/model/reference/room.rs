//! A topic of the reference: everything that was ever said in it, and who is there.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::{Heard, Person, Slot};
use crate::conf::{HistoryConf, Policy, PresenceConf, TopicConf};
use crate::join::From;
use crate::post::Audience;
use crate::receipt::Epoch;

/// A topic: everything that was ever said in it.
#[derive(Default)]
pub(crate) struct Room {
    pub(crate) epoch: Option<Epoch>,
    pub(crate) lines: Vec<Line>,
    /// So many of them the members may have.
    pub(crate) appended: u64,
    pub(crate) lag_tail: u64,
    pub(crate) history_tail: u64,
    pub(crate) seats: BTreeMap<Slot, Seat>,
    pub(crate) keys: Vec<(Option<String>, String, u64, Instant)>,
    /// Devices of users, in their order; with an end if they are ghosts.
    pub(crate) devices: BTreeMap<String, Vec<(Slot, Option<Instant>)>>,
    /// When changes of presence were told.
    pub(crate) told: Vec<Instant>,
    /// Until when publishing waits for those who would be lost by it.
    pub(crate) stalled_until: Option<Instant>,
}

#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) number: u32,
    pub(crate) weight: usize,
    pub(crate) at: Instant,
    pub(crate) audience: Audience,
    pub(crate) replaces: Option<String>,
    pub(crate) is_notice: bool,
}

pub(crate) struct Seat {
    /// How many lines it has seen, or passed.
    pub(crate) seen: u64,
    pub(crate) joined_at: u64,
    pub(crate) is_live: bool,
    /// Whether it skips what has been replaced, until it has caught up.
    pub(crate) is_conflating: bool,
}

impl Room {
    /// Whether nothing of it need be kept.
    pub(crate) fn may_end(&self) -> bool {
        self.seats.is_empty()
            && !self.has_pending()
            && self.devices.values().all(Vec::is_empty)
            && self.history_tail > self.appended
    }

    /// Whether something is said that the members do not have yet.
    pub(crate) fn has_pending(&self) -> bool {
        self.appended < self.lines.len() as u64
    }

    /// Whether it waits for a time that has come, or for nothing.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.has_pending() && self.stalled_until.is_none_or(|until| until <= now)
    }

    /// A change of presence is told.
    pub(crate) fn tells(&mut self, presence: &PresenceConf, now: Instant) {
        assert!(self.may_tell(presence, now), "a change is told after {:?}", self.told);
        self.told.push(now);
    }

    /// Whether, from no moment on up to now, there would be more than so many changes, and one per batch.
    pub(crate) fn may_tell(&self, presence: &PresenceConf, now: Instant) -> bool {
        let batch = presence.batch.as_millis();
        batch == 0
            || (1..).zip(self.told.iter().rev()).all(|(later, told)| {
                later < presence.at_once.get() as u128 + now.duration_since(*told).as_millis() / batch
            })
    }

    /// Whether publishing waits: once a pass, while somebody would be too far behind after it, and it is not much.
    pub(crate) fn stalls(&mut self, conf: &TopicConf, now: Instant) -> bool {
        let pending = &self.lines[self.appended as usize..];
        let bytes: usize = pending.iter().map(|line| line.weight).sum();
        let is_much =
            pending.len() >= (conf.max_messages.get() / 2).max(1) || bytes > conf.max_bytes.get() / 2;
        let tail = (self.lines.len() as u64 + 1).saturating_sub(conf.max_messages.get() as u64);
        let is_lost = |seat: &Seat| !seat.is_live && (seat.seen + 1).max(seat.joined_at) < tail;
        let stall = conf.stall.min(Duration::from_millis(5));
        !stall.is_zero()
            && !is_much
            && self.seats.values().any(is_lost)
            && *self.stalled_until.get_or_insert(now + stall) > now
    }

    /// What a member gets of it that is not live.
    pub(crate) fn take(
        &mut self,
        slot: Slot,
        person: &Person,
        topic: &str,
        limit: usize,
        policy: Policy,
    ) -> Vec<Heard> {
        let Some(seat) = self.seats.get(&slot).filter(|seat| !seat.is_live && limit > 0) else {
            return Vec::new();
        };
        let is_too_far = self.is_too_far(seat);
        let resume = if is_too_far { self.lag_tail } else { self.lag_tail.min(self.history_tail) };
        let appended = self.appended;
        let seat = self.seats.get_mut(&slot).expect("it has just been there");
        let mut heard = Vec::new();
        if resume > seat.seen + 1 {
            heard.push(Heard::Gap { topic: topic.to_owned(), from: seat.seen + 1, to: resume - 1 });
            seat.seen = resume - 1;
        }
        seat.is_conflating |= is_too_far && policy == Policy::Conflate;
        while seat.seen < appended && heard.len() < limit {
            let (offset, line) = (seat.seen + 1, &self.lines[seat.seen as usize]);
            let later = &self.lines[offset as usize..appended as usize];
            let is_replaced =
                line.replaces.is_some() && later.iter().any(|later| later.replaces == line.replaces);
            if line.is_for(person) && !(seat.is_conflating && is_replaced) {
                heard.push(Heard::Said { topic: topic.to_owned(), offset, number: line.number });
            }
            seat.seen = offset;
        }
        seat.is_conflating &= seat.seen < appended;
        // Who has found nothing has an outlet for what comes next, perhaps.
        seat.is_live = heard.is_empty() && person.room.is_some();
        heard
    }

    pub(crate) fn start(&self, from: From, history: &HistoryConf) -> (u64, bool) {
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

    pub(crate) fn is_too_far(&self, seat: &Seat) -> bool {
        (seat.seen + 1).max(seat.joined_at) < self.lag_tail
    }

    /// Moves the tails on until what is behind them is within the limits of count and bytes.
    pub(crate) fn shrink(&mut self, conf: &TopicConf) {
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

    pub(crate) fn expire(&mut self, conf: &TopicConf, now: Instant) {
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
    pub(crate) fn is_history(&self) -> bool {
        !self.is_notice && self.audience.is_all()
    }

    pub(crate) fn is_for(&self, person: &Person) -> bool {
        match &self.audience {
            Audience::All => true,
            Audience::Tagged(_) => person.matches.contains(&self.audience),
            Audience::ExceptClient(_) | Audience::ExceptUser(_) => !person.matches.contains(&self.audience),
        }
    }
}
