//! The metrics of an engine, in the text format that Prometheus reads.
//!
//! | name | kind | labels | what it counts |
//! |---|---|---|---|
//! | `http_server_requests_duration_ms` | histogram, 5 to 1000 | path, method, code | the time to a response's head |
//! | `http_server_requests_code_total` | counter | path, method, code | requests |
//! | `http_server_requests_in_flight` | gauge | path | requests whose response's head is not there yet |
//! | `http_server_streams_open` | gauge | | responses of [events](crate::sse) that go on |
//! | `http_server_connections_upgraded` | gauge | | connections that were upgraded and are open |
//!
//! The first two are go-zero's. `path` is the route's, as in `/users/:id`, or the prefix of a mount; what no route takes is
//! not counted. `method` is `OTHER` where it is none of the usual ones. An upgrade counts with its handshake, with code
//! 101; a client that went away before the answer has code 499. `Middlewares.Prometheus` switches all but the last two off.
//!
//! Each engine has metrics of its own, nothing is process-global. That is why these are a
//! [registry](prometheus_client::registry::Registry) and not the `metrics` facade, which has one recorder per process.
//!
//! ```
//! use rest::{Engine, RestConf, Route};
//! use rest::metrics::prometheus_client::metrics::counter::Counter;
//!
//! let mut engine = Engine::new(RestConf::default());
//! let metrics = engine.metrics();
//! engine.add_route(metrics.route("/metrics"));
//!
//! let lines = Counter::<u64>::default();
//! metrics.register("chat_lines", "Lines that were said", lines.clone());
//! lines.inc();
//! assert!(metrics.text().contains("chat_lines_total 1\n"));
//! ```

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::Method;
use http::header::CONTENT_TYPE;
pub use prometheus_client;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};
use tokio::time::Instant;

use crate::{IntoResponse, Response, Route};

/// The metrics of one engine; see [the module](self) for what they are. A clone is the same.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    durations: Family<Outcome, Histogram, fn() -> Histogram>,
    codes: Family<Outcome, Counter>,
    in_flight: Family<Place, Gauge>,
    streams: Gauge,
    upgraded: Gauge,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Outcome {
    path: Arc<String>,
    method: &'static str,
    code: u16,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Place {
    path: Arc<String>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let metrics = Self {
            registry: Arc::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            codes: Family::default(),
            in_flight: Family::default(),
            streams: Gauge::default(),
            upgraded: Gauge::default(),
        };
        let Self { durations, codes, in_flight, streams, upgraded, .. } = metrics.clone();
        let mut registry = metrics.registry();
        let help = "Milliseconds to the head of a response";
        registry.register("http_server_requests_duration_ms", help, durations);
        registry.register("http_server_requests_code", "Requests by status code", codes);
        let help = "Requests whose response has not begun";
        registry.register("http_server_requests_in_flight", help, in_flight);
        registry.register(
            "http_server_connections_upgraded",
            "Open connections that were upgraded",
            upgraded,
        );
        registry.register("http_server_streams_open", "Streams of events that go on", streams);
        drop(registry);
        metrics
    }

    /// Adds a metric of one's own, from the crate [`prometheus_client`]. A counter's name gets `_total` at its end.
    pub fn register(&self, name: &str, help: &str, metric: impl Metric) {
        self.registry().register(name, help, metric);
    }

    /// Writes all metrics down, as OpenMetrics text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if text::encode(&mut text, &self.registry()).is_err() {
            tracing::error!("a metric cannot be written down"); // one of the user's own
        }
        text
    }

    /// Creates a route that answers with [all metrics](Self::text). They say what routes there are and how busy: not for
    /// everyone.
    pub fn route<S: Clone + Send + Sync + 'static>(&self, path: impl Into<String>) -> Route<S> {
        let metrics = self.clone();
        Route::get(path, async move || metrics.response())
    }

    fn response(&self) -> Response {
        ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], self.text())
            .into_response()
    }

    /// Counts an upgraded connection while what is returned is there.
    pub(crate) fn upgraded(&self) -> Present {
        Present::new(&self.upgraded)
    }

    /// Counts a stream of events, in the same way.
    pub(crate) fn streaming(&self) -> Present {
        Present::new(&self.streams)
    }

    /// What a route, or a mount, is counted with.
    pub(crate) fn of(&self, path: &str) -> RouteMetrics {
        let path = Arc::new(if path.is_empty() { "/" } else { path }.to_owned());
        let in_flight = self.in_flight.get_or_create_owned(&Place { path: path.clone() });
        RouteMetrics { path, in_flight, durations: self.durations.clone(), codes: self.codes.clone() }
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        // A registration is one push, so that a panic elsewhere does not spoil it.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The metrics of one route.
#[derive(Clone)]
pub(crate) struct RouteMetrics {
    path: Arc<String>,
    in_flight: Gauge,
    durations: Family<Outcome, Histogram, fn() -> Histogram>,
    codes: Family<Outcome, Counter>,
}

impl RouteMetrics {
    /// Counts a request while what is returned is there.
    pub(crate) fn in_flight(&self) -> Present {
        Present::new(&self.in_flight)
    }

    /// Notes with which status a request has ended.
    pub(crate) fn end(&self, method: &Method, code: u16, begin: Instant) {
        let outcome = Outcome { path: self.path.clone(), method: label(method), code };
        self.durations.get_or_create(&outcome).observe(begin.elapsed().as_secs_f64() * 1000.0);
        self.codes.get_or_create(&outcome).inc();
    }
}

/// One in a gauge, until it is dropped.
pub(crate) struct Present(Gauge);

impl Present {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A method as a label, of which there are not as many as clients can think of.
fn label(method: &Method) -> &'static str {
    const USUAL: [&str; 9] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE"];
    USUAL.into_iter().find(|usual| *usual == method.as_str()).unwrap_or("OTHER")
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// go-zero's, in milliseconds.
const BUCKETS: [f64; 9] = [5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 750.0, 1000.0];

#[cfg(test)]
mod tests;
