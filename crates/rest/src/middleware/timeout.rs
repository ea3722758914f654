//! Drops a handler that has not answered in time, and answers 503.
//!
//! It covers the way to the response's head: the extractors, which read the body, the layers and the handler. A body that
//! streams longer is not cut, and neither is an upgraded connection, whose head is the 101. A route of
//! [events](crate::Route::sse) has its stream beyond the head.
//!
//! - **Switch**: `Middlewares.Timeout`, on.
//! - **Config**: `Timeout`, 3 s; [`RouteGroup::timeout`](crate::RouteGroup::timeout) for the routes of a group. 0 is no limit. The
//!   connection's own times are `HeaderTimeout`, `BodyTimeout`, `IdleTimeout` and `WriteTimeout`.
//! - **Limits**: nothing is buffered, and no task is left behind: the handler's future is dropped where it waits.
//! - **Answers**: 503 with `Request Timeout`, rejected by `timeout`. A client that went away is 499, to the log and the metrics.
//! - **Metric**: `http_server_requests_rejected_total`.
//! - **go-zero**: the same answer. There the response is buffered, the handler runs on, a header switches the limit off, and the
//!   longest time of any route is the time of every connection.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::StatusCode;
use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tower::{Layer, Service};

use crate::{IntoResponse, RejectedBy, Request, Response};

#[derive(Clone)]
pub(crate) struct TimeoutLayer {
    pub(crate) timeout: Option<Duration>,
}

#[derive(Clone)]
pub(crate) struct Timeout<T> {
    timeout: Option<Duration>,
    inner: T,
}

impl<T> Layer<T> for TimeoutLayer {
    type Service = Timeout<T>;

    fn layer(&self, inner: T) -> Timeout<T> {
        Timeout { timeout: self.timeout, inner }
    }
}

impl<T> Service<Request> for Timeout<T>
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
        ResponseFuture { answer: self.inner.call(request), deadline: self.timeout.map(tokio::time::sleep) }
    }
}

pin_project! {
    pub(crate) struct ResponseFuture<F> {
        #[pin]
        answer: F,
        #[pin]
        deadline: Option<Sleep>,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for ResponseFuture<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(answer) = this.answer.poll(cx) {
            return Poll::Ready(answer);
        }
        let Some(deadline) = this.deadline.as_pin_mut() else {
            return Poll::Pending;
        };
        // Returning ready ends this future, which drops the handler's with it.
        deadline.poll(cx).map(|()| {
            let late = (StatusCode::SERVICE_UNAVAILABLE, "Request Timeout").into_response();
            Ok(RejectedBy::TIMEOUT.mark(late))
        })
    }
}
