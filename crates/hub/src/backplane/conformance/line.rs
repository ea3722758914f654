//! What is said in the cases.

use std::sync::Arc;

use crate::backplane::Carried;
use crate::message::Message;
use crate::name::{TopicName, UserId};
use crate::presence::PresenceChange;

/// A line of text. Who came and went is one too: `+ann +bob -cid`, with the number of devices if it is not one, as in `+ann*2`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line(Arc<str>);

impl Line {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl Message for Line {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.0.len()
    }

    fn presence(_: &TopicName, change: &PresenceChange) -> Option<Self> {
        let joined = change.joined.iter().map(|present| match present.devices {
            1 => format!("+{}", present.user),
            devices => format!("+{}*{devices}", present.user),
        });
        let mut joined: Vec<_> = joined.collect();
        joined.sort();
        let mut left: Vec<_> = change.left.iter().map(UserId::as_str).collect();
        left.sort_unstable();
        joined.extend(left.into_iter().map(|user| format!("-{user}")));
        Some(joined.join(" ").into())
    }
}

impl Carried for Line {
    fn encode(&self) -> Vec<u8> {
        self.0.as_bytes().to_vec()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        std::str::from_utf8(bytes).ok().map(Self::from)
    }
}
