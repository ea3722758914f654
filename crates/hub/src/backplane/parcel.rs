//! What travels between nodes.

use std::sync::Arc;
use std::time::Duration;

use super::node::NodeId;
use crate::identity::ClientId;
use crate::name::{TopicName, UserId};
use crate::post::Audience;
use crate::presence::PresenceChange;
use crate::receipt::Position;

/// A message on its way between nodes: as bytes, with what a hub should know of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Parcel {
    /// The message, as [`Carried::encode`](super::Carried::encode) wrote it.
    pub payload: Arc<[u8]>,
    /// How much memory it takes in a hub. An engine's limits in bytes count this.
    pub weight: usize,
    /// Whom it is for.
    pub audience: Audience,
    /// The word that makes earlier messages with the same word superfluous.
    pub replaces: Option<Arc<str>>,
    /// Whose key makes a retry safe, and the key.
    pub key: Option<(Option<UserId>, Arc<str>)>,
    /// Who published it, if the engine does not number messages. It travels along.
    pub origin: Option<Origin>,
}

/// Where a message comes from, by which the others notice that one before it is missing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Origin {
    /// The node that published it.
    pub node: NodeId,
    /// Which of that node's countings in this topic the number belongs to: it does not count for ever where nothing is said.
    pub run: u64,
    /// One more than that of the message before it.
    pub number: u64,
}

/// What has a number in a topic.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum What {
    /// Somebody's message.
    Parcel(Parcel),
    /// Users came or went.
    Notice(PresenceChange),
}

/// One of those that a topic has kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Item {
    /// Its number.
    pub offset: u64,
    /// How long ago it was published, by the engine's clock.
    pub age: Duration,
    /// What it is.
    pub what: What,
}

/// What an engine delivers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Delivery {
    /// Something was published.
    Item {
        /// Where.
        topic: TopicName,
        /// Its place there.
        position: Position,
        /// What it is.
        what: What,
    },
    /// Something was published, and the engine does not number.
    Unnumbered {
        /// Where.
        topic: TopicName,
        /// What, with its [origin](Parcel::origin).
        parcel: Parcel,
    },
    /// Users came or went, and that has no number.
    Presence {
        /// Where.
        topic: TopicName,
        /// Who.
        change: PresenceChange,
    },
}

/// A client who is present in a topic.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attendee {
    /// Whose it is.
    pub user: UserId,
    /// Which it is.
    pub client: ClientId,
    /// What others may know of the user.
    pub info: Option<Arc<str>>,
}

/// A change of who is present.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Move {
    /// A client comes.
    Enter(Attendee),
    /// A client goes.
    Leave {
        /// Whose it is.
        user: UserId,
        /// Which it is.
        client: ClientId,
        /// Whether it said goodbye. If not, its user may return, and stays present for
        /// [`PresenceConf::grace`](crate::PresenceConf::grace).
        clean: bool,
    },
}
