//! How often the members of a topic are told who came and went: a state machine without a clock.

use std::time::Duration;

use tokio::time::Instant;

use crate::conf::{MAX_DURATION, PresenceConf};

/// So many times in a row at once, and once per batch over time, whoever comes and however fast.
///
/// It is a token bucket, as one point in time: when it will be full.
pub(super) struct Pace {
    full_at: Option<Instant>,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { full_at: None }
    }

    /// How long a change has to wait.
    pub(super) fn wait(&self, conf: &PresenceConf, now: Instant) -> Duration {
        let missing = self.full_at.map_or(Duration::ZERO, |full_at| full_at.saturating_duration_since(now));
        let spare = u32::try_from(conf.at_once.get() - 1).unwrap_or(u32::MAX);
        missing.saturating_sub(batch(conf).saturating_mul(spare))
    }

    /// Something is told.
    pub(super) fn take(&mut self, conf: &PresenceConf, now: Instant) {
        self.full_at = Some(self.full_at.map_or(now, |full_at| full_at.max(now)) + batch(conf));
    }
}

fn batch(conf: &PresenceConf) -> Duration {
    conf.batch.min(MAX_DURATION)
}
