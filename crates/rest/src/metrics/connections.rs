//! What an engine counts of the connections of its clients.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::Metrics;

/// The connections of one engine; there from the first time that it serves.
#[derive(Default)]
pub(crate) struct ConnectionMetrics {
    pub(crate) open: Gauge,
    refused: Family<Limit, Counter>,
    pub(crate) stalled: Counter,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Limit {
    limit: &'static str,
}

impl ConnectionMetrics {
    pub(crate) fn register(metrics: &Metrics) -> Self {
        let this = Self::default();
        let Self { open, refused, stalled } = &this;
        metrics.register("http_server_connections_open", "Connections, upgraded ones too", open.clone());
        let help = "Connections that were one too many";
        metrics.register("http_server_connections_refused", help, refused.clone());
        let help = "Connections whose client did not take what was sent";
        metrics.register("http_server_connections_stalled", help, stalled.clone());
        this
    }

    /// Counts one that was too many, by this limit.
    pub(crate) fn refused(&self, limit: &'static str) {
        self.refused.get_or_create(&Limit { limit }).inc();
    }
}
