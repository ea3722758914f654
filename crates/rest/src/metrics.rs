//! The metrics of an engine, in the text format that Prometheus reads.
//!
//! | name | kind | labels | what it counts |
//! |---|---|---|---|
//! | `http_server_requests_duration_ms` | histogram, 5 to 1000 | path, method, code | the time to a response's head |
//! | `http_server_requests_code_total` | counter | path, method, code | requests |
//! | `http_server_requests_in_flight` | gauge | path | requests whose response's head is not there yet |
//! | `http_server_requests_rejected_total` | counter | path, by | requests that a middleware [answered itself](crate::RejectedBy) |
//! | `http_server_cors_refusals_total` | counter | | requests from pages of origins that [CORS](crate::Engine::cors) does not allow |
//! | `http_server_streams_open` | gauge | | responses of [events](crate::sse) that go on |
//! | `http_server_connections_open` | gauge | | connections, upgraded ones too |
//! | `http_server_connections_refused_total` | counter | limit | connections over `MaxConnections` (`total`) or `MaxConnectionsPerIp` (`ip`) |
//! | `http_server_connections_stalled_total` | counter | | connections cut by `WriteTimeout` |
//! | `http_server_connections_upgraded` | gauge | | connections that were upgraded and are open |
//! | `http_server_lifetime_seconds` | histogram, 1 to 86400 | kind | how long those two, `stream` and `upgraded`, were there |
//!
//! The first two are go-zero's. `path` is the route's, as in `/users/:id`, or the prefix of a mount; what no route takes is
//! not counted. `method` is `OTHER` where it is none of the usual ones. An upgrade counts with its handshake, with code
//! 101; a client that went away before the answer has code 499. `Middlewares.Prometheus` switches those with a path off.
//!
//! Each engine has metrics of its own, nothing is process-global. That is why these are a
//! [registry](prometheus_client::registry::Registry) and not the `metrics` facade, which has one recorder per process.
//!
//! An application adds its own to its engine's:
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
//!
//! A library gets them of a request, as an extractor or by [`Upgrade::metrics`](crate::Upgrade::metrics), and has its own
//! once per engine by [`Metrics::of`].

mod http_server;
mod connections;

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum_core::extract::FromRequestParts;
use http::header::CONTENT_TYPE;
use http::request::Parts;
pub use prometheus_client;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text;
use prometheus_client::registry::{Metric, Registry};

pub(crate) use self::connections::ConnectionMetrics;
pub(crate) use self::http_server::{HttpMetrics, LifeKind, Living, Present, RouteMetrics};

use crate::shutdown::Lifecycle;
use crate::{IntoResponse, Response, Route, StatusCode};

/// The metrics of one engine; see [the module](self) for what they are. A clone is the same.
///
/// As an extractor it is there in every request of an engine.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    /// What [`of`](Self::of) has made, by its type.
    sets: Arc<Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>>,
    http: HttpMetrics,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::default();
        let http = HttpMetrics::register(&mut registry);
        Self { registry: Arc::new(Mutex::new(registry)), sets: Arc::default(), http }
    }

    /// Adds a metric of one's own, from the crate [`prometheus_client`]. A counter's name gets `_total` at its end.
    ///
    /// Two of the same name are both shown, and no Prometheus reads that: what is not registered when the engine is set up
    /// stands in a [set](Self::of).
    pub fn register(&self, name: &str, help: &str, metric: impl Metric) {
        self.registry().register(name, help, metric);
    }

    /// Adds metrics that are gathered whenever they are asked for, such as what something counts that knows of no metrics.
    ///
    /// They are gathered under a lock, so at once.
    pub fn register_collector(&self, collector: impl Collector) {
        self.registry().register_collector(Box::new(collector));
    }

    /// A set of metrics that this engine has once, whoever asks for it and how often: the first one makes it with
    /// `register`, which [registers](Self::register) them.
    ///
    /// It takes a lock, so that a connection asks once and keeps what it gets. `register` must not ask for another set.
    ///
    /// ```
    /// use rest::Metrics;
    /// use rest::metrics::prometheus_client::metrics::gauge::Gauge;
    ///
    /// #[derive(Default)]
    /// struct Lobby {
    ///     members: Gauge,
    /// }
    ///
    /// impl Lobby {
    ///     fn register(metrics: &Metrics) -> Self {
    ///         let lobby = Self::default();
    ///         metrics.register("lobby_members", "Who is in the lobby", lobby.members.clone());
    ///         lobby
    ///     }
    /// }
    ///
    /// async fn enter(metrics: Metrics) {
    ///     metrics.of(Lobby::register).members.inc();
    /// }
    /// ```
    pub fn of<T: Send + Sync + 'static>(&self, register: impl FnOnce(&Self) -> T) -> Arc<T> {
        // What panics in `register` has put nothing in.
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        let set = sets.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(register(self)));
        set.clone().downcast().expect("it was made as what it is looked for by")
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

    /// What the engine itself counts.
    pub(crate) fn http(&self) -> &HttpMetrics {
        &self.http
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        // A registration is one push, so that a panic elsewhere does not spoil it.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Sync> FromRequestParts<S> for Metrics {
    /// Only where a layer has replaced the request's extensions.
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, StatusCode> {
        let lifecycle = parts.extensions.get::<Lifecycle>();
        lifecycle.map(|it| it.metrics().clone()).ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
