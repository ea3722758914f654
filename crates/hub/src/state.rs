//! What a loop owns, as plain data: no I/O, no clock, no chance. Commands go in, and what they cause goes out by the handles
//! that they bring.

mod agenda;
mod replicas;

use std::collections::{HashMap, VecDeque};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::announcer::Announcement;
use crate::backplane::wish::{Wish, Wishes};
use crate::command::Command;
use crate::conf::HubConf;
use crate::error::Error;
use crate::join::From;
use crate::member::Leave;
use crate::message::Message;
use crate::mix::mix;
use crate::name::TopicName;
use crate::receipt::Epoch;
use crate::stats::Counters;
use crate::topic::Topic;
use crate::users::Users;
use agenda::Agenda;

pub(crate) struct State<M> {
    conf: Arc<HubConf>,
    /// This loop's part of the topics that the hub may have.
    max_topics: usize,
    topics: HashMap<TopicName, Topic<M>>,
    users: Users<M>,
    /// Topics with something to pass on.
    passes: VecDeque<TopicName>,
    agenda: Agenda,
    /// Every topic's life has another number.
    epoch: u64,
    leaver: mpsc::UnboundedSender<Leave<M>>,
    announcer: mpsc::UnboundedSender<Announcement>,
    /// If there is an engine, what is to be done with it.
    wishes: Option<Wishes>,
    /// How many are in the shared topic, if it is here.
    online: watch::Sender<usize>,
    counters: Arc<Counters>,
    /// When the pass began that has just ended.
    began: Option<Instant>,
}

impl<M: Message> State<M> {
    pub(crate) fn new(
        conf: Arc<HubConf>,
        seed: u64,
        leaver: mpsc::UnboundedSender<Leave<M>>,
        announcer: mpsc::UnboundedSender<Announcement>,
        wishes: Option<Wishes>,
        online: watch::Sender<usize>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            users: Users::new(&conf),
            max_topics: conf.max_topics.get().div_ceil(conf.shards()),
            conf,
            topics: HashMap::new(),
            passes: VecDeque::new(),
            agenda: Agenda::new(),
            epoch: seed,
            leaver,
            announcer,
            wishes,
            online,
            counters,
            began: None,
        }
    }

    /// Does what a command says, and returns whether passes are due before the next one.
    pub(crate) fn handle(&mut self, command: Command<M>, now: Instant) -> bool {
        match command {
            Command::Connect(inbox, reply) => {
                let connected = self.users.connect(&inbox);
                if reply.send(connected).is_err() {
                    self.users.disconnect(&inbox); // nobody waits for it any more
                }
            }
            Command::Join { topic, inbox, join, reply } => {
                let asked = match join.from {
                    From::After(position) => Some(position),
                    From::Now | From::Last(_) => None,
                };
                if !self.can_join(&topic) {
                    let _ = reply.send(Ok(None));
                    return false;
                }
                if !self.has_room_for(&topic) {
                    let _ = reply.send(Err(Error::NoMoreTopics));
                    return false;
                }
                let leaver = self.leaver.clone();
                let (membership, mut joined) = self.topic(&topic).join(&inbox, join, &leaver, now);
                let counts = &self.counters.of_loop;
                counts.joins.add_alone(1);
                match asked {
                    None => {}
                    Some(_) if joined.recovered => counts.recoveries.ok.add_alone(1),
                    Some(asked) if asked.epoch != joined.position.epoch => {
                        counts.recoveries.epoch.add_alone(1);
                    }
                    Some(_) => counts.recoveries.gap.add_alone(1),
                }
                self.settle(&topic, now); // before the answer, so that whoever has joined is counted, and told
                joined.presence =
                    joined.presence.or_else(|| self.topics.get_mut(&topic).and_then(Topic::snapshot));
                // If nobody waits for it any more, the membership is dropped here, and that is a leave.
                let _ = reply.send(Ok(Some((membership, joined))));
            }
            Command::Publish { topic, reply, .. } if !self.has_room_for(&topic) => match reply {
                Some(reply) => drop(reply.send(Err(Error::NoMoreTopics))),
                None => self.counters.of_tasks.unpublished.add(1),
            },
            Command::Publish { topic, entry, key, reply } => {
                if self.wishes.as_ref().is_some_and(|wishes| wishes.sequences) {
                    self.go_local(&topic, now);
                }
                let of = self.topic(&topic);
                of.pass_through(now);
                let before = of.position().offset;
                of.publish(entry, key, reply);
                let (after, is_full) = (of.position().offset, of.is_full());
                self.counters.of_loop.published.add_alone(after - before);
                self.counters.of_loop.duplicates.add_alone(u64::from(after == before));
                self.queue(&topic);
                return is_full;
            }
            Command::Told { topic, life, notice } => {
                // A topic that has ended meanwhile, and is there again, has other members.
                if let Some(of) = self.topics.get_mut(&topic).filter(|of| of.life() == life) {
                    self.counters.of_loop.published.add_alone(notice.is_some().into());
                    of.told(notice);
                }
                self.settle(&topic, now);
                self.queue(&topic);
            }
            Command::Presence(topic, reply) => {
                let snapshot = self.topics.get_mut(&topic).and_then(Topic::snapshot);
                let _ = reply.send(Ok(snapshot));
            }
            Command::History { reply, topic, .. } if !self.can_join(&topic) => {
                let _ = reply.send(Err(Error::Unavailable));
            }
            Command::History { topic, limit, since, reply } => {
                match guard(self.topic(&topic), |of| of.history(limit, since)) {
                    Some(history) => {
                        let _ = reply.send(history);
                        self.settle(&topic, now);
                    }
                    None => self.fail(&topic),
                }
            }
            Command::Send(whom, message, reply) => {
                let clients = self.users.find(&whom);
                for inbox in clients {
                    inbox.say(message.clone());
                }
                self.counters.of_loop.direct.add_alone(clients.len() as u64);
                let _ = reply.send(Ok(clients.len()));
            }
            Command::Kick(whom, reply) => {
                let _ = reply.send(Ok(self.users.kick(&whom)));
            }
            Command::Unsubscribe(whom, topic, reason, reply) => {
                let _ = reply.send(Ok(self.users.unsubscribe(&whom, &topic, reason)));
            }
            Command::Arrived(arrival) => return self.arrive(arrival, now),
            Command::Open(topic, reply) if !self.has_room_for(&topic) => {
                let _ = reply.send(Err(Error::NoMoreTopics));
            }
            Command::Open(topic, reply) => {
                let _ = reply.send(Ok(self.open(&topic)));
            }
            Command::Abandon(topic) => self.abandon(&topic),
            Command::CatchUp(topic, caught) => return self.catch_up(&topic, *caught, now),
            Command::Hear(topic) => self.hear(&topic, now),
            Command::GoLocal(topic) => {
                self.go_local(&topic, now);
                self.settle(&topic, now);
            }
            Command::Standings { topics, with_attendees, reply } => {
                let _ = reply.send(Ok(self.standings(topics, with_attendees)));
            }
            Command::Clients(reply) => {
                let _ = reply.send(Ok(self.users.clients().cloned().collect()));
            }
        }
        false
    }

    /// Lets a member, or a client, go.
    pub(crate) fn leave(&mut self, leave: &Leave<M>, now: Instant) {
        match leave {
            Leave::Topic { member, parting } => {
                let Some(topic) = self.topics.get_mut(&member.topic) else { return };
                if topic.leave(member, *parting, now) {
                    self.settle(&member.topic, now);
                }
            }
            Leave::Hub(inbox) => self.users.disconnect(inbox),
        }
    }

    /// Goes on with the passes: so many members of one topic. Returns whether there is more to do at once.
    pub(crate) fn advance(&mut self, count: usize, now: Instant) -> bool {
        let Some(name) = self.passes.pop_front() else { return false };
        let Some(topic) = self.topics.get_mut(&name) else { return !self.passes.is_empty() };
        topic.is_queued = false;
        let went = guard(topic, |topic| {
            topic.begin_pass(now);
            topic.advance(count, now);
            (topic.take_began(), topic.is_ready(now))
        });
        match went {
            Some((began, is_ready)) => {
                self.began = began;
                self.settle(&name, now);
                if is_ready {
                    self.queue(&name);
                }
            }
            None => self.fail(&name),
        }
        !self.passes.is_empty()
    }

    pub(crate) fn has_passes(&self) -> bool {
        !self.passes.is_empty()
    }

    /// Does what is due by now.
    pub(crate) fn tick(&mut self, now: Instant) {
        while let Some((at, name)) = self.agenda.take_due(now) {
            let Some(topic) = self.topics.get_mut(&name) else { continue };
            if topic.due != Some(at) {
                continue;
            }
            topic.due = None;
            if guard(topic, |topic| topic.tick(now)).is_none() {
                self.fail(&name);
                continue;
            }
            self.queue(&name);
            self.settle(&name, now);
        }
    }

    /// Ends a topic whose state cannot be trusted, as code of the application's panicked in it. The others go on.
    fn fail(&mut self, name: &TopicName) {
        tracing::error!(topic = %name, "a message or an outlet panicked in the hub's loop: its topic ends");
        let Some(topic) = self.topics.remove(name) else { return };
        if name.is_shared() {
            self.online.send_replace(0);
        }
        self.wish(Wish::Idle(name.clone()));
        topic.fail();
    }

    /// Passes on all that there is, as nothing more will come.
    pub(crate) fn finish(&mut self, now: Instant) {
        for topic in self.topics.values_mut() {
            while topic.is_ready(now) {
                topic.begin_pass(now);
                topic.advance(usize::MAX, now);
            }
        }
    }

    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.agenda.next()
    }

    /// When the pass began that has just ended, if one has.
    pub(crate) fn take_began(&mut self) -> Option<Instant> {
        self.began.take()
    }

    /// Lets others see how much there is.
    pub(crate) fn gauge(&self) {
        let counts = &self.counters.of_loop;
        counts.clients.set(self.users.client_count() as u64);
        counts.users.set(self.users.user_count() as u64);
        counts.topics.set(self.topics.len() as u64);
        counts.members.set(counts.joins.get() - counts.leaves.total());
    }

    fn topic(&mut self, name: &TopicName) -> &mut Topic<M> {
        if !self.topics.contains_key(name) {
            self.epoch = mix(self.epoch);
            let conf = self.conf.of(name).clone();
            let mut topic = Topic::new(name.clone(), conf, Epoch(self.epoch), self.counters.clone());
            if self.wishes.is_some() {
                topic = topic.follow(&self.conf.backplane);
            }
            self.topics.insert(name.clone(), topic);
        }
        self.topics.get_mut(name).expect("it has just been put in")
    }

    /// Whether the topic is there, or may be.
    fn has_room_for(&self, name: &TopicName) -> bool {
        self.topics.len() < self.max_topics || self.topics.contains_key(name)
    }

    fn queue(&mut self, name: &TopicName) {
        if let Some(topic) = self.topics.get_mut(name)
            && !topic.is_queued
        {
            topic.is_queued = true;
            self.passes.push_back(name.clone());
        }
    }

    /// After a topic has changed: tells who came and went, notes when to look at it again, and frees it if it is over.
    fn settle(&mut self, name: &TopicName, now: Instant) {
        let Some(topic) = self.topics.get_mut(name) else { return };
        if let Some(change) = topic.take_change(now) {
            // Fails if the hub is ending.
            let _ = self.announcer.send(Announcement { topic: name.clone(), life: topic.life(), change });
        }
        if name.is_shared() {
            let now = topic.len();
            self.online.send_if_modified(|online| std::mem::replace(online, now) != now);
        }
        for wish in topic.take_wishes() {
            self.wish(wish);
        }
        let Some(topic) = self.topics.get_mut(name) else { return };
        if topic.is_over(now) {
            let is_open = topic.is_open();
            self.topics.remove(name);
            if is_open {
                self.wish(Wish::Idle(name.clone()));
            }
            return;
        }
        if let Some(at) = topic.deadline()
            && topic.due.is_none_or(|due| at < due)
        {
            topic.due = Some(at);
            let is_due = |name: &TopicName, at| self.topics.get(name).is_some_and(|of| of.due == Some(at));
            self.agenda.add(at, name, self.topics.len(), is_due);
        }
    }
}

impl<M> State<M> {
    /// Ends all that there is.
    pub(crate) fn close(&mut self) {
        for (name, mut topic) in self.topics.drain() {
            topic.close();
            if name.is_shared() {
                self.online.send_replace(0);
            }
        }
        for inbox in self.users.clients() {
            inbox.close();
        }
        let counts = &self.counters.of_loop;
        for gauge in [&counts.clients, &counts.users, &counts.topics, &counts.members] {
            gauge.set(0);
        }
    }
}

/// Does something in a topic that runs code of the application's: messages are cloned and dropped, outlets are offered something.
/// `None` if that panicked.
fn guard<M, T>(topic: &mut Topic<M>, deed: impl FnOnce(&mut Topic<M>) -> T) -> Option<T> {
    panic::catch_unwind(AssertUnwindSafe(|| deed(topic))).ok()
}

#[cfg(test)]
mod model;
