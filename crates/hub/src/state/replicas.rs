//! What becomes of a loop's topics in a cluster, where an engine has a say.

use tokio::time::Instant;

use super::State;
use crate::backplane::arrival::{Arrival, Caught};
use crate::backplane::wish::Wish;
use crate::message::Message;
use crate::mix::mix;
use crate::name::TopicName;
use crate::receipt::Epoch;
use crate::topic::{Standing, Topic};

impl<M: Message> State<M> {
    /// A topic is about to be opened. Returns whether it is not there yet.
    pub(super) fn open(&mut self, name: &TopicName) -> bool {
        let is_there = self.topics.contains_key(name);
        let is_passing = self.topic(name).reopen();
        !is_there || is_passing
    }

    /// Forgets a topic that could not be opened.
    pub(super) fn abandon(&mut self, name: &TopicName) {
        if !self.can_join(name) {
            self.topics.remove(name);
        }
    }

    /// Takes what was delivered. Nobody is there any more for what has no topic.
    pub(super) fn arrive(&mut self, Arrival { topic, what }: Arrival<M>, now: Instant) -> bool {
        let Some(of) = self.topics.get_mut(&topic) else { return false };
        of.arrive(what, now);
        let is_full = of.is_full();
        self.settle(&topic, now);
        self.queue(&topic);
        is_full
    }

    /// Takes what the engine says of a topic that was opened, again or for the first time. Returns whether a pass is due.
    pub(super) fn catch_up(&mut self, name: &TopicName, caught: Caught<M>, now: Instant) -> bool {
        if let Some(of) = self.topics.get_mut(name) {
            of.catch_up(caught, now);
        }
        self.settle(name, now);
        self.queue(name);
        self.topics.get(name).is_some_and(Topic::is_full)
    }

    /// From now on hears what other nodes publish, by an engine that does not number.
    pub(super) fn hear(&mut self, name: &TopicName, now: Instant) {
        self.epoch = mix(self.epoch);
        let epoch = Epoch(self.epoch);
        if let Some(of) = self.topics.get_mut(name) {
            of.hear(epoch, now);
        }
        self.settle(name, now);
        self.queue(name);
    }

    /// Where these topics stand, or all.
    pub(super) fn standings(
        &self,
        names: Option<Vec<TopicName>>,
        with_attendees: bool,
    ) -> Vec<(TopicName, Standing)> {
        let names = names.unwrap_or_else(|| self.topics.keys().cloned().collect());
        let standing = |name: TopicName| {
            let standing = self.topics.get(&name)?.standing(with_attendees)?;
            Some((name, standing))
        };
        names.into_iter().filter_map(standing).collect()
    }

    /// Whether it is known where a topic stands: always, unless an engine has to say so.
    pub(super) fn can_join(&self, name: &TopicName) -> bool {
        self.wishes.is_none() || self.topics.get(name).is_some_and(Topic::is_open)
    }

    /// In a cluster, lets a topic go on without the engine.
    pub(super) fn go_local(&mut self, name: &TopicName, now: Instant) {
        if self.wishes.is_some() {
            self.epoch = mix(self.epoch);
            let epoch = Epoch(self.epoch);
            self.topic(name).go_local(epoch, now);
        }
    }

    pub(super) fn wish(&self, wish: Wish) {
        if let Some(wishes) = &self.wishes {
            let _ = wishes.sender.send(wish); // fails if the hub is ending
        }
    }
}
