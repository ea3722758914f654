use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use tower::{Layer, Service};

use crate::conf::{JwtConf, SignatureConf};
use crate::handler::Handler;
use crate::middleware::{Gate, SignatureGate};
use crate::route_service::{RouteLayer, RouteService};
use crate::{IntoResponse, Request};

/// A method, a path and a handler.
///
/// In a path, a segment `:name` is a parameter and a last segment `*name` takes the whole rest. Methods are DELETE, GET,
/// HEAD, OPTIONS, PATCH, POST and PUT. Mistakes are reported when the engine is [built](crate::Engine::bind).
///
/// ```
/// use rest::{Method, Route};
///
/// async fn hello() -> &'static str { "Hello!" }
///
/// let route: Route = Route::new(Method::GET, "/hello", hello);
/// let same: Route = Route::get("/hello", hello);
/// ```
pub struct Route<S = ()> {
    pub(crate) method: Method,
    pub(crate) path: String,
    endpoint: Endpoint<S>,
}

/// A handler that has no state yet.
pub(crate) struct Endpoint<S>(Box<dyn FnOnce(S) -> RouteService + Send>);

impl<S: Clone + Send + Sync + 'static> Endpoint<S> {
    pub(crate) fn new<H, T>(handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        Self(Box::new(|state| RouteService::of_handler(handler, state)))
    }
}

impl<S> Endpoint<S> {
    pub(crate) fn with(self, state: S) -> RouteService {
        (self.0)(state)
    }
}

impl<S: Clone + Send + Sync + 'static> Route<S> {
    /// Creates a route.
    pub fn new<H, T>(method: Method, path: impl Into<String>, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        Self { method, path: path.into(), endpoint: Endpoint::new(handler) }
    }
}

macro_rules! shorthand {
    ($($name:ident $method:ident),* $(,)?) => {
        impl<S: Clone + Send + Sync + 'static> Route<S> {
            $(
                #[doc = concat!("Creates a route for ", stringify!($method), ".")]
                pub fn $name<H, T>(path: impl Into<String>, handler: H) -> Self
                where
                    H: Handler<T, S>,
                    T: 'static,
                {
                    Self::new(Method::$method, path, handler)
                }
            )*
        }
    };
}

shorthand!(get GET, post POST, put PUT, patch PATCH, delete DELETE, head HEAD, options OPTIONS);

impl<S> Route<S> {
    pub(crate) fn into_service(self, state: S) -> RouteService {
        self.endpoint.with(state)
    }
}

/// Several routes with a prefix, limits and layers of their own.
///
/// ```
/// use std::time::Duration;
///
/// use rest::{Route, RouteGroup};
///
/// async fn list() -> &'static str { "[]" }
///
/// let group: RouteGroup = RouteGroup::new()
///     .prefix("/api/v1")
///     .timeout(Duration::from_secs(10))
///     .route(Route::get("/users", list)); // GET /api/v1/users
/// ```
pub struct RouteGroup<S = ()> {
    pub(crate) prefix: String,
    pub(crate) features: Features,
    pub(crate) jwt: Option<JwtConf>,
    pub(crate) signature: Option<SignatureConf>,
    pub(crate) layers: Vec<RouteLayer>,
    pub(crate) routes: Vec<Route<S>>,
}

/// What a group sets for itself; `None` leaves it to the engine's config.
#[derive(Clone, Default)]
pub(crate) struct Features {
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) max_conns: Option<usize>,
    pub(crate) priority: bool,
    pub(crate) jwt: Option<Arc<Gate>>,
    pub(crate) signature: Option<Arc<SignatureGate>>,
}

impl<S> RouteGroup<S> {
    /// Creates a group without routes.
    pub fn new() -> Self {
        Self {
            prefix: String::new(),
            features: Features::default(),
            jwt: None,
            signature: None,
            layers: Vec::new(),
            routes: Vec::new(),
        }
    }

    /// Puts `prefix` before each path of the group.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Gives the group's handlers this time to answer instead of `Timeout`; zero means no limit.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.features.timeout = Some(timeout);
        self
    }

    /// Limits the group's request bodies to this many bytes instead of `MaxBytes`; zero means no limit.
    pub fn max_bytes(mut self, max_bytes: u64) -> Self {
        self.features.max_bytes = Some(max_bytes);
        self
    }

    /// Works on so many requests of each route of the group at a time, instead of `MaxConns`; zero means no limit.
    pub fn max_conns(mut self, max_conns: usize) -> Self {
        self.features.max_conns = Some(max_conns);
        self
    }

    /// Sheds the group's requests only when the CPU is twice as near to its end as `CpuThreshold`: at 950 for 900.
    pub fn priority(mut self) -> Self {
        self.features.priority = true;
        self
    }

    /// Lets only requests with a valid token in, and answers 401 to others, or what
    /// [`Engine::on_unauthorized`](crate::Engine::on_unauthorized) says.
    ///
    /// What the token says is there for [`Claims`](crate::extract::Claims), also in the group's layers, as the extension
    /// [`TokenClaims`](crate::TokenClaims). A secret of less than 8 bytes is reported when the engine is built.
    pub fn jwt(mut self, conf: JwtConf) -> Self {
        self.jwt = Some(conf);
        self
    }

    /// Lets only requests with a good [signature](crate::signature) in, and answers 403 to others, or what
    /// [`Engine::on_unsigned`](crate::Engine::on_unsigned) says.
    ///
    /// Where it has no keys, those of [`RestConf::signature`](crate::RestConf::signature) are taken, with all that is beside
    /// them. Keys that cannot be read, or are weak, are reported when the engine is built. The nonces are the group's own: a
    /// request that is good in two groups can come to each of them once.
    pub fn signature(mut self, conf: SignatureConf) -> Self {
        self.signature = Some(conf);
        self
    }

    /// Puts a tower layer around the group's handlers. The layer that was added first sees a request first.
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<RouteService, Service: Service<Request> + Clone + Send + Sync + 'static>
            + Send
            + Sync
            + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse,
        <L::Service as Service<Request>>::Error: Into<axum_core::BoxError>,
        <L::Service as Service<Request>>::Future: Send,
    {
        self.layers.push(RouteLayer::new(layer));
        self
    }

    /// Adds a route.
    pub fn route(mut self, route: Route<S>) -> Self {
        self.routes.push(route);
        self
    }

    /// Adds several routes.
    pub fn routes(mut self, routes: impl IntoIterator<Item = Route<S>>) -> Self {
        self.routes.extend(routes);
        self
    }
}

impl<S> Default for RouteGroup<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> fmt::Debug for Route<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl<S> fmt::Debug for RouteGroup<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteGroup")
            .field("prefix", &self.prefix)
            .field("routes", &self.routes)
            .finish_non_exhaustive()
    }
}
