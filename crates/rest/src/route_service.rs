use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum_core::BoxError;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::StatusCode;
use http_body::Body as HttpBody;
use tower::{Layer, Service, ServiceExt};

use crate::handler::Handler;
use crate::service::ResponseFuture;
use crate::{Body, IntoResponse, Request, Response, upgrade};

/// A route's handler with the layers around it, as one service.
///
/// It is what a [layer](crate::Engine::layer) is put around. It never fails: an error of a layer inside it has become a
/// 500 and a line in the log.
#[derive(Clone)]
pub struct RouteService(Arc<dyn Erased>);

impl RouteService {
    pub(crate) fn new<T>(service: T) -> Self
    where
        T: Service<Request, Response: IntoResponse, Error: Into<BoxError>, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        Self(Arc::new(service))
    }

    /// A chain of services none of which has ever to be waited for.
    pub(crate) fn of_chain<T>(chain: T) -> Self
    where
        T: Service<Request, Response = Response, Error = Infallible, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        Self(Arc::new(Chain(chain)))
    }

    pub(crate) fn of_handler<H, T, S>(handler: H, state: S) -> Self
    where
        H: Handler<T, S>,
        S: Clone + Send + Sync + 'static,
        T: 'static,
    {
        Self(Arc::new(HandlerService { handler, state, extractors: PhantomData }))
    }

    pub(crate) fn call_boxed(&self, request: Request) -> BoxFuture<'static, Response> {
        self.0.clone().call(request)
    }
}

impl<B> Service<http::Request<B>> for RouteService
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
        ResponseFuture::inside(self.call_boxed(request.map(Body::new)))
    }
}

/// A service, or a handler, behind a pointer, so that a route has one type whatever its layers are.
///
/// Nothing of it runs before the future is polled, not even a `Clone`, so that every panic is recovered.
trait Erased: Send + Sync {
    fn call(self: Arc<Self>, request: Request) -> BoxFuture<'static, Response>;
}

impl<T> Erased for T
where
    T: Service<Request, Response: IntoResponse, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
{
    fn call(self: Arc<Self>, request: Request) -> BoxFuture<'static, Response> {
        Box::pin(async move {
            match T::clone(&self).oneshot(request).await {
                Ok(response) => response.into_response(),
                Err(error) => {
                    let error: BoxError = error.into();
                    tracing::error!(error = &*error as &dyn std::error::Error, "a layer failed");
                    StatusCode::INTERNAL_SERVER_ERROR.into_response()
                }
            }
        })
    }
}

/// A tower layer behind a pointer.
#[derive(Clone)]
pub(crate) struct RouteLayer(Arc<dyn Fn(RouteService) -> RouteService + Send + Sync>);

impl RouteLayer {
    pub(crate) fn new<L>(layer: L) -> Self
    where
        L: Layer<RouteService, Service: Service<Request> + Clone + Send + Sync + 'static>
            + Send
            + Sync
            + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse,
        <L::Service as Service<Request>>::Error: Into<BoxError>,
        <L::Service as Service<Request>>::Future: Send,
    {
        Self(Arc::new(move |inner| RouteService::new(layer.layer(inner))))
    }

    /// Puts `layers` around `service`; the first of them becomes the outermost.
    pub(crate) fn wrap(layers: &[Self], service: RouteService) -> RouteService {
        layers.iter().rev().fold(service, |inner, layer| (layer.0)(inner))
    }
}

/// The built-in chain around a route, which is always ready.
struct Chain<T>(T);

impl<T> Erased for Chain<T>
where
    T: Service<Request, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
{
    fn call(self: Arc<Self>, request: Request) -> BoxFuture<'static, Response> {
        Box::pin(async move {
            let answer = self.0.clone().call(request);
            let Ok(response) = answer.await;
            response
        })
    }
}

/// A handler and its state.
struct HandlerService<H, T, S> {
    handler: H,
    state: S,
    extractors: PhantomData<fn() -> T>,
}

impl<H, T, S> Erased for HandlerService<H, T, S>
where
    H: Handler<T, S>,
    S: Clone + Send + Sync + 'static,
    T: 'static,
{
    fn call(self: Arc<Self>, request: Request) -> BoxFuture<'static, Response> {
        Box::pin(async move {
            let connects = upgrade::is_extended_connect(&request);
            let response = self.handler.clone().call(request, self.state.clone()).await;
            if connects { upgrade::refuse_unless_accepted(response) } else { response }
        })
    }
}

impl fmt::Debug for RouteService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteService").finish_non_exhaustive()
    }
}
