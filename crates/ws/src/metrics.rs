use std::sync::Arc;
use std::time::Duration;

use rest::Metrics;
use rest::metrics::prometheus_client::metrics::counter::Counter;
use rest::metrics::prometheus_client::metrics::family::Family;
use rest::metrics::prometheus_client::metrics::gauge::Gauge;
use rest::metrics::prometheus_client::metrics::histogram::Histogram;

use crate::caps::Census;
use crate::end::End;
use crate::outbox::Traffic;

/// What an engine counts of its sockets, all routes together.
///
/// | name | kind | labels | what it counts |
/// |---|---|---|---|
/// | `ws_connections_open` | gauge | | connections that are open |
/// | `ws_connections_opened_total` | counter | | connections that were opened |
/// | `ws_connections_closed_total` | counter | end | connections that ended, by [`End`] |
/// | `ws_handshakes_refused_total` | counter | cause | handshakes that were refused, by [`HandshakeError`](crate::HandshakeError) |
/// | `ws_messages_total` | counter | direction | messages, `in` and `out` |
/// | `ws_bytes_total` | counter | direction | bytes on the wire, `in` and `out`, TLS not counted |
/// | `ws_rtt_seconds` | histogram, 1 ms to 10 s | | how long pings took to be answered |
///
/// Messages and bytes are counted when the connection next looks at its timers: within a second where messages come in, and
/// within `PingInterval` where they only go out.
pub(crate) struct WsMetrics {
    open: Gauge,
    opened: Counter,
    closed: Family<Label, Counter>,
    refused: Family<Label, Counter>,
    inbound: Flow,
    outbound: Flow,
    rtt: Histogram,
    /// What the caps go by. It is here as it is the engine's too.
    pub(crate) census: Census,
}

type Label = [(&'static str, &'static str); 1];

/// One direction.
struct Flow {
    messages: Counter,
    bytes: Counter,
}

impl WsMetrics {
    /// Those of an engine.
    pub(crate) fn of(metrics: &Metrics) -> Arc<Self> {
        metrics.of(Self::register)
    }

    fn register(metrics: &Metrics) -> Self {
        let messages = Family::<Label, Counter>::default();
        let bytes = Family::<Label, Counter>::default();
        let flow = |direction| Flow {
            messages: messages.get_or_create_owned(&[("direction", direction)]),
            bytes: bytes.get_or_create_owned(&[("direction", direction)]),
        };
        let set = Self {
            open: Gauge::default(),
            opened: Counter::default(),
            closed: Family::default(),
            refused: Family::default(),
            inbound: flow("in"),
            outbound: flow("out"),
            rtt: Histogram::new(RTT_SECONDS),
            census: Census::default(),
        };
        metrics.register("ws_connections_open", "Open WebSocket connections", set.open.clone());
        metrics.register("ws_connections_opened", "WebSocket connections so far", set.opened.clone());
        metrics.register("ws_connections_closed", "WebSocket connections by their end", set.closed.clone());
        metrics.register("ws_handshakes_refused", "Refused WebSocket handshakes", set.refused.clone());
        metrics.register("ws_messages", "WebSocket messages", messages);
        metrics.register("ws_bytes", "Bytes of WebSocket connections", bytes);
        metrics.register("ws_rtt_seconds", "Round trips of WebSocket pings", set.rtt.clone());
        set
    }

    pub(crate) fn refused(&self, cause: &'static str) {
        self.refused.get_or_create(&[("cause", cause)]).inc();
    }

    pub(crate) fn opened(&self) {
        self.opened.inc();
        self.open.inc();
    }

    pub(crate) fn closed(&self, end: End) {
        self.closed.get_or_create(&[("end", end.label())]).inc();
        self.open.dec();
    }
}

/// What of one connection is in the metrics.
pub(crate) struct Tally {
    metrics: Arc<WsMetrics>,
    inbound: Traffic,
    outbound: Traffic,
}

impl Tally {
    pub(crate) fn new(metrics: Arc<WsMetrics>) -> Self {
        Self { metrics, inbound: Traffic::default(), outbound: Traffic::default() }
    }

    /// Adds what has gone each way since the last time.
    pub(crate) fn add(&mut self, inbound: Traffic, outbound: Traffic) {
        self.metrics.inbound.add(&mut self.inbound, inbound);
        self.metrics.outbound.add(&mut self.outbound, outbound);
    }

    pub(crate) fn rtt(&self, rtt: Duration) {
        self.metrics.rtt.observe(rtt.as_secs_f64());
    }
}

impl Flow {
    fn add(&self, known: &mut Traffic, now: Traffic) {
        self.messages.inc_by(now.messages - known.messages);
        self.bytes.inc_by(now.bytes - known.bytes);
        *known = now;
    }
}

const RTT_SECONDS: [f64; 10] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 10.0];
