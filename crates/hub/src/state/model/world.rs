//! A loop's state and the reference, side by side.

mod clients;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::reference::{self, Heard, Line, Person, Reference, Slot};
use super::said::{Room, Said, heard, staff, view};
use super::{Deed, For, Publish, SLOTS, To, Whence};
use crate::announcer::Announcement;
use crate::command::Command;
use crate::conf::{Excess, HubConf};
use crate::error::{Cause, Error};
use crate::event::Reason;
use crate::identity::{ClientId, Identity};
use crate::inbox::{Inbox, Item};
use crate::join::{From, Join};
use crate::log::Entry;
use crate::member::{Leave, Parting};
use crate::name::{TopicName, UserId};
use crate::post::{Audience, Post};
use crate::presence::PresenceChange;
use crate::receipt::{Position, Receipt};
use crate::seats::Seats;
use crate::state::State;
use crate::stats::Counters;
use crate::users::Whom;

struct Client {
    inbox: Arc<Inbox<Said>>,
    seats: Seats<Said>,
    outlet: Option<Arc<Room>>,
    /// How many of what the outlet has taken have been looked at.
    seen: usize,
}

/// Whom a client believes to be in a topic, and up to which change; nothing once it has lost one.
type View = Option<(u64, BTreeMap<String, usize>)>;

pub(super) struct World {
    conf: HubConf,
    now: Instant,
    state: State<Said>,
    leaves: mpsc::UnboundedReceiver<Leave<Said>>,
    leaver: mpsc::UnboundedSender<Leave<Said>>,
    announcements: mpsc::UnboundedReceiver<Announcement>,
    /// Changes of presence whose messages are not made yet.
    untold: VecDeque<Announcement>,
    counters: Arc<Counters>,
    clients: BTreeMap<Slot, Client>,
    /// Who is connected, as the hub knows it, the oldest first.
    connected: Vec<Slot>,
    next_client: u64,
    /// Everything that was ever said, by its number: where, and which change of presence it tells.
    said: HashMap<u32, (String, Option<Arc<PresenceChange>>)>,
    /// How far a slot has heard a topic, whoever it was by then.
    positions: BTreeMap<(Slot, String), Position>,
    views: BTreeMap<(Slot, String), View>,
    last_leave: Option<Leave<Said>>,
    /// Whether changes of presence wait for their messages to be made.
    is_announcer_busy: bool,
    /// Publications without a receipt: the topic, and the offset that it will tell.
    unanswered: Vec<(String, u64, oneshot::Receiver<Result<Receipt, Error>>)>,
    reference: Reference,
}

impl World {
    pub(super) fn new(conf: HubConf) -> Self {
        let (leaver, leaves) = mpsc::unbounded_channel();
        let (announcer, announcements) = mpsc::unbounded_channel();
        let counters = Arc::<Counters>::default();
        let (online, _) = watch::channel(0);
        let state =
            State::new(Arc::new(conf.clone()), 1, leaver.clone(), announcer, None, online, counters.clone());
        let reference =
            Reference { conf: conf.topic.clone(), rooms: BTreeMap::new(), people: BTreeMap::new() };
        Self {
            conf,
            now: Instant::now(),
            state,
            leaves,
            leaver,
            announcements,
            untold: VecDeque::new(),
            counters,
            clients: BTreeMap::new(),
            connected: Vec::new(),
            next_client: 1,
            said: HashMap::new(),
            positions: BTreeMap::new(),
            views: BTreeMap::new(),
            last_leave: None,
            is_announcer_busy: false,
            unanswered: Vec::new(),
            reference,
        }
    }

    pub(super) fn does(&mut self, deed: Deed) {
        match deed {
            Deed::Connect { slot, outlet } => self.connect(slot, outlet),
            Deed::Drop { slot, is_clean } => self.drop(slot, is_clean),
            Deed::Join { slot, topic, from } => self.join(slot, topic, from),
            Deed::Leave { slot, topic } => self.leave(slot, topic),
            Deed::StaleLeave => {
                if let Some(leave) = self.last_leave.take() {
                    self.state.leave(&leave, self.now);
                }
            }
            Deed::Publish(publish) => self.publish(&publish),
            Deed::Announcer { is_busy } => self.is_announcer_busy = is_busy,
            Deed::Pass { slice } => self.pass(slice),
            Deed::Read { slot, limit } => self.read(slot, limit),
            Deed::MakeRoom { slot, room } => {
                if let Some(outlet) = self.clients.get(&slot).and_then(|client| client.outlet.as_ref()) {
                    *outlet.room.lock().unwrap() += room;
                    *self.reference.people.get_mut(&slot).unwrap().room.as_mut().unwrap() += room;
                }
            }
            Deed::Send { to } => self.send(to),
            Deed::Kick { to } => self.kick(to),
            Deed::Unsubscribe { to, topic } => self.unsubscribe(to, topic),
            Deed::History { topic, limit, since } => self.history(topic, limit, since),
            Deed::Wait(time) => self.wait(time),
        }
        self.settle();
        self.compare();
    }

    /// Everybody reads, time passes, everybody goes, more time passes: then nothing is left.
    pub(super) fn ends(mut self) {
        self.does(Deed::Announcer { is_busy: false });
        // Messages, then ghosts and batches, then the notices that those cause.
        for _ in 0..4 {
            self.does(Deed::Pass { slice: 1000 });
            for slot in 0..SLOTS {
                self.does(Deed::MakeRoom { slot, room: 1000 });
                self.does(Deed::Read { slot, limit: None });
            }
            self.does(Deed::Wait(Duration::from_secs(3600)));
        }
        for ((slot, topic), view) in std::mem::take(&mut self.views) {
            let is_member = self.reference.room(&topic).seats.contains_key(&slot);
            if let Some((_, users)) = view.filter(|_| is_member && self.conf.topic.presence.enabled) {
                assert_eq!(users, self.reference.present(&topic), "whom {slot} believes to be in {topic}");
            }
        }
        for slot in 0..SLOTS {
            self.does(Deed::Drop { slot, is_clean: slot % 2 == 0 });
        }
        for _ in 0..2 {
            self.does(Deed::Wait(Duration::from_secs(3600)));
            self.does(Deed::Pass { slice: 1000 });
        }
        self.state.gauge();
        let counts = &self.counters.of_loop;
        let gauges = [&counts.clients, &counts.users, &counts.topics, &counts.members, &counts.held_bytes];
        for gauge in gauges {
            assert_eq!(
                gauge.get(),
                0,
                "of clients, users, topics, members, bytes something is left: {counts:?}"
            );
        }
        assert!(self.state.deadline().is_none() && !self.state.has_passes(), "something is still to be done");
    }

    fn publish(&mut self, publish: &Publish) {
        // One topic at a time has something pending: in which order several are passed on is nobody's business.
        let is_other =
            |(topic, room): (&String, &reference::Room)| topic != publish.topic && room.has_pending();
        while self.reference.rooms.iter().any(is_other) {
            self.pass(1000);
            self.settle();
            self.compare(); // a topic may have ended by that, and begins anew
            self.wait(Duration::from_millis(1)); // if it stalls
        }
        let audience = match publish.audience {
            For::All => Audience::All,
            For::Staff => Audience::Tagged(staff()),
            For::ExceptClient(slot) => {
                let client = self.clients.get(&slot).map_or(ClientId(0), |client| client.inbox.id);
                Audience::ExceptClient(client)
            }
            For::ExceptUserOf(slot) => {
                Audience::ExceptUser(UserId::new(["ann", "ann", "bob", "cid", "dan"][slot]).unwrap())
            }
        };
        let by = publish.by.and_then(|slot| self.clients.get(&slot));
        let owner = by.and_then(|client| client.inbox.identity.user_id().cloned());
        let key = publish.key.map(|key| (owner.clone(), Arc::from(key.to_string())));
        let said = self.says(publish.topic, publish.weight, None);
        let line = Line {
            number: said.number,
            weight: publish.weight + usize::from(publish.replaces.is_some()),
            at: self.now,
            audience: audience.clone(),
            replaces: publish.replaces.map(|word| word.to_string()),
            is_notice: false,
        };
        let mut post = Post::new(said);
        post.audience = audience;
        if let Some(word) = publish.replaces {
            post = post.replaces(word.to_string());
        }
        let entry = Entry { at: self.now, ..Entry::new(post) };
        let (reply, mut answer) = oneshot::channel();
        let is_refused = self.is_refused(publish.topic);
        let topic = TopicName::new(publish.topic).unwrap();
        let is_full = self.state.handle(Command::Publish { topic, entry, key, reply: Some(reply) }, self.now);
        if is_refused {
            return assert_eq!(answer.try_recv(), Ok(Err(Error::NoMoreTopics)));
        }
        let owner = owner.map(|user| user.to_string());
        let key = publish.key.map(|key| (owner, key.to_string()));
        let (offset, is_retry) = self.reference.publish(publish.topic, line, key);
        match answer.try_recv() {
            Ok(receipt) => self.answered(publish.topic, receipt, offset, is_retry),
            Err(error) => {
                let may_stall = !self.conf.topic.stall.is_zero() && !is_retry;
                assert!(error == TryRecvError::Empty && may_stall, "a receipt is there at once");
                self.unanswered.push((publish.topic.to_owned(), offset, answer));
            }
        }
        if is_full {
            self.pass(1000);
        }
    }

    fn answered(&mut self, topic: &str, receipt: Result<Receipt, Error>, offset: u64, is_retry: bool) {
        let receipt = receipt.expect("it is published");
        assert_eq!((receipt.position.offset, receipt.duplicate), (offset, is_retry), "the receipt");
        self.reference.room(topic).epoch.get_or_insert(receipt.position.epoch);
    }

    /// Whether the topic is not there, and would be one too many.
    fn is_refused(&self, topic: &str) -> bool {
        let rooms = &self.reference.rooms;
        !rooms.contains_key(topic) && rooms.len() >= self.conf.max_topics.get()
    }

    /// Something new to be said in a topic.
    fn says(&mut self, topic: &str, weight: usize, change: Option<Arc<PresenceChange>>) -> Said {
        let number = u32::try_from(self.said.len()).unwrap();
        self.said.insert(number, (topic.to_owned(), change));
        Said { number, weight }
    }

    fn pass(&mut self, slice: usize) {
        let queued: Vec<_> = self.state.passes.iter().map(ToString::to_string).collect();
        for (topic, room) in &self.reference.rooms {
            assert!(!room.is_due(self.now) || queued.contains(topic), "{topic} is forgotten");
        }
        while self.state.has_passes() {
            self.state.advance(slice, self.now);
        }
        for topic in queued {
            self.reference.pass(&topic, self.now);
        }
        for (topic, offset, mut answer) in std::mem::take(&mut self.unanswered) {
            match answer.try_recv() {
                Ok(receipt) => self.answered(&topic, receipt, offset, false),
                Err(_) => self.unanswered.push((topic, offset, answer)),
            }
        }
        for (topic, ..) in &self.unanswered {
            assert!(self.reference.rooms[topic].has_pending(), "a receipt of {topic} is forgotten");
        }
    }

    /// Does what a loop does by itself: lets go who has left, and tells who came and went.
    fn settle(&mut self) {
        loop {
            if let Ok(leave) = self.leaves.try_recv() {
                self.state.leave(&leave, self.now);
                self.last_leave = Some(leave);
            } else if let Some(Announcement { topic, life, change }) = self.announcement() {
                let is_there = self.state.topics.get(&topic).is_some_and(|topic| topic.life() == life);
                let said = self.says(topic.as_str(), 1, Some(Arc::new(change)));
                let line = Line {
                    number: said.number,
                    weight: 1,
                    at: self.now,
                    audience: Audience::All,
                    replaces: None,
                    is_notice: true,
                };
                let entry = Entry { at: self.now, is_notice: true, ..Entry::new(said.into()) };
                self.state
                    .handle(Command::Told { topic: topic.clone(), life, notice: Some(entry) }, self.now);
                if !is_there {
                    continue;
                }
                self.reference.publish(topic.as_str(), line, None);
                self.pass(1000);
            } else {
                return;
            }
        }
    }

    fn announcement(&mut self) -> Option<Announcement> {
        while let Ok(announcement) = self.announcements.try_recv() {
            let is_other =
                |of: &Announcement| (&of.topic, of.life) != (&announcement.topic, announcement.life);
            assert!(self.untold.iter().all(is_other), "one change of a topic at a time is on its way");
            self.reference.room(announcement.topic.as_str()).tells(&self.conf.topic.presence, self.now);
            self.untold.push_back(announcement);
        }
        if self.is_announcer_busy { None } else { self.untold.pop_front() }
    }

    fn read(&mut self, slot: Slot, limit: Option<usize>) {
        let cx = &Context::from_waker(Waker::noop());
        while let Some(client) = self.clients.get_mut(&slot) {
            let mut events = Vec::new();
            let take = &mut |event| events.push(event);
            let taken = client.seats.poll_take(&client.inbox, cx, limit.unwrap_or(3), take);
            let mut heard: Vec<_> = events.into_iter().map(heard).collect();
            match taken {
                Poll::Ready(Ok(count)) => assert_eq!(count, heard.len(), "so many events are told of"),
                Poll::Ready(Err(evicted)) => heard.push(Heard::End(evicted.cause())),
                Poll::Pending => {}
            }
            let expected = self.reference.take(slot, limit.unwrap_or(3));
            assert_eq!(heard, expected, "what {slot} hears");
            let is_over = limit.is_some() || heard.is_empty();
            for heard in heard {
                self.notes(slot, heard);
            }
            if is_over {
                return;
            }
        }
    }

    fn notes(&mut self, slot: Slot, heard: Heard) {
        match heard {
            Heard::Said { topic, offset, number } => {
                self.hears(slot, number);
                self.is_at(slot, &topic, offset);
            }
            Heard::Gap { topic, to, .. } => {
                self.views.insert((slot, topic.clone()), None);
                self.is_at(slot, &topic, to);
            }
            Heard::Direct(_) | Heard::Left(_) | Heard::Gone(_) => {}
            Heard::End(_) => self.drop(slot, false),
        }
    }

    /// A client hears something: perhaps who came and went.
    fn hears(&mut self, slot: Slot, number: u32) {
        let (topic, Some(change)) = &self.said[&number] else { return };
        let Some(Some((version, users))) = self.views.get_mut(&(slot, topic.clone())) else { return };
        if change.version <= *version {
            return;
        }
        assert_eq!(change.version, *version + 1, "the change after the last one that {slot} knows");
        *version = change.version;
        for present in &change.joined {
            users.insert(present.user.to_string(), present.devices);
        }
        for user in &change.left {
            users.remove(user.as_str());
        }
    }

    fn is_at(&mut self, slot: Slot, topic: &str, offset: u64) {
        if let Some(position) = self.positions.get_mut(&(slot, topic.to_owned())) {
            position.offset = offset;
        }
    }

    fn history(&mut self, topic: &str, limit: usize, since: Option<Slot>) {
        let since = since.and_then(|slot| self.positions.get(&(slot, topic.to_owned())).copied());
        let (reply, mut answer) = oneshot::channel();
        let name = TopicName::new(topic).unwrap();
        self.state.handle(Command::History { topic: name, limit, since, reply }, self.now);
        let expected = self.reference.history(topic, limit, since.map(From::After));
        match answer.try_recv().unwrap() {
            Ok((_, said)) => {
                let said = said.into_iter().map(|(offset, said)| (offset, said.number)).collect();
                assert_eq!(Some(said), expected, "the history of {topic}");
            }
            Err(error) => {
                assert!(matches!(error, Error::Insufficient(_)), "{error}");
                assert_eq!(expected, None);
            }
        }
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.state.tick(self.now);
        self.reference.tick(self.now);
    }

    /// What must be the same after each deed.
    fn compare(&mut self) {
        for slot in self.clients.keys().copied().collect::<Vec<_>>() {
            let client = self.clients.get_mut(&slot).unwrap();
            let Some(outlet) = client.outlet.clone() else { continue };
            let taken = outlet.taken.lock().unwrap();
            assert_eq!(*taken, self.reference.people[&slot].taken, "what {slot}'s outlet has taken");
            let seen = std::mem::replace(&mut client.seen, taken.len());
            for number in &taken[seen..] {
                self.hears(slot, *number);
            }
        }
        for topic in self.reference.rooms.keys().cloned().collect::<Vec<_>>() {
            let name = TopicName::new(&topic).unwrap();
            let epoch = self.state.topics.get(&name).map(|topic| topic.position().epoch);
            let room = self.reference.room(&topic);
            if epoch.is_none() || epoch != Some(*room.epoch.get_or_insert(epoch.unwrap())) {
                assert!(room.may_end(), "{topic} has ended, and is needed");
                self.reference.rooms.remove(&topic);
                continue;
            }
            let (reply, mut answer) = oneshot::channel();
            self.state.handle(Command::Presence(name, reply), self.now);
            let room = self.reference.room(&topic);
            let is_told = !self.is_announcer_busy && room.may_tell(&self.conf.topic.presence, self.now);
            if let Some(snapshot) = answer.try_recv().unwrap().unwrap().filter(|_| is_told) {
                assert_eq!(view(&snapshot).1, self.reference.present(&topic), "who is in {topic}");
            }
        }
        self.state.gauge();
        let members: usize = self.reference.rooms.values().map(|room| room.seats.len()).sum();
        let counts = &self.counters.of_loop;
        assert_eq!(counts.members.get(), members as u64, "the members that are counted");
        assert_eq!(counts.clients.get(), self.connected.len() as u64, "the clients that are counted");
    }
}
