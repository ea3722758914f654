//! Where a message stands in its topic.

use std::fmt;

/// One life of a topic's numbering. A topic that was gone and is made anew has another one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Epoch(pub(crate) u64);

impl Epoch {
    /// Reads what [`Display`](fmt::Display) wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        u64::from_str_radix(text, 16).ok().map(Self)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// A place in a topic: after the message with this offset. Offset 0 is before the first message.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Position {
    /// The offset of the last message before this place.
    pub offset: u64,
    /// Which life of the topic that is.
    pub epoch: Epoch,
}

/// What a publisher gets: its message has this place in the topic's order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Receipt {
    /// The place.
    pub position: Position,
    /// Whether a message with this key had been published before; then this one was not.
    pub duplicate: bool,
}
