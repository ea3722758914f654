use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum_core::BoxError;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Method, header};
use http_body::Body as HttpBody;
use tower::Service;

use crate::cors::Cors;
use crate::extract::Proxies;
use crate::middleware::Shared;
use crate::mount::Mount;
use crate::no_route::Miss;
use crate::route_service::RouteService;
use crate::router::{Found, Router};
use crate::shutdown::Lifecycle;
use crate::{Body, Request, Response, upgrade};

/// An engine, built: a tower service that answers every request.
///
/// It routes, runs the middlewares and the handlers, answers 404, 405 and 400 (a path that is not valid
/// percent-encoded UTF-8), and passes what lies under a mount to the mounted service. It never fails.
#[derive(Clone)]
pub struct EngineService {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) router: Router<RouteService>,
    /// Whether GET's routes answer HEAD.
    pub(crate) handles_head: bool,
    /// Whether OPTIONS is answered with what there is.
    pub(crate) handles_options: bool,
    pub(crate) mounts: Vec<Mount>,
    /// The chain around [`NoRoute`](crate::no_route::NoRoute), so that also a 404 is logged.
    pub(crate) fallback: RouteService,
    pub(crate) cors: Option<Arc<Cors>>,
    pub(crate) proxies: Option<Arc<Proxies>>,
    /// The routes, for people.
    pub(crate) listing: String,
    /// The document of `Engine::openapi`, as JSON.
    pub(crate) openapi: Option<String>,
    pub(crate) shared: Shared,
    pub(crate) lifecycle: Lifecycle,
}

impl EngineService {
    pub(crate) fn new(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    pub(crate) fn lifecycle(&self) -> &Lifecycle {
        &self.inner.lifecycle
    }

    pub(crate) fn openapi(&self) -> Option<&str> {
        self.inner.openapi.as_deref()
    }

    pub(crate) fn listing(&self) -> &str {
        &self.inner.listing
    }

    /// Starts what an engine that is served does on its own.
    pub(crate) fn run_background(&self) {
        let lifecycle = self.lifecycle();
        let Shared { shedding, stat, .. } = &self.inner.shared;
        if let Some(shedding) = shedding {
            lifecycle.spawn(shedding.clone().watch_cpu(lifecycle.stopping()));
        }
        lifecycle.spawn(stat.clone().report(shedding.clone(), lifecycle.stopping()));
    }

    /// Refuses a request that does not say clearly which host it is for.
    pub(crate) fn refuse_host<B>(&self, request: http::Request<B>) -> ResponseFuture
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let mut request = request.map(Body::new);
        let is_outermost = self.prepare(&mut request);
        request.extensions_mut().insert(Miss::Host);
        ResponseFuture { answer: self.inner.fallback.call_boxed(request), leaves_engine: is_outermost }
    }

    /// Gives a request what is below an engine. An engine mounted in another one, which is not outermost, leaves it to that one
    /// to stop, and to let responses go.
    fn prepare(&self, request: &mut Request) -> bool {
        let is_outermost = request.extensions().get::<Lifecycle>().is_none();
        if is_outermost {
            request.extensions_mut().insert(self.inner.lifecycle.clone());
            if let Some(proxies) = &self.inner.proxies {
                request.extensions_mut().insert(proxies.clone());
            }
        }
        is_outermost
    }

    fn answer(&self, request: Request) -> BoxFuture<'static, Response> {
        let Some(cors) = self.inner.cors.clone() else {
            return self.route(request);
        };
        let origin = request.headers().get(header::ORIGIN).cloned();
        let is_foreign = Cors::is_foreign(&request);
        let metrics = self.lifecycle().metrics().clone();
        let answer = self.route(request);
        Box::pin(async move {
            let mut response = answer.await;
            let is_allowed = cors.add_to(&mut response, origin.as_ref());
            if is_foreign && !is_allowed {
                metrics.http().cors_refused();
            }
            response
        })
    }

    fn route(&self, mut request: Request) -> BoxFuture<'static, Response> {
        let inner = &self.inner;
        let method = if upgrade::is_extended_connect(&request) { &Method::GET } else { request.method() };
        let found = inner.router.find(method, request.uri().path());
        if let Found::Route { value, params } = found {
            request.extensions_mut().insert(params);
            return value.call_boxed(request);
        }
        if inner.handles_head
            && *method == Method::HEAD
            && let Found::Route { value, params } = inner.router.find(&Method::GET, request.uri().path())
        {
            request.extensions_mut().insert(params);
            let answer = value.call_boxed(request);
            return Box::pin(async { without_body(answer.await) });
        }
        if let Some(mount) = inner.mounts.iter().find(|mount| mount.takes(request.uri().path())) {
            return mount.service.call_boxed(request);
        }
        let miss = match found {
            Found::MethodNotAllowed { allow } => {
                let allow = if inner.handles_head { with_head(allow) } else { allow };
                match &inner.cors {
                    Some(cors) if Cors::is_preflight(&request) => Miss::Preflight(cors.clone(), allow),
                    _ if inner.handles_options && method == Method::OPTIONS => Miss::Options(allow),
                    _ => Miss::Method(allow),
                }
            }
            Found::BadPath => Miss::Path,
            Found::Route { .. } | Found::NotFound => Miss::Route,
        };
        request.extensions_mut().insert(miss);
        inner.fallback.call_boxed(request)
    }
}

/// The answer to HEAD: that to GET, of whose body the length is left.
fn without_body(response: Response) -> Response {
    let length = response.body().size_hint().exact();
    let mut response = response.map(|_| Body::empty());
    if let Some(length) = length.filter(|length| *length > 0) {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(length.into());
    }
    response
}

/// The methods of a path, with HEAD where it is answered by GET's route. They stay in the order of the alphabet.
fn with_head(allow: String) -> String {
    let mut methods: Vec<_> = allow.split(", ").collect();
    if !methods.contains(&"GET") || methods.contains(&"HEAD") {
        return allow;
    }
    methods.push("HEAD");
    methods.sort_unstable();
    methods.join(", ")
}

impl<B> Service<http::Request<B>> for EngineService
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> ResponseFuture {
        let mut request =
            request.map(|body| if body.is_end_stream() { Body::empty() } else { Body::new(body) });
        let is_outermost = self.prepare(&mut request);
        ResponseFuture { answer: self.answer(request), leaves_engine: is_outermost }
    }
}

/// The answer of an [`EngineService`] or a [`RouteService`], on its way.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture {
    answer: BoxFuture<'static, Response>,
    leaves_engine: bool,
}

impl ResponseFuture {
    /// The answer of a service within an engine.
    pub(crate) fn inside(answer: BoxFuture<'static, Response>) -> Self {
        Self { answer, leaves_engine: false }
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(self.answer.as_mut().poll(cx));
        if self.leaves_engine {
            upgrade::accept(&response);
        }
        Poll::Ready(Ok(response))
    }
}

impl fmt::Debug for EngineService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineService").finish_non_exhaustive()
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
