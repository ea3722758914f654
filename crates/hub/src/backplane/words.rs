//! What nodes say to each other, as bytes: a line of JSON, and behind it a message if there is one.

use serde::{Deserialize, Serialize};

use super::node::NodeId;
use crate::identity::ClientId;
use crate::name::{TopicName, UserId};
use crate::users::Whom;

/// What one node says to others.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) enum Words {
    /// Does this, and say how it went.
    Ask { number: u64, from: NodeId, ask: Ask },
    /// It is done.
    Answer { number: u64, from: NodeId, to: NodeId, counts: Counts },
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) enum Ask {
    /// Say the message behind this line to these clients.
    Send(Address),
    /// Say it to all.
    Everyone,
    Kick(Address),
    Unsubscribe(Address, String),
    Count,
}

/// Clients, on whatever node.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) enum Address {
    Client(u64),
    User(String),
}

/// What a node has, for a [`Survey`](super::Survey).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Counts {
    /// How many clients are connected to it, or were meant by what was asked.
    pub clients: u64,
    /// How many users they belong to.
    pub users: u64,
    /// How many topics it has.
    pub topics: u64,
    /// How many members are in them.
    pub members: u64,
}

impl Words {
    pub(crate) fn encode(&self, message: &[u8]) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).expect("it has no maps and no floats");
        bytes.push(b'\n'); // JSON has none in it
        bytes.extend_from_slice(message);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        Some((serde_json::from_slice(&bytes[..end]).ok()?, &bytes[end + 1..]))
    }
}

impl Address {
    pub(crate) fn whom(&self) -> Option<Whom> {
        match self {
            Self::Client(client) => Some(Whom::Client(ClientId(*client))),
            Self::User(user) => Some(Whom::User(UserId::new(user).ok()?)),
        }
    }
}

impl From<&Whom> for Address {
    fn from(whom: &Whom) -> Self {
        match whom {
            Whom::Client(client) => Self::Client(client.get()),
            Whom::User(user) => Self::User(user.as_str().to_owned()),
        }
    }
}

/// A topic's name, if it is one.
pub(crate) fn topic(name: &str) -> Option<TopicName> {
    TopicName::new(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_a_line_and_what_is_behind_it() {
        let words = Words::Ask { number: 7, from: NodeId(1), ask: Ask::Send(Address::User("a\nb".into())) };
        let bytes = words.encode(b"one\ntwo");
        let (read, message) = Words::decode(&bytes).unwrap();
        assert_eq!((format!("{read:?}"), message), (format!("{words:?}"), &b"one\ntwo"[..]));
        assert!(Words::decode(b"{}\n").is_none() && Words::decode(b"no line").is_none());
    }
}
