use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::{Layer, Service};

use crate::sse::LongLived;
use crate::{Body, RejectedBy, Request, Response};

/// Answers 503 above a number of concurrent requests of one route.
///
/// A request counts until its response's body is sent. A stream of events counts until its head, and an upgraded connection
/// until its 101: connections that stay are no load.
#[derive(Clone)]
pub(crate) struct MaxConnsLayer {
    slots: Option<Arc<Semaphore>>,
}

impl MaxConnsLayer {
    pub(crate) fn new(max: Option<usize>) -> Self {
        Self { slots: max.map(|max| Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS)))) }
    }
}

#[derive(Clone)]
pub(crate) struct MaxConns<T> {
    slots: Option<Arc<Semaphore>>,
    inner: T,
}

impl<T> Layer<T> for MaxConnsLayer {
    type Service = MaxConns<T>;

    fn layer(&self, inner: T) -> MaxConns<T> {
        MaxConns { slots: self.slots.clone(), inner }
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
        let slot = match &self.slots {
            None => None,
            Some(slots) => match slots.clone().try_acquire_owned() {
                Ok(slot) => Some(slot),
                Err(_) => return ResponseFuture::Refused,
            },
        };
        ResponseFuture::Served { answer: self.inner.call(request), slot }
    }
}

pin_project! {
    #[project = Projected]
    pub(crate) enum ResponseFuture<F> {
        Refused,
        Served { #[pin] answer: F, slot: Option<OwnedSemaphorePermit> },
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for ResponseFuture<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Projected::Served { answer, slot } = self.project() else {
            tracing::error!("too many concurrent requests, rejected with code 503");
            return Poll::Ready(Ok(RejectedBy::MAX_CONNS.empty(StatusCode::SERVICE_UNAVAILABLE)));
        };
        let response = ready!(answer.poll(cx))?;
        let slot = slot.take();
        let is_long_lived = response.extensions().get::<LongLived>().is_some();
        if slot.is_none() || is_long_lived || response.body().is_end_stream() {
            return Poll::Ready(Ok(response));
        }
        Poll::Ready(Ok(response.map(|body| Body::new(Slotted { body, _slot: slot }))))
    }
}

/// A body that keeps its request's slot until it is sent or dropped.
struct Slotted {
    body: Body,
    _slot: Option<OwnedSemaphorePermit>,
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
