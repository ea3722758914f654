//! A message of somebody's, or that somebody came or went.

use std::sync::Arc;

use crate::backplane::Carried;
use crate::message::Message;
use crate::name::TopicName;
use crate::presence::PresenceChange;

/// A message, or who came and went: for a hub whose members are told of each other, and whose messages have no word for it.
///
/// ```
/// use hub::{Hub, HubConf, WithPresence};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hub::Error> {
/// let hub = Hub::<WithPresence<&str>>::spawn(HubConf::default().with_presence());
/// hub.publish("lobby", WithPresence::Message("hello")).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum WithPresence<M> {
    /// What somebody said.
    Message(M),
    /// Who came, and who went.
    Presence(Arc<PresenceChange>),
}

impl<M: Message> Message for WithPresence<M> {
    fn weight(&self) -> usize {
        match self {
            Self::Message(message) => size_of::<Self>() + message.weight(),
            Self::Presence(change) => {
                size_of::<Self>() + ABOUT_A_USER * (change.joined.len() + change.left.len())
            }
        }
    }

    fn presence(_: &TopicName, change: &PresenceChange) -> Option<Self> {
        Some(Self::Presence(Arc::new(change.clone())))
    }
}

/// Messages alone travel: who came and went each node tells its own members.
impl<M: Carried> Carried for WithPresence<M> {
    fn encode(&self) -> Vec<u8> {
        match self {
            Self::Message(message) => [&[MESSAGE][..], &message.encode()].concat(),
            Self::Presence(_) => Vec::new(),
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (MESSAGE, message) = bytes.split_first().map(|(kind, rest)| (*kind, rest))? else { return None };
        M::decode(message).map(Self::Message)
    }
}

impl<M> From<M> for WithPresence<M> {
    fn from(message: M) -> Self {
        Self::Message(message)
    }
}

/// A name, a number, and what holds them.
const ABOUT_A_USER: usize = 64;

/// What the bytes of a message begin with.
const MESSAGE: u8 = 1;
