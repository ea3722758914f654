//! Counts requests and their durations, for the [metrics](crate::metrics) of the engine.
//!
//! A request counts with the time to its response's head, also where a middleware below answered it; an upgrade with its
//! handshake and code 101. One whose client went away before the answer has code 499.
//!
//! - **Switch**: `Middlewares.Prometheus`, on.
//! - **Config**: none for the counting. Who shows it: `DevServer.EnableMetrics`, `Prometheus.Host`, or a route of
//!   [`Metrics::route`](crate::Metrics::route).
//! - **Limits**: as many series as routes, usual methods and codes; a method that is none of these is `OTHER`, and what no
//!   route takes is not counted.
//! - **Answers**: none of its own.
//! - **Metric**: `http_server_requests_duration_ms`, `http_server_requests_code_total`, `http_server_requests_in_flight`,
//!   `http_server_requests_rejected_total`.
//! - **go-zero**: the first two are its own, with its labels and buckets; there they are of the process, recorded only while an
//!   agent runs, and a long connection is in the histogram.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Method, StatusCode};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::{Layer, Service};

use crate::metrics::{Present, RouteMetrics};
use crate::{RejectedBy, Request, Response};

#[derive(Clone)]
pub(crate) struct PrometheusLayer {
    pub(crate) metrics: Option<RouteMetrics>,
}

#[derive(Clone)]
pub(crate) struct Prometheus<T> {
    metrics: Option<RouteMetrics>,
    inner: T,
}

impl<T> Layer<T> for PrometheusLayer {
    type Service = Prometheus<T>;

    fn layer(&self, inner: T) -> Prometheus<T> {
        Prometheus { metrics: self.metrics.clone(), inner }
    }
}

impl<T> Service<Request> for Prometheus<T>
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
        let count = self.metrics.as_ref().map(|metrics| Count {
            _in_flight: metrics.in_flight(),
            metrics: metrics.clone(),
            method: request.method().clone(),
            begin: Instant::now(),
            status: None,
        });
        ResponseFuture { answer: self.inner.call(request), count }
    }
}

pin_project! {
    pub(crate) struct ResponseFuture<F> {
        #[pin]
        answer: F,
        count: Option<Count>,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for ResponseFuture<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut count = this.count.take(); // so that a panic drops it here
        let Poll::Ready(response) = this.answer.poll(cx)? else {
            *this.count = count;
            return Poll::Pending;
        };
        if let Some(count) = &mut count {
            count.status = Some(response.status());
            if let Some(RejectedBy(by)) = response.extensions().get() {
                count.metrics.rejected(by);
            }
        }
        Poll::Ready(Ok(response))
    }
}

/// A request on its way. It is counted on drop, so that also one is whose client went away.
struct Count {
    _in_flight: Present,
    metrics: RouteMetrics,
    method: Method,
    begin: Instant,
    status: Option<StatusCode>,
}

impl Drop for Count {
    fn drop(&mut self) {
        // As the log has it: a panic is on its way to the outermost recover, and 499 is a client that went away.
        let unanswered = if std::thread::panicking() { 500 } else { 499 };
        let code = self.status.map_or(unanswered, |status| status.as_u16());
        self.metrics.end(&self.method, code, self.begin);
    }
}
