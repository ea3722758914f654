use std::sync::Arc;

use rest::Metrics;
use rest::metrics::prometheus_client::metrics::counter::Counter;
use rest::metrics::prometheus_client::metrics::family::Family;
use rest::metrics::prometheus_client::metrics::gauge::Gauge;

use super::error::SessionError;

/// What an engine counts of its sessions; `docs/OPERATIONS.md` has them.
pub(super) struct SessionMetrics {
    pub(super) open: Gauge,
    refused: Family<[(&'static str, &'static str); 1], Counter>,
}

impl SessionMetrics {
    pub(super) fn of(metrics: &Metrics) -> Arc<Self> {
        metrics.of(|metrics| {
            let set = Self { open: Gauge::default(), refused: Family::default() };
            metrics.register("hub_sessions_open", "Sessions by events and POST", set.open.clone());
            metrics.register("hub_sessions_refused", "What sessions were refused", set.refused.clone());
            set
        })
    }

    pub(super) fn refused(&self, error: SessionError) {
        self.refused.get_or_create(&[("cause", error.label())]).inc();
    }
}
