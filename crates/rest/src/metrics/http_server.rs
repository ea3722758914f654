//! What an engine counts of requests and of the connections that stay.

use std::sync::{Arc, OnceLock};

use http::Method;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

#[derive(Clone)]
pub(crate) struct HttpMetrics {
    durations: Family<Outcome, Histogram, fn() -> Histogram>,
    codes: Family<Outcome, Counter>,
    in_flight: Family<Place, Gauge>,
    rejected: Family<Rejection, Counter>,
    cors_refusals: Counter,
    streams: Gauge,
    upgraded: Gauge,
    lifetimes: Family<Life, Histogram, fn() -> Histogram>,
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

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Rejection {
    path: Arc<String>,
    by: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Life {
    kind: &'static str,
}

/// What stays longer than a request.
#[derive(Clone, Copy)]
pub(crate) enum LifeKind {
    Stream,
    Upgraded,
}

impl HttpMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let this = Self {
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            codes: Family::default(),
            in_flight: Family::default(),
            rejected: Family::default(),
            cors_refusals: Counter::default(),
            streams: Gauge::default(),
            upgraded: Gauge::default(),
            lifetimes: Family::new_with_constructor(|| Histogram::new(LIFETIMES)),
        };
        let it = this.clone();
        let help = "Milliseconds to the head of a response";
        registry.register("http_server_requests_duration_ms", help, it.durations);
        registry.register("http_server_requests_code", "Requests by status code", it.codes);
        let help = "Requests whose response has not begun";
        registry.register("http_server_requests_in_flight", help, it.in_flight);
        let help = "Requests that a middleware answered itself";
        registry.register("http_server_requests_rejected", help, it.rejected);
        let help = "Requests from pages of origins that are not allowed";
        registry.register("http_server_cors_refusals", help, it.cors_refusals);
        registry.register("http_server_streams_open", "Streams of events that go on", it.streams);
        let help = "Open connections that were upgraded";
        registry.register("http_server_connections_upgraded", help, it.upgraded);
        let help = "Seconds that streams of events and upgraded connections were there";
        registry.register("http_server_lifetime_seconds", help, it.lifetimes);
        this
    }

    /// Counts a connection that stays, while what is returned is there.
    pub(crate) fn living(&self, kind: LifeKind) -> Living {
        let (gauge, label) = match kind {
            LifeKind::Stream => (&self.streams, "stream"),
            LifeKind::Upgraded => (&self.upgraded, "upgraded"),
        };
        Living {
            _present: Present::new(gauge),
            lifetime: self.lifetimes.get_or_create_owned(&Life { kind: label }),
            begin: Instant::now(),
        }
    }

    /// Counts a request from a page that may not read the answer.
    pub(crate) fn cors_refused(&self) {
        self.cors_refusals.inc();
    }

    /// What a route, or a mount, is counted with.
    pub(crate) fn of(&self, path: &str) -> RouteMetrics {
        let path = Arc::new(if path.is_empty() { "/" } else { path }.to_owned());
        let in_flight = self.in_flight.get_or_create_owned(&Place { path: path.clone() });
        RouteMetrics(Arc::new(Route {
            path,
            in_flight,
            durations: self.durations.clone(),
            codes: self.codes.clone(),
            rejected: self.rejected.clone(),
            first: OnceLock::new(),
        }))
    }
}

/// The metrics of one route.
#[derive(Clone)]
pub(crate) struct RouteMetrics(Arc<Route>);

struct Route {
    path: Arc<String>,
    in_flight: Gauge,
    durations: Family<Outcome, Histogram, fn() -> Histogram>,
    codes: Family<Outcome, Counter>,
    rejected: Family<Rejection, Counter>,
    /// The outcome that came first, which mostly is the one that comes always: it is not looked for.
    first: OnceLock<(Outcome, Histogram, Counter)>,
}

impl RouteMetrics {
    /// Counts a request while what is returned is there.
    pub(crate) fn in_flight(&self) -> Present {
        Present::new(&self.0.in_flight)
    }

    /// Notes with which status a request has ended.
    pub(crate) fn end(&self, method: &Method, code: u16, begin: Instant) {
        let route = &*self.0;
        let (millis, method) = (begin.elapsed().as_secs_f64() * 1000.0, label(method));
        let (first, duration, count) = route.first.get_or_init(|| {
            let outcome = route.outcome(method, code);
            let duration = route.durations.get_or_create_owned(&outcome);
            let count = route.codes.get_or_create_owned(&outcome);
            (outcome, duration, count)
        });
        if (first.method, first.code) == (method, code) {
            duration.observe(millis);
            count.inc();
            return;
        }
        let outcome = route.outcome(method, code);
        route.durations.get_or_create(&outcome).observe(millis);
        route.codes.get_or_create(&outcome).inc();
    }

    /// Notes who rejected a request.
    pub(crate) fn rejected(&self, by: &'static str) {
        self.0.rejected.get_or_create(&Rejection { path: self.0.path.clone(), by }).inc();
    }
}

impl Route {
    fn outcome(&self, method: &'static str, code: u16) -> Outcome {
        Outcome { path: self.path.clone(), method, code }
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

/// A connection that stays, in its gauge; its time is noted when it is dropped.
pub(crate) struct Living {
    _present: Present,
    lifetime: Histogram,
    begin: Instant,
}

impl Drop for Living {
    fn drop(&mut self) {
        self.lifetime.observe(self.begin.elapsed().as_secs_f64());
    }
}

/// A method as a label, of which there are not as many as clients can think of.
fn label(method: &Method) -> &'static str {
    const USUAL: [&str; 9] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE"];
    USUAL.into_iter().find(|usual| *usual == method.as_str()).unwrap_or("OTHER")
}

/// go-zero's, in milliseconds.
const BUCKETS: [f64; 9] = [5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 750.0, 1000.0];
/// From a second to a day.
const LIFETIMES: [f64; 9] = [1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0];
