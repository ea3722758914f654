mod build;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum_core::BoxError;
use http::Method;
use http::request::Parts;
use tokio::net::TcpListener;
use tower::{Layer, Service};

pub(crate) use self::build::Built;

use crate::conf::CorsConf;
use crate::error::ServeError;
use crate::failure::ErrorBody;
use crate::listeners::Listeners;
use crate::metrics::Metrics;
use crate::middleware::{BodiesLayer, Gate, JwtError, SignatureError, SignatureGate, Unauthorized, Unsigned};
use crate::route::{Endpoint, Features, Route, RouteGroup};
use crate::route_service::{RouteLayer, RouteService};
use crate::router::RouteError;
use crate::serve::{Listening, Server, bind, shutdown_time};
use crate::service::EngineService;
use crate::{Handler, IntoResponse, RawJson, Request, RestConf, StatusCode};

/// Collects routes, layers and mounts, and serves them.
///
/// The order of the calls does not matter, except that layers stand in the order in which they were added: the first
/// one sees a request first. Nothing fails until [`bind`](Self::bind), [`serve`](Self::serve) or
/// [`into_service`](Self::into_service), which report all mistakes together.
///
/// `S` is the state that handlers get by [`State`](crate::extract::State); it is cloned for each request.
///
/// ```
/// use rest::{Engine, RestConf, Route};
///
/// async fn hello() -> &'static str { "Hello!" }
///
/// let mut engine = Engine::new(RestConf::default());
/// engine.add_route(Route::get("/hello", hello));
/// assert_eq!(engine.routes().collect::<Vec<_>>(), [(&rest::Method::GET, "/hello")]);
/// ```
pub struct Engine<S = ()> {
    pub(crate) conf: RestConf,
    state: S,
    routes: Vec<Featured<S>>,
    layers: Vec<RouteLayer>,
    mounts: Vec<(String, RouteService)>,
    cors: Option<CorsConf>,
    not_found: Option<Endpoint<S>>,
    not_allowed: Option<Endpoint<S>>,
    unauthorized: Unauthorized,
    unsigned: Unsigned,
    bodies: BodiesLayer,
    metrics: Metrics,
    pub(crate) listeners: Listeners,
    #[cfg(feature = "openapi")]
    openapi: Option<utoipa::openapi::OpenApi>,
    /// Those that are found before the routes come to the router.
    mistakes: Vec<RouteError>,
}

/// A route with what its group gave it.
struct Featured<S> {
    route: Route<S>,
    features: Features,
    layers: Vec<RouteLayer>,
}

impl Engine {
    /// Creates an engine without state.
    pub fn new(conf: RestConf) -> Self {
        Self::with_state(conf, ())
    }
}

impl<S: Clone + Send + Sync + 'static> Engine<S> {
    /// Creates an engine whose handlers share `state`.
    pub fn with_state(conf: RestConf, state: S) -> Self {
        Self {
            conf,
            state,
            routes: Vec::new(),
            layers: Vec::new(),
            mounts: Vec::new(),
            cors: None,
            not_found: None,
            not_allowed: None,
            unauthorized: Unauthorized::default(),
            unsigned: Unsigned::default(),
            bodies: BodiesLayer::default(),
            metrics: Metrics::new(),
            listeners: Listeners::default(),
            #[cfg(feature = "openapi")]
            openapi: None,
            mistakes: Vec::new(),
        }
    }

    /// Adds a route.
    pub fn add_route(&mut self, route: Route<S>) -> &mut Self {
        self.add_routes(RouteGroup::new().route(route))
    }

    /// Adds the routes of a group.
    pub fn add_routes(&mut self, mut group: RouteGroup<S>) -> &mut Self {
        for route in &mut group.routes {
            route.path = join(&group.prefix, &route.path);
        }
        if let (Some(conf), Some(route)) = (group.jwt, group.routes.first()) {
            match Gate::new(conf) {
                Ok(gate) => group.features.jwt = Some(Arc::new(gate)),
                Err(reason) => {
                    self.mistakes
                        .push(RouteError::Jwt { route: format!("{route:?}"), reason: reason.to_owned() });
                }
            }
        }
        if let (Some(own), Some(route)) = (group.signature, group.routes.first()) {
            let conf = if own.private_keys.is_empty() { &self.conf.signature } else { &own };
            match SignatureGate::new(conf) {
                Ok(gate) => group.features.signature = Some(Arc::new(gate)),
                Err(reason) => {
                    self.mistakes.push(RouteError::Signature { route: format!("{route:?}"), reason });
                }
            }
        }
        for route in group.routes {
            self.routes.push(Featured {
                route,
                features: group.features.clone(),
                layers: group.layers.clone(),
            });
        }
        self
    }

    /// Lets `handler` answer where there is no route, instead of a 404 with a text. Its 200 becomes 404.
    pub fn not_found<H, T>(&mut self, handler: H) -> &mut Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.not_found = Some(Endpoint::new(handler));
        self
    }

    /// Lets `handler` answer where a path has routes, but not for the method, instead of an empty 405. Its 200 becomes 405, and
    /// `Allow` is added where it is not there.
    pub fn not_allowed<H, T>(&mut self, handler: H) -> &mut Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.not_allowed = Some(Endpoint::new(handler));
        self
    }

    /// Lets pages of other origins read the answers, and answers their preflights.
    pub fn cors(&mut self, conf: CorsConf) -> &mut Self {
        self.cors = Some(conf);
        self
    }

    /// Lets `answer` make the answers to requests that a group's [JWT](RouteGroup::jwt) refuses, instead of an empty 401.
    ///
    /// They stay refusals: a status below 300, which is also what a mere body has, becomes 401.
    pub fn on_unauthorized<R: IntoResponse>(
        &mut self,
        answer: impl Fn(&Parts, JwtError) -> R + Send + Sync + 'static,
    ) -> &mut Self {
        self.unauthorized = Unauthorized::new(answer);
        self
    }

    /// Lets `answer` make the answers to requests that a group's [signature](RouteGroup::signature) refuses, instead of an
    /// empty 403, 400, 413 or 503. They stay refusals.
    pub fn on_unsigned<R: IntoResponse>(
        &mut self,
        answer: impl Fn(&Parts, SignatureError) -> R + Send + Sync + 'static,
    ) -> &mut Self {
        self.unsigned = Unsigned::new(answer);
        self
    }

    /// Puts a tower layer around every handler and every mount, inside the [built-in middlewares](crate::middleware).
    pub fn layer<L>(&mut self, layer: L) -> &mut Self
    where
        L: Layer<RouteService, Service: Service<Request> + Clone + Send + Sync + 'static>
            + Send
            + Sync
            + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse,
        <L::Service as Service<Request>>::Error: Into<BoxError>,
        <L::Service as Service<Request>>::Future: Send,
    {
        self.layers.push(RouteLayer::new(layer));
        self
    }

    /// Gives `service` every request under `prefix` that no route takes, with the prefix taken off its path.
    ///
    /// The longest prefix wins. `/static` takes `/static` and `/static/a`, but not `/statics`, and not `/static/../a`: a path
    /// with `..` is no mount's. An error of the service is answered with 500.
    ///
    /// ```
    /// use rest::{Engine, RestConf};
    /// use tower_http::services::ServeDir;
    ///
    /// let mut engine = Engine::new(RestConf::default());
    /// engine.mount("/static", ServeDir::new("static"));
    /// ```
    pub fn mount<T>(&mut self, prefix: &str, service: T) -> &mut Self
    where
        T: Service<Request, Response: IntoResponse, Error: Into<BoxError>, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        self.mounts.push((prefix.to_owned(), RouteService::new(service)));
        self
    }

    /// Lets `write` say what clients are told of [errors](crate::Error) and of what extractors reject, instead of
    /// `{"code": 404, "msg": "…"}` in JSON. The status is its to choose, too.
    pub fn on_error<R: IntoResponse>(
        &mut self,
        write: impl Fn(StatusCode, ErrorBody) -> R + Send + Sync + 'static,
    ) -> &mut Self {
        self.bodies.on_error(write);
        self
    }

    /// Lets `write` say what clients get of an [`OkJson`](crate::OkJson), go-zero's `SetOkHandler`; `json` is the value,
    /// written. Without it, that is the answer.
    ///
    /// ```
    /// use rest::extract::Json;
    /// use rest::{Engine, OkJson, RawJson, RestConf, Route};
    /// use serde::Serialize;
    ///
    /// #[derive(Serialize)]
    /// struct Reply {
    ///     code: i64,
    ///     data: Box<RawJson>,
    /// }
    ///
    /// let mut engine = Engine::new(RestConf::default());
    /// engine.on_ok(|status, data| (status, Json(Reply { code: 0, data })));
    /// engine.add_route(Route::get("/ids", async || OkJson([1, 2]))); // {"code":0,"data":[1,2]}
    /// ```
    pub fn on_ok<R: IntoResponse>(
        &mut self,
        write: impl Fn(StatusCode, Box<RawJson>) -> R + Send + Sync + 'static,
    ) -> &mut Self {
        self.bodies.on_ok(write);
        self
    }

    /// The metrics of this engine, to show them or to add to them.
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// Shows this document, completed by the routes that it lacks, as `/openapi.json` on the development server. See
    /// [`openapi`](crate::openapi).
    #[cfg(feature = "openapi")]
    pub fn openapi(&mut self, document: utoipa::openapi::OpenApi) -> &mut Self {
        self.openapi = Some(document);
        self
    }

    /// Lists the routes in the order in which they were added.
    pub fn routes(&self) -> impl Iterator<Item = (&Method, &str)> {
        self.routes.iter().map(|featured| (&featured.route.method, featured.route.path.as_str()))
    }

    /// Prints the routes, sorted, to standard output.
    pub fn print_routes(&self) {
        println!("{}", self.routes_text());
    }

    fn routes_text(&self) -> String {
        let mut lines: Vec<_> = self.routes().map(|(method, path)| format!("\n  {method} {path}")).collect();
        lines.sort();
        format!("Routes:{}", lines.concat())
    }

    /// Builds the tower service that answers the engine's requests, to serve it by other means or to test it.
    ///
    /// # Errors
    ///
    /// [`ServeError::Routes`] with every route and mount that cannot be used.
    pub fn into_service(self) -> Result<EngineService, ServeError> {
        Ok(self.build()?.service)
    }

    /// Builds the engine and listens on the configured address.
    ///
    /// # Errors
    ///
    /// Whatever [`ServeError`] lists.
    pub async fn bind(self) -> Result<Server, ServeError> {
        Server::new(self.listen().await?)
    }

    /// How long it may take to stop.
    pub(crate) fn shutdown_time(&self) -> Duration {
        shutdown_time(&self.conf)
    }

    /// Builds the engine and listens, as [`bind`](Self::bind) does, without a thought of signals.
    pub(crate) async fn listen(self) -> Result<Listening, ServeError> {
        let listener = bind(&self.conf.host, self.conf.port).await?;
        Listening::new(self.build()?, listener).await
    }

    /// Listens on the configured address and serves until SIGTERM or SIGINT: [`bind`](Self::bind) and
    /// [`Server::start`] in one.
    pub async fn start(self) -> Result<(), ServeError> {
        self.bind().await?.start().await
    }

    /// Serves on `listener` until `shutdown` is ready, then drains. Tests own port and clock by this.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        Listening::new(self.build()?, listener).await?.serve(shutdown, std::future::pending()).await;
        Ok(())
    }
}

/// Puts a group's prefix before a path. What is wrong with either is for the router to say.
fn join(prefix: &str, path: &str) -> String {
    let prefix = prefix.trim_end_matches('/');
    if prefix.is_empty() || !path.starts_with('/') {
        return path.to_owned(); // `/api` and `x` must not become a valid `/apix`
    }
    if path == "/" { prefix.to_owned() } else { format!("{prefix}{path}") }
}

impl<S: fmt::Debug> fmt::Debug for Engine<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("conf", &self.conf).field("state", &self.state).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_printed_sorted() {
        async fn handler() {}
        let mut engine = Engine::new(RestConf::default());
        engine.add_route(Route::post("/users", handler));
        engine.add_routes(RouteGroup::new().prefix("/api").route(Route::get("/:id", handler)));
        engine.add_route(Route::get("/", handler));

        assert_eq!(engine.routes_text(), "Routes:\n  GET /\n  GET /api/:id\n  POST /users");
        assert_eq!(Engine::new(RestConf::default()).routes_text(), "Routes:");
    }
}
