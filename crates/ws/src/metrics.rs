use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rest::Metrics;
use rest::metrics::prometheus_client::metrics::counter::Counter;
use rest::metrics::prometheus_client::metrics::family::Family;
use rest::metrics::prometheus_client::metrics::gauge::Gauge;
use rest::metrics::prometheus_client::metrics::histogram::Histogram;

use crate::caps::Census;
use crate::end::End;
use crate::outbox::{Backlog, Packed, Traffic};

/// What an engine counts of its sockets, all routes together.
///
/// | name | kind | labels | what it counts |
/// |---|---|---|---|
/// | `ws_connections_open` | gauge | | connections that are open |
/// | `ws_connections_opened_total` | counter | | connections that were opened |
/// | `ws_connections_closed_total` | counter | end | connections that ended, by [`End`] |
/// | `ws_close_codes_total` | counter | by, code | closes, by who was first (`client`, `server`) and the code; 3xxx and 4xxx are one each |
/// | `ws_handshakes_refused_total` | counter | cause | handshakes that were refused, by [`HandshakeError`](crate::HandshakeError) |
/// | `ws_messages_total` | counter | direction | messages, `in` and `out` |
/// | `ws_bytes_total` | counter | direction | bytes on the wire, `in` and `out`, TLS not counted |
/// | `ws_compressed_bytes_total` | counter | direction, form | bytes of compressed messages: `wire`, and `plain`, what they say |
/// | `ws_queued_bytes` | gauge | | bytes that wait for sockets to take them |
/// | `ws_write_stalls_total` | counter | | how often a socket took nothing for a while |
/// | `ws_rtt_seconds` | histogram, 1 ms to 10 s | | how long pings took to be answered |
///
/// Messages, bytes and stalls are counted when the connection next looks at its timers: within a second where messages come in, and
/// within `PingInterval` where they only go out.
pub(crate) struct WsMetrics {
    open: Gauge,
    opened: Counter,
    closed: Family<Label, Counter>,
    codes: Family<CodeLabels, Counter>,
    /// The end and the close that came first, which mostly are those that always come: they are not looked for.
    first_close: OnceLock<(Ending, Counter, Counter)>,
    refused: Family<Label, Counter>,
    inbound: Flow,
    outbound: Flow,
    queued: Gauge,
    stalls: Counter,
    rtt: Histogram,
    /// What the caps go by. It is here as it is the engine's too.
    pub(crate) census: Census,
}

type Label = [(&'static str, &'static str); 1];
type Labels = [(&'static str, &'static str); 2];
type CodeLabels = [(&'static str, Cow<'static, str>); 2];

/// One direction.
struct Flow {
    messages: Counter,
    bytes: Counter,
    /// Of compressed messages: on the wire, and what they say.
    wire: Counter,
    plain: Counter,
}

impl WsMetrics {
    /// Those of an engine.
    pub(crate) fn of(metrics: &Metrics) -> Arc<Self> {
        metrics.of(Self::register)
    }

    fn register(metrics: &Metrics) -> Self {
        let messages = Family::<Label, Counter>::default();
        let bytes = Family::<Label, Counter>::default();
        let packed = Family::<Labels, Counter>::default();
        let flow = |direction| Flow {
            messages: messages.get_or_create_owned(&[("direction", direction)]),
            bytes: bytes.get_or_create_owned(&[("direction", direction)]),
            wire: packed.get_or_create_owned(&[("direction", direction), ("form", "wire")]),
            plain: packed.get_or_create_owned(&[("direction", direction), ("form", "plain")]),
        };
        let set = Self {
            open: Gauge::default(),
            opened: Counter::default(),
            closed: Family::default(),
            codes: Family::default(),
            first_close: OnceLock::new(),
            refused: Family::default(),
            inbound: flow("in"),
            outbound: flow("out"),
            queued: Gauge::default(),
            stalls: Counter::default(),
            rtt: Histogram::new(RTT_SECONDS),
            census: Census::default(),
        };
        metrics.register("ws_connections_open", "Open WebSocket connections", set.open.clone());
        metrics.register("ws_connections_opened", "WebSocket connections so far", set.opened.clone());
        metrics.register("ws_connections_closed", "WebSocket connections by their end", set.closed.clone());
        metrics.register("ws_close_codes", "First closes of WebSockets by code", set.codes.clone());
        metrics.register("ws_handshakes_refused", "Refused WebSocket handshakes", set.refused.clone());
        metrics.register("ws_messages", "WebSocket messages", messages);
        metrics.register("ws_bytes", "Bytes of WebSocket connections", bytes);
        metrics.register("ws_compressed_bytes", "Bytes of compressed WebSocket messages", packed);
        metrics.register(
            "ws_queued_bytes",
            "Bytes that wait for WebSockets to take them",
            set.queued.clone(),
        );
        metrics.register("ws_write_stalls", "How often WebSockets took nothing", set.stalls.clone());
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

    /// Notes an end, and the first close's code and side where there was time for one.
    pub(crate) fn closed(&self, end: End, close: Option<(u16, &'static str)>) {
        match close {
            Some(close) => self.count((end, close)),
            None => _ = self.closed.get_or_create(&[("end", end.label())]).inc(),
        }
        self.open.dec();
    }

    fn count(&self, ending: Ending) {
        let look_for = || {
            let (end, (code, by)) = ending;
            let closed = self.closed.get_or_create_owned(&[("end", end.label())]);
            let code = self.codes.get_or_create_owned(&[("by", by.into()), ("code", code_label(code))]);
            (ending, closed, code)
        };
        let first = self.first_close.get_or_init(look_for);
        let other = (first.0 != ending).then(look_for);
        let (_, closed, code) = other.as_ref().unwrap_or(first);
        closed.inc();
        code.inc();
    }
}

/// How a connection ended, and who said which code first.
type Ending = (End, (u16, &'static str));

/// Codes of applications are as many as a client likes, and count together.
fn code_label(code: u16) -> Cow<'static, str> {
    match code {
        3000..=3999 => "3xxx".into(),
        4000..=4999 => "4xxx".into(),
        code => code.to_string().into(),
    }
}

/// What of one connection is in the metrics.
pub(crate) struct Tally {
    metrics: Arc<WsMetrics>,
    inbound: Traffic,
    outbound: Traffic,
    backlog: Backlog,
}

impl Tally {
    pub(crate) fn new(metrics: Arc<WsMetrics>) -> Self {
        let backlog = Backlog::default();
        Self { metrics, inbound: Traffic::default(), outbound: Traffic::default(), backlog }
    }

    /// Adds what has gone each way since the last time, and what has come to wait.
    pub(crate) fn add(&mut self, inbound: Traffic, outbound: Traffic, backlog: Backlog) {
        self.metrics.inbound.add(&mut self.inbound, inbound);
        self.metrics.outbound.add(&mut self.outbound, outbound);
        self.metrics.stalls.inc_by(backlog.stalls - self.backlog.stalls);
        self.metrics.queued.inc_by(backlog.bytes.cast_signed() - self.backlog.bytes.cast_signed());
        self.backlog = backlog;
    }

    pub(crate) fn rtt(&self, rtt: Duration) {
        self.metrics.rtt.observe(rtt.as_secs_f64());
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.metrics.queued.dec_by(self.backlog.bytes.cast_signed());
    }
}

impl Flow {
    fn add(&self, known: &mut Traffic, now: Traffic) {
        let (Packed { wire, plain }, before) = (now.packed, known.packed);
        self.messages.inc_by(now.messages - known.messages);
        self.bytes.inc_by(now.bytes - known.bytes);
        self.wire.inc_by(wire - before.wire);
        self.plain.inc_by(plain - before.plain);
        *known = now;
    }
}

const RTT_SECONDS: [f64; 10] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 10.0];
