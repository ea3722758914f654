//! What a client or a publisher is told when it can go no further.

use std::error::Error;
use std::fmt;

/// The client was too slow, and gets no further message.
///
/// The next message it had to read is no longer in the hub's log; see [`HubConf`](crate::HubConf) for its bounds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Evicted {
    lag: u64,
}

impl Evicted {
    pub(crate) fn new(lag: u64) -> Self {
        Self { lag }
    }

    /// How many messages the client had not read when it found out.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.lag
    }
}

impl fmt::Display for Evicted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "too slow: fell {} messages behind", self.lag)
    }
}

impl Error for Evicted {}

/// The hub is closed: nothing more is published, nobody can register.
///
/// Complete by definition: there is nothing more to say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the hub is closed")
    }
}

impl Error for Closed {}
