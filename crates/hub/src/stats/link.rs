//! How a hub that is one of several stands with its engine, in numbers.

use serde::Serialize;

use super::counter::Counter;

/// What a hub has counted of its connection with the others of its cluster.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct BackplaneStats {
    /// Whether all is well with it; see [`Hub::status`](crate::Hub::status).
    pub up: bool,
    /// How often it was made anew so far.
    pub reconnects: u64,
    /// How long the last probe took to come back the way on which messages come, in nanoseconds; 0 before the first one.
    pub lag_nanos: u64,
}

/// The same, while it is counted.
#[derive(Debug, Default)]
pub(crate) struct LinkCounters {
    pub(crate) connections: Counter,
    pub(crate) lag_nanos: Counter,
}

impl LinkCounters {
    pub(crate) fn read(&self, up: bool) -> BackplaneStats {
        BackplaneStats {
            up,
            reconnects: self.connections.get().saturating_sub(1),
            lag_nanos: self.lag_nanos.get(),
        }
    }
}
