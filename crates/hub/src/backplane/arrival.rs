//! What comes in from other nodes, decoded, on its way into a loop.

use super::parcel::Origin;
use crate::keys::Key;
use crate::log::Entry;
use crate::name::TopicName;
use crate::presence::{PresenceChange, Snapshot};
use crate::receipt::{Epoch, Position};

/// A delivery.
pub(crate) struct Arrival<M> {
    pub(crate) topic: TopicName,
    pub(crate) what: Arrived<M>,
}

pub(crate) enum Arrived<M> {
    /// What has this number in the topic.
    Numbered(Epoch, u64, Numbered<M>),
    /// What another node has published, by this key, with an engine that does not number.
    Passed(Option<Origin>, Option<Key>, Numbered<M>),
    /// A change of presence that has none.
    Presence(PresenceChange),
}

pub(crate) enum Numbered<M> {
    Message(Entry<M>),
    /// With the message by which members are told.
    Notice(Box<(PresenceChange, Option<Entry<M>>)>),
    /// It is no message.
    Broken,
}

impl<M> Numbered<M> {
    /// How much memory it takes, about.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Message(entry) => entry.weight,
            Self::Notice(notice) => notice.1.as_ref().map_or(0, |entry| entry.weight),
            Self::Broken => 0,
        }
    }

    /// Whether members cannot have it, and have to be told so.
    pub(crate) fn is_broken(&self) -> bool {
        match self {
            Self::Message(_) => false,
            Self::Notice(notice) => notice.1.is_none(),
            Self::Broken => true,
        }
    }
}

/// Where a topic stands, as the engine answers: see [`Subscribed`](super::Subscribed).
pub(crate) struct Caught<M> {
    pub(crate) position: Position,
    pub(crate) is_complete: bool,
    pub(crate) items: Vec<(u64, Numbered<M>)>,
    pub(crate) presence: Option<Snapshot>,
}
