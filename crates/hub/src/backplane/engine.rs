//! What an engine must do: the contract.

use std::pin::Pin;
use std::time::Duration;

use super::error::EngineError;
use super::node::{Node, NodeId};
use super::parcel::{Attendee, Item, Move, Parcel};
use super::sink::Sink;
use crate::conf::TopicConf;
use crate::name::TopicName;
use crate::presence::Snapshot;
use crate::receipt::{Position, Receipt};

/// What an engine promises to do. It owns what it needs, so that nobody has to hold anything for it.
pub type Answer<T> = Pin<Box<dyn Future<Output = Result<T, EngineError>> + Send>>;

/// What joins the nodes of a cluster: it delivers what is published in a topic to the nodes that are interested, and, as far as it
/// [can](Capabilities), numbers it and keeps some of it.
///
/// One `Engine` belongs to one hub. The hub owns the rest: connecting again and with which pauses, the deadline of each call,
/// putting deliveries in order, finding what is lost, fetching it, and telling members of what cannot be had any more. So an
/// engine may be simple: it passes on what it gets, and says so when it knows that its connection is gone.
///
/// **Order.** A call takes its place in line when it is *called*, not when its future is polled: two messages that are published one
/// after the other are numbered in this order. A call whose future is dropped may still be carried out.
///
/// **Numbers.** The messages of a topic are numbered 1, 2, 3, … without a gap, under an epoch. All nodes see the same number on the
/// same message. An engine that has lost its memory chooses another epoch, one that was never used.
///
/// **Without numbers.** An engine that [does not number](Capabilities::sequences) passes on what it is given, as
/// [`Delivery::Unnumbered`](super::Delivery::Unnumbered), to the nodes that are interested then; what one node publishes in a topic
/// arrives in the order in which it did so, once at most. It need not say when it loses something: a node numbers what it publishes
/// ([`Origin`](super::Origin)), and the others find out.
///
/// **Errors.** [`EngineError::Unavailable`] if it is not connected, or does not know whether the call was carried out.
pub trait Engine: Send + Sync + 'static {
    /// The node that this engine belongs to: another id in each life, the same as long as the engine lives.
    fn node(&self) -> Node;

    /// What this engine can do.
    fn capabilities(&self) -> Capabilities;

    /// Connects, or connects anew: from now on what there is for this node goes to this sink, and nothing to the one before.
    ///
    /// The node is registered by it. What it was interested in before, and who was present, is forgotten or not: the hub says
    /// all of it again.
    fn connect(&self, sink: Sink) -> Answer<()>;

    /// Begins to deliver what is published in these topics, or goes on doing so, and says where each stands.
    ///
    /// Called again and again for the same topics, as it is also how the hub finds out what it has missed. What is published
    /// behind the position that is answered is delivered. The answers are in the order of the interests. An engine that does not
    /// number has nothing to answer: an empty list is enough.
    fn subscribe(&self, interests: Vec<Interest>) -> Answer<Vec<Subscribed>>;

    /// Delivers nothing more of these topics, in which none of this node's clients is present any more. What is on its way may still
    /// come.
    fn unsubscribe(&self, topics: Vec<TopicName>) -> Answer<()>;

    /// Publishes in a topic, in which this node need not be interested; it is delivered to this node as to others.
    ///
    /// A key that the topic remembers publishes nothing, and gives the receipt of the first time. An engine that does not number has
    /// no receipt, and leaves keys to the nodes; whether the node that publishes gets its own message back is the same to it.
    fn publish(&self, topic: &TopicName, conf: &TopicConf, parcel: Parcel) -> Answer<Option<Receipt>>;

    /// A client of this node comes into a topic, or leaves it. Both may be said twice.
    fn presence(&self, topic: &TopicName, moved: Move) -> Answer<()>;

    /// Says that this node lives, and asks who else does.
    fn beat(&self) -> Answer<Beat>;

    /// Declares another node dead: its clients are present no longer. Said by any number of nodes.
    fn bury(&self, node: NodeId) -> Answer<()>;

    /// Passes words on to one other node, or to all others. They are not kept.
    fn tell(&self, to: Option<NodeId>, words: Vec<u8>) -> Answer<()>;

    /// Sends a number to this node itself, on the way that deliveries take, so that the hub sees that this way is open.
    fn probe(&self, number: u64) -> Answer<()>;

    /// Leaves the cluster: this node's clients are present no longer, and nothing is delivered any more.
    fn close(&self) -> Answer<()>;
}

/// What an engine can do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Whether it numbers the messages of a topic, so that their order is the same on all nodes. If not, each node has numbers of its
    /// own, and a client recovers what it missed on the node that it was on, and on no other.
    pub sequences: bool,
    /// Whether it keeps messages, by [`HistoryConf`](crate::HistoryConf). If not, what is lost is announced, and never fetched.
    pub history: bool,
    /// Whether it keeps who is present. If not, presence is not kept in the topics of the cluster.
    pub presence: bool,
    /// How many bytes a message may have. A longer one is [`EngineError::TooLarge`].
    pub max_bytes: usize,
}

impl Capabilities {
    /// Everything, with messages up to so many bytes.
    #[must_use]
    pub const fn all(max_bytes: usize) -> Self {
        Self { sequences: true, history: true, presence: true, max_bytes }
    }

    /// Without numbers, and so without history and presence, which are numbered.
    #[must_use]
    pub const fn without_sequences(self) -> Self {
        Self { sequences: false, ..self.without_history().without_presence() }
    }

    /// Without history.
    #[must_use]
    pub const fn without_history(self) -> Self {
        Self { history: false, ..self }
    }

    /// Without presence.
    #[must_use]
    pub const fn without_presence(self) -> Self {
        Self { presence: false, ..self }
    }
}

/// What a node wants of a topic.
#[derive(Clone, Debug)]
pub struct Interest {
    /// The topic.
    pub topic: TopicName,
    /// What holds for it: what is kept, for how long keys are remembered, how presence is told.
    pub conf: TopicConf,
    /// Whether changes of presence are numbered among the messages ([`What::Notice`](super::What::Notice)), as members are told of
    /// them, or go beside them ([`Delivery::Presence`](super::Delivery::Presence)). The same on all nodes.
    pub notices: bool,
    /// How far the node has all there was, if it has something.
    pub after: Option<Position>,
    /// Which version of presence the node has, of the epoch of `after`. An answer with the same one need not have it.
    pub seen: Option<u64>,
    /// If it is there: all of this node's clients who are present. Others that the engine has of this node are not.
    pub attendees: Option<Vec<Attendee>>,
}

/// Where a topic stands, and what a node needs to stand there too.
#[derive(Clone, Debug)]
pub struct Subscribed {
    /// The last message's place.
    pub position: Position,
    /// Whether `items` is all that came after the position that the interest had. If not, or if it had none, `items` is all
    /// that the topic has kept.
    pub is_complete: bool,
    /// Without a gap, up to `position`.
    pub items: Vec<Item>,
    /// Who is present; `None` if the topic does not keep it, or if the node has seen this version of it.
    pub presence: Option<Snapshot>,
}

/// What a node gets for a sign of life.
#[derive(Clone, Debug)]
pub struct Beat {
    /// Whether this node was known. If not, it had been declared dead or forgotten, and the hub says everything again.
    pub is_known: bool,
    /// The other nodes.
    pub peers: Vec<Peer>,
}

/// Another node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Peer {
    /// Which.
    pub node: Node,
    /// How long it has given no sign of life, by the engine's clock.
    pub silent_for: Duration,
}
