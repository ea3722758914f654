//! A topic, as the bus keeps it: numbers, what is kept, who is present. Without a clock of its own.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use crate::backplane::NodeId;
use crate::backplane::engine::Subscribed;
use crate::backplane::parcel::{Attendee, Delivery, Item, Move, Parcel, What};
use crate::conf::TopicConf;
use crate::identity::ClientId;
use crate::keys::Keys;
use crate::name::{TopicName, UserId};
use crate::presence::Presence;
use crate::receipt::{Epoch, Position, Receipt};

pub(super) struct Stream {
    topic: TopicName,
    conf: TopicConf,
    notices: bool,
    epoch: Epoch,
    /// The number of the next one.
    next: u64,
    kept: VecDeque<Kept>,
    bytes: usize,
    keys: Keys,
    presence: Option<Presence>,
    /// Who is there, and not on the way out.
    attendees: HashMap<ClientId, (UserId, Option<Arc<str>>)>,
    pub(super) subscribers: BTreeSet<NodeId>,
    used_at: Instant,
    /// When it will be looked at, whatever happens.
    pub(super) due: Option<Instant>,
}

struct Kept {
    offset: u64,
    at: Instant,
    weight: usize,
    what: What,
}

impl Stream {
    pub(super) fn new(topic: TopicName, conf: TopicConf, epoch: Epoch, now: Instant) -> Self {
        Self {
            topic,
            notices: true,
            epoch,
            next: 1,
            kept: VecDeque::new(),
            bytes: 0,
            keys: Keys::new(conf.keys, conf.keys_age),
            presence: conf.presence.enabled.then(|| Presence::new(conf.presence.clone())),
            attendees: HashMap::new(),
            subscribers: BTreeSet::new(),
            used_at: now,
            due: None,
            conf,
        }
    }

    pub(super) fn publish(&mut self, mut parcel: Parcel, now: Instant) -> (Receipt, Option<Delivery>) {
        self.used_at = now;
        let key = parcel.key.take();
        if let Some(offset) = key.as_ref().and_then(|key| self.keys.find(key, now)) {
            return (Receipt { position: Position { offset, epoch: self.epoch }, duplicate: true }, None);
        }
        let weight = parcel.weight;
        let (position, delivery) = self.number(What::Parcel(parcel), weight, now);
        if let Some(key) = key {
            self.keys.remember(key, position.offset, now);
        }
        (Receipt { position, duplicate: false }, Some(delivery))
    }

    pub(super) fn subscribe(
        &mut self,
        node: NodeId,
        notices: bool,
        attendees: Option<Vec<Attendee>>,
        now: Instant,
    ) {
        self.used_at = now;
        self.notices = notices;
        self.subscribers.insert(node);
        if let Some(attendees) = attendees {
            self.declare(node, attendees, now);
        }
    }

    /// Where it stands, for a node that has everything up to a position.
    pub(super) fn standing(
        &mut self,
        after: Option<Position>,
        seen: Option<u64>,
        now: Instant,
    ) -> Subscribed {
        self.expire(now);
        let position = self.position();
        let first = self.kept.front().map_or(self.next, |kept| kept.offset);
        let after_epoch = after.map(|after| after.epoch);
        let wanted = after.filter(|after| {
            after.epoch == self.epoch && (first..=self.next).contains(&after.offset.saturating_add(1))
        });
        let after = wanted.map_or(0, |after| after.offset);
        let items = self.kept.iter().filter(|kept| kept.offset > after).map(|kept| Item {
            offset: kept.offset,
            age: now.saturating_duration_since(kept.at),
            what: kept.what.clone(),
        });
        let seen = seen.filter(|_| after_epoch == Some(self.epoch));
        let presence = self.presence.as_mut().filter(|presence| seen != Some(presence.version()));
        Subscribed {
            position,
            is_complete: wanted.is_some(),
            items: items.collect(),
            presence: presence.map(Presence::snapshot),
        }
    }

    pub(super) fn moved(&mut self, moved: Move, now: Instant) {
        match moved {
            Move::Enter(attendee) => self.enter(attendee, now),
            Move::Leave { user, client, clean } => {
                if self.attendees.remove(&client).is_some()
                    && let Some(presence) = &mut self.presence
                {
                    presence.leave(&user, client, clean, now);
                }
            }
        }
    }

    /// A node is gone, at least from here, and its clients with it.
    pub(super) fn bury(&mut self, node: NodeId, now: Instant) {
        self.subscribers.remove(&node);
        self.declare(node, Vec::new(), now);
    }

    /// Does what is due, and returns what is to be delivered because of it.
    pub(super) fn settle(&mut self, now: Instant) -> Option<Delivery> {
        self.expire(now);
        let presence = self.presence.as_mut()?;
        presence.expire(now);
        let change = presence.take_change(now)?;
        presence.told();
        if !self.notices {
            return Some(Delivery::Presence { topic: self.topic.clone(), change });
        }
        // About what it says, which is enough for a limit.
        let weight = 64 * (change.joined.len() + change.left.len());
        Some(self.number(What::Notice(change), weight, now).1)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let presence = self.presence.as_ref().and_then(Presence::deadline);
        let kept = self.kept.front().and_then(|kept| kept.at.checked_add(self.conf.history.max_age));
        let over = self.used_at.checked_add(self.conf.keys_age).filter(|_| self.is_unused());
        [presence, kept, over].into_iter().flatten().min()
    }

    /// Whether nobody would miss it: nobody is there, nothing is kept, and no key has to be remembered.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.is_unused() && now.saturating_duration_since(self.used_at) >= self.conf.keys_age
    }

    fn is_unused(&self) -> bool {
        self.subscribers.is_empty()
            && self.kept.is_empty()
            && self.presence.as_ref().is_none_or(Presence::is_empty)
    }

    fn enter(&mut self, Attendee { user, client, info }: Attendee, now: Instant) {
        let Some(presence) = &mut self.presence else { return };
        let known = self.attendees.insert(client, (user.clone(), info.clone()));
        if known.is_none_or(|known| known != (user.clone(), info.clone())) {
            presence.enter(&user, client, info, now);
        }
    }

    /// These are all of a node's clients.
    fn declare(&mut self, node: NodeId, attendees: Vec<Attendee>, now: Instant) {
        let stay: BTreeSet<_> = attendees.iter().map(|attendee| attendee.client).collect();
        let mut gone: Vec<_> = self.attendees.iter().filter(|(client, _)| node.has(**client)).collect();
        gone.retain(|(client, _)| !stay.contains(client));
        let gone: Vec<_> = gone.into_iter().map(|(client, (user, _))| (*client, user.clone())).collect();
        for (client, user) in gone {
            self.moved(Move::Leave { user, client, clean: true }, now);
        }
        for attendee in attendees {
            self.enter(attendee, now);
        }
    }

    fn number(&mut self, what: What, weight: usize, now: Instant) -> (Position, Delivery) {
        let offset = self.next;
        self.next += 1;
        if self.conf.history.max_messages > 0 {
            self.bytes = self.bytes.saturating_add(weight);
            self.kept.push_back(Kept { offset, at: now, weight, what: what.clone() });
            self.expire(now);
        }
        let position = self.position();
        (position, Delivery::Item { topic: self.topic.clone(), position, what })
    }

    fn expire(&mut self, now: Instant) {
        let history = &self.conf.history;
        while let Some(oldest) = self.kept.front()
            && (self.kept.len() > history.max_messages
                || (self.bytes > history.max_bytes && self.kept.len() > 1)
                || now.saturating_duration_since(oldest.at) >= history.max_age)
        {
            self.bytes -= oldest.weight;
            self.kept.pop_front();
        }
    }

    fn position(&self) -> Position {
        Position { offset: self.next - 1, epoch: self.epoch }
    }
}
