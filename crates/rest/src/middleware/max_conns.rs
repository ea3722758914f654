//! Answers 503 above a number of concurrent requests of one route, or of the whole engine.
//!
//! A request counts until its response's body is sent. A stream of events counts until its head, and an upgraded connection
//! until its 101: connections that stay are no load, and have limits of their own.
//!
//! - **Switch**: `Middlewares.MaxConns`, on, for all of them.
//! - **Config**: `MaxConns`, 10000, for each route; [`RouteGroup::max_conns`](crate::RouteGroup::max_conns) for those of a
//!   group; `MaxServerConns`, 0, for all together. 0 is no limit.
//! - **Limits**: nobody waits. One request more is refused at once.
//! - **Answers**: 503, empty, rejected by `max_conns` or `max_server_conns`.
//! - **Metric**: `http_server_requests_rejected_total`, `http_server_requests_in_flight`.
//! - **go-zero**: counts running handlers, per route alone, and so a connection for as long as its handler runs.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};
use tower::{Layer, Service};

use crate::sse::LongLived;
use crate::{Body, RejectedBy, Request, Response};

/// Places for requests, of a route or of an engine; none is no limit.
#[derive(Clone, Default)]
pub(crate) struct Slots(Option<Arc<Semaphore>>);

impl Slots {
    /// So many; zero is no limit.
    pub(crate) fn new(on: bool, max: usize) -> Self {
        Self((on && max > 0).then(|| Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS)))))
    }

    /// Takes one, where it is counted at all; an error is that there is none left.
    fn take(&self) -> Result<Option<OwnedSemaphorePermit>, TryAcquireError> {
        self.0.clone().map(Semaphore::try_acquire_owned).transpose()
    }
}

#[derive(Clone)]
pub(crate) struct MaxConnsLayer {
    pub(crate) server: Slots,
    pub(crate) route: Slots,
}

#[derive(Clone)]
pub(crate) struct MaxConns<T> {
    layer: MaxConnsLayer,
    inner: T,
}

impl<T> Layer<T> for MaxConnsLayer {
    type Service = MaxConns<T>;

    fn layer(&self, inner: T) -> MaxConns<T> {
        MaxConns { layer: self.clone(), inner }
    }
}

impl<T> Service<Request> for MaxConns<T>
where
    T: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = ResponseFuture<T::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Ok(server) = self.layer.server.take() else {
            return ResponseFuture::Refused { by: RejectedBy::MAX_SERVER_CONNS };
        };
        let Ok(route) = self.layer.route.take() else {
            return ResponseFuture::Refused { by: RejectedBy::MAX_CONNS };
        };
        ResponseFuture::Served { answer: self.inner.call(request), slots: (server, route) }
    }
}

/// What a request holds while it counts.
type Held = (Option<OwnedSemaphorePermit>, Option<OwnedSemaphorePermit>);

pin_project! {
    #[project = Projected]
    pub(crate) enum ResponseFuture<F> {
        Refused { by: RejectedBy },
        Served { #[pin] answer: F, slots: Held },
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for ResponseFuture<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (answer, slots) = match self.project() {
            Projected::Refused { by } => {
                tracing::error!(limit = by.0, "too many concurrent requests, rejected with code 503");
                return Poll::Ready(Ok(by.empty(StatusCode::SERVICE_UNAVAILABLE)));
            }
            Projected::Served { answer, slots } => (answer, slots),
        };
        let response = ready!(answer.poll(cx))?;
        let slots = std::mem::take(slots);
        let is_long_lived = response.extensions().get::<LongLived>().is_some();
        let is_counted = slots.0.is_some() || slots.1.is_some();
        if !is_counted || is_long_lived || response.body().is_end_stream() {
            return Poll::Ready(Ok(response));
        }
        Poll::Ready(Ok(response.map(|body| Body::new(Slotted { body, _slots: slots }))))
    }
}

/// A body that keeps its request's slots until it is sent or dropped.
struct Slotted {
    body: Body,
    _slots: Held,
}

impl HttpBody for Slotted {
    type Data = Bytes;
    type Error = axum_core::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
