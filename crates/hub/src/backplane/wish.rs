//! What loops and engines want done, in the task that keeps a hub connected.

use super::parcel::Move;
use crate::name::TopicName;

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
