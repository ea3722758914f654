//! What the bus knows: topics and nodes. A state machine without a clock: requests go in, answers and deliveries come out.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::mem;
use std::time::Duration;

use tokio::time::Instant;

use super::stream::Stream;
use crate::backplane::engine::{Beat, Interest, Peer, Subscribed};
use crate::backplane::parcel::{Delivery, Move, Parcel};
use crate::backplane::{Capabilities, Node, NodeId};
use crate::conf::TopicConf;
use crate::mix::mix;
use crate::name::TopicName;
use crate::receipt::{Epoch, Receipt};

pub(super) struct Broker {
    can: Capabilities,
    streams: HashMap<TopicName, Stream>,
    nodes: BTreeMap<NodeId, (Node, Instant)>,
    /// When to look at a topic, whatever happens. An entry may be void by then.
    due: BinaryHeap<Reverse<(Instant, TopicName)>>,
    epoch: u64,
    out: Vec<(NodeId, Down)>,
}

/// What a node asks for.
pub(super) enum Request {
    Connect(Node),
    Subscribe(Vec<Interest>),
    Unsubscribe(Vec<TopicName>),
    Publish(TopicName, Box<TopicConf>, Parcel),
    Moved(TopicName, Move),
    Beat(Node),
    Bury(NodeId),
    Tell(Option<NodeId>, Vec<u8>),
    Probe(u64),
    Close,
}

pub(super) enum Reply {
    Done,
    Subscribed(Vec<Subscribed>),
    Published(Option<Receipt>),
    Beat(Beat),
}

/// What a node gets without asking.
#[derive(Clone)]
pub(super) enum Down {
    Delivery(Delivery),
    Words(Vec<u8>),
    Echo(u64),
}

impl Broker {
    /// One that knows nothing; epochs follow from the number.
    pub(super) fn new(seed: u64, can: Capabilities) -> Self {
        let (streams, nodes) = (HashMap::new(), BTreeMap::new());
        Self { can, streams, nodes, due: BinaryHeap::new(), epoch: seed, out: Vec::new() }
    }

    /// Forgets everything but which epochs there have been.
    pub(super) fn forget(&mut self) {
        *self = Self::new(self.epoch, self.can);
    }

    /// After a time in which nobody could give a sign of life.
    pub(super) fn wake(&mut self, now: Instant) {
        for (_, seen) in self.nodes.values_mut() {
            *seen = now;
        }
    }

    pub(super) fn handle(&mut self, from: NodeId, request: Request, now: Instant) -> Reply {
        match request {
            Request::Connect(node) => {
                self.nodes.insert(from, (node, now));
            }
            Request::Subscribe(interests) => {
                let subscribe = |interest| self.subscribe(from, interest, now);
                return Reply::Subscribed(interests.into_iter().map(subscribe).collect());
            }
            Request::Unsubscribe(topics) => {
                for topic in topics {
                    if let Some(stream) = self.streams.get_mut(&topic) {
                        stream.bury(from, now);
                    }
                    self.settle(&topic, now);
                }
            }
            Request::Publish(topic, conf, parcel) => {
                let (receipt, delivery) = if self.can.sequences {
                    let (receipt, delivery) = self.stream(&topic, *conf, now).publish(parcel, now);
                    (Some(receipt), delivery)
                } else {
                    (None, Some(Delivery::Unnumbered { topic: topic.clone(), parcel }))
                };
                self.deliver(&topic, delivery);
                self.settle(&topic, now);
                return Reply::Published(receipt);
            }
            Request::Moved(topic, moved) => {
                // A topic that is not there is one that the node will tell of when it subscribes.
                if let Some(stream) = self.streams.get_mut(&topic) {
                    stream.moved(moved, now);
                }
                self.settle(&topic, now);
            }
            Request::Beat(node) => {
                let is_known = self.nodes.insert(from, (node, now)).is_some();
                let others = self.nodes.iter().filter(|(id, _)| **id != from);
                let peers = others.map(|(_, (node, seen))| Peer {
                    node: node.clone(),
                    silent_for: now.saturating_duration_since(*seen),
                });
                return Reply::Beat(Beat { is_known, peers: peers.collect() });
            }
            Request::Bury(node) => self.bury(node, now),
            Request::Close => self.bury(from, now),
            Request::Tell(Some(to), words) => self.out.push((to, Down::Words(words))),
            Request::Tell(None, words) => {
                let others = self.nodes.keys().filter(|id| **id != from);
                self.out.extend(others.map(|id| (*id, Down::Words(words.clone()))));
            }
            Request::Probe(number) => self.out.push((from, Down::Echo(number))),
        }
        Reply::Done
    }

    /// Does what is due by now.
    pub(super) fn tick(&mut self, now: Instant) {
        while let Some(Reverse((at, _))) = self.due.peek()
            && *at <= now
        {
            let Some(Reverse((at, topic))) = self.due.pop() else { return };
            if let Some(stream) = self.streams.get_mut(&topic).filter(|stream| stream.due == Some(at)) {
                stream.due = None;
                self.settle(&topic, now);
            }
        }
        let gone = |seen: Instant| now.saturating_duration_since(seen) >= TTL;
        let gone: Vec<_> =
            self.nodes.iter().filter(|(_, (_, seen))| gone(*seen)).map(|(id, _)| *id).collect();
        for node in gone {
            self.bury(node, now);
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let node = self.nodes.values().map(|(_, seen)| *seen + TTL).min();
        let topic = self.due.peek().map(|Reverse((at, _))| *at);
        [node, topic].into_iter().flatten().min()
    }

    /// What is to be delivered.
    pub(super) fn take_out(&mut self) -> Vec<(NodeId, Down)> {
        mem::take(&mut self.out)
    }

    fn subscribe(&mut self, node: NodeId, interest: Interest, now: Instant) -> Subscribed {
        let Interest { topic, conf, notices, after, seen, attendees } = interest;
        self.stream(&topic, conf.clone(), now).subscribe(node, notices, attendees, now);
        // Before the answer, so that it has in it what is told because of it.
        self.settle(&topic, now);
        self.stream(&topic, conf, now).standing(after, seen, now)
    }

    fn bury(&mut self, node: NodeId, now: Instant) {
        self.nodes.remove(&node);
        let topics: Vec<_> = self.streams.keys().cloned().collect();
        for topic in topics {
            if let Some(stream) = self.streams.get_mut(&topic) {
                stream.bury(node, now);
            }
            self.settle(&topic, now);
        }
    }

    fn stream(&mut self, topic: &TopicName, mut conf: TopicConf, now: Instant) -> &mut Stream {
        conf.presence.enabled &= self.can.presence;
        if !self.can.history {
            conf.history.max_messages = 0;
        }
        self.streams.entry(topic.clone()).or_insert_with(|| {
            self.epoch = mix(self.epoch);
            Stream::new(topic.clone(), conf, Epoch(self.epoch), now)
        })
    }

    fn deliver(&mut self, topic: &TopicName, delivery: Option<Delivery>) {
        if let (Some(delivery), Some(stream)) = (delivery, self.streams.get(topic)) {
            let to = stream.subscribers.iter();
            self.out.extend(to.map(|node| (*node, Down::Delivery(delivery.clone()))));
        }
    }

    /// After a topic has changed: tells who came and went, notes when to look at it again, and frees it if it is over.
    fn settle(&mut self, topic: &TopicName, now: Instant) {
        let Some(stream) = self.streams.get_mut(topic) else { return };
        let delivery = stream.settle(now);
        self.deliver(topic, delivery);
        let Some(stream) = self.streams.get_mut(topic) else { return };
        if stream.is_over(now) {
            self.streams.remove(topic);
            return;
        }
        if let Some(at) = stream.deadline()
            && stream.due.is_none_or(|due| at < due)
        {
            stream.due = Some(at);
            self.due.push(Reverse((at, topic.clone())));
        }
    }
}

/// A node that has given no sign of life for so long is gone, even if nobody is there to say so.
const TTL: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backplane::Attendee;
    use crate::conf::PresenceConf;
    use crate::identity::ClientId;
    use crate::name::UserId;

    #[test]
    fn a_topic_that_a_node_lets_go_has_none_of_its_clients() {
        let (mut broker, now) = (Broker::new(1, Capabilities::all(1)), Instant::now());
        let [a, b] = [NodeId(1 << 40), NodeId(2 << 40)];
        let topic = TopicName::new("lobby").unwrap();
        let attendee = Attendee { user: UserId::new("ann").unwrap(), client: ClientId(1 << 40), info: None };
        let presence = PresenceConf { enabled: true, ..PresenceConf::default() };
        let mut users = |node: NodeId, attendees: Option<Vec<Attendee>>| {
            let conf = TopicConf { presence: presence.clone(), ..TopicConf::default() };
            let (topic, after, seen) = (topic.clone(), None, None);
            let interest = Interest { topic, conf, notices: true, after, seen, attendees };
            let reply = broker.handle(node, Request::Subscribe(vec![interest]), now);
            let Reply::Subscribed(subscribed) = reply else { panic!("it is an answer to something else") };
            let users = subscribed[0].presence.as_ref().map(|snapshot| snapshot.users.len());
            broker.handle(a, Request::Unsubscribe(vec![TopicName::new("lobby").unwrap()]), now);
            users
        };
        assert_eq!(users(a, Some(vec![attendee])), Some(1));
        assert_eq!(users(b, None), Some(0));
    }
}
