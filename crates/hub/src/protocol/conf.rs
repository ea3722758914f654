//! The limits of the protocol; the behaviour at each stands with it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::conf::duration;

/// What clients of the protocol may do, and for how long things are remembered. Each limit is per connection unless it says
/// otherwise.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ProtocolConf {
    /// How large a command may be, in bytes; 64 KiB by default. A larger one is `too_large`.
    pub max_command_bytes: usize,
    /// How many messages a `join` or a `history` may ask for; 1000 by default. Who asks for more gets so many.
    pub max_history: usize,
    /// What each connection may do; unlimited by default.
    pub per_client: LimitsConf,
    /// What all connections of a user may do together; unlimited by default.
    pub per_user: LimitsConf,
    /// How many commands in a row may be refused; 100 by default. One more, and the connection ends with `abuse`.
    pub max_refused: u32,
    /// For how long a permission is remembered before the authorizer is asked again; 1 minute by default.
    #[serde(with = "duration")]
    pub permit_for: Duration,
    /// How many permissions are remembered; 200 by default. Others are asked for again.
    pub max_permits: usize,
    /// How long before a token is over the client is told; 30 s by default.
    #[serde(with = "duration")]
    pub expiry_notice: Duration,
    /// For how long it is remembered how a connection ended, to be told if the client returns; 5 minutes by default.
    #[serde(with = "duration")]
    pub remember_ends: Duration,
    /// How many such ends are remembered in all; 10,000 by default. The oldest make room.
    pub max_ends: usize,
}

/// Rates. What is above one is `rate_limited`, with the time after which there is room.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct LimitsConf {
    /// Of messages that are published.
    pub messages: RateConf,
    /// Of the bytes of all commands.
    pub bytes: RateConf,
    /// Of joins, and of questions for presence and history.
    pub joins: RateConf,
}

/// So many a second over time, and a burst at once.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RateConf {
    /// How many a second; 0, the default, is any number.
    pub rate: u32,
    /// How many at once; 0, the default, is as many as in a second.
    pub burst: u32,
}

impl RateConf {
    pub(super) fn is_unlimited(self) -> bool {
        self.rate == 0
    }

    pub(super) fn burst(self) -> u32 {
        if self.burst == 0 { self.rate } else { self.burst }
    }

    /// How long it takes until there is as much again; there is a rate.
    pub(super) fn time_of(self, cost: u32) -> Duration {
        Duration::from_secs(1) * cost / self.rate
    }
}

impl Default for ProtocolConf {
    fn default() -> Self {
        Self {
            max_command_bytes: 64 << 10,
            max_history: 1000,
            per_client: LimitsConf::default(),
            per_user: LimitsConf::default(),
            max_refused: 100,
            permit_for: Duration::from_secs(60),
            max_permits: 200,
            expiry_notice: Duration::from_secs(30),
            remember_ends: Duration::from_secs(5 * 60),
            max_ends: 10_000,
        }
    }
}
