//! What a client receives.

use std::fmt;

use crate::name::TopicName;
use crate::receipt::Position;

/// What a client receives, in the order in which it should see it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event<M> {
    /// Somebody published in a topic that the client is in, or the hub tells who came and went.
    Message {
        /// The topic.
        topic: TopicName,
        /// The message's place in it.
        offset: u64,
        /// The message.
        message: M,
    },
    /// The server says something to this client, or to its user.
    Direct(M),
    /// The messages with these offsets are lost for this client, which was too slow.
    Gap {
        /// The topic.
        topic: TopicName,
        /// The first offset that is lost.
        from: u64,
        /// The last one.
        to: u64,
    },
    /// The topic is numbered anew from this position on, and what came before may be lost in part: what keeps the nodes of
    /// a cluster together has lost its memory, or was away. Never in a hub that is alone.
    Reset {
        /// The topic.
        topic: TopicName,
        /// Where it stands now.
        position: Position,
    },
    /// The server took the client out of a topic.
    Left {
        /// The topic.
        topic: TopicName,
        /// Why.
        reason: Reason,
    },
}

/// Why a client is no longer in a topic.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// The server said so.
    Unsubscribed,
    /// What the topic needs was lost in an error of the hub.
    Failed,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsubscribed => "the server took it out of the topic",
            Self::Failed => "the topic ended in an error",
        })
    }
}
