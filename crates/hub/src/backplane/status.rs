//! How a hub stands with its engine.

use std::fmt;

use tokio::time::Instant;

/// How a hub stands with its engine, and so with the rest of its cluster.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Status {
    /// It has not been connected yet. Who joins or publishes waits.
    Connecting,
    /// All is well.
    Up,
    /// It is connected, and something is wrong, since then.
    Degraded(Trouble, Instant),
    /// It is not connected, since then. What happens is up to each topic's [`Outage`](crate::Outage).
    Down(Instant),
}

/// What is wrong with a connection that there is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Trouble {
    /// Calls are answered, but nothing is delivered. The hub is about to connect anew.
    Silent,
}

impl Status {
    /// Whether calls have a chance.
    #[must_use]
    pub fn is_connected(self) -> bool {
        matches!(self, Self::Up | Self::Degraded(..))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connecting => "connecting",
            Self::Up => "up",
            Self::Degraded(Trouble::Silent, _) => "degraded: nothing is delivered",
            Self::Down(_) => "down",
        })
    }
}
