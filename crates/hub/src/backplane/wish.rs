//! What loops and engines want done, in the task that keeps a hub connected.

use tokio::sync::mpsc;

use super::parcel::Move;
use crate::name::TopicName;

/// The way to that task, for a loop.
#[derive(Clone)]
pub(crate) struct Wishes {
    /// Unbounded, because loops do not wait; see [`Keeper`](super::keeper::Keeper).
    pub(crate) sender: mpsc::UnboundedSender<Wish>,
    /// Whether the engine numbers what is published.
    pub(crate) sequences: bool,
}

pub(crate) enum Wish {
    /// A client of this node came into a topic, or left it.
    Moved(TopicName, Move),
    /// Something of this topic is missing.
    Missing(TopicName),
    /// Nobody of this node is in this topic any more.
    Idle(TopicName),
    /// A probe's number came back.
    Echo(u64),
    /// Another node says something.
    Words(Vec<u8>),
    /// The connection with this number is gone.
    Lost(u64),
}
