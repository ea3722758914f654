//! Answers 503 in place of a route that keeps failing, so that it can recover.
//!
//! Each route has a breaker of its own, Google's of the SRE book with go-zero's constants; `state.rs` is the algorithm.
//! It is never simply open: the more of the last ten seconds' requests failed, the more are rejected, and one a second
//! passes at least.
//!
//! A request is a success when its answer is below 500, so also a 101 and a 404; a 503 of the timeout is a failure. A
//! request whose client went away before the answer counts as neither: clients must not be able to open a breaker, nor to
//! keep it closed.
//!
//! - **Switch**: `Middlewares.Breaker`, on.
//! - **Config**: none; the constants are go-zero's. The same breaker for a service's own calls is [`breaker`](crate::breaker).
//! - **Limits**: 40 counts of 250 ms for each route, however many the requests.
//! - **Answers**: 503, empty, rejected by `breaker`.
//! - **Metric**: `http_server_requests_rejected_total`; `drops` in the line of [statistics](super::stat).
//! - **go-zero**: the same numbers. There a client that goes away counts by the code that was not sent, and the breakers are
//!   the process's.

mod state;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use http::StatusCode;
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::{Layer, Service};

use self::state::Breaker;
use crate::middleware::Stat;
use crate::{RejectedBy, Request, Response};

/// One breaker, for one route.
#[derive(Clone)]
pub(crate) struct BreakerLayer {
    breaker: Option<SharedBreaker>,
    stat: Stat,
}

impl BreakerLayer {
    pub(crate) fn new(on: bool, stat: Stat) -> Self {
        Self { breaker: on.then(SharedBreaker::new), stat }
    }
}

#[derive(Clone)]
pub(crate) struct Breaking<T> {
    breaker: Option<SharedBreaker>,
    stat: Stat,
    inner: T,
}

impl<T> Layer<T> for BreakerLayer {
    type Service = Breaking<T>;

    fn layer(&self, inner: T) -> Breaking<T> {
        Breaking { breaker: self.breaker.clone(), stat: self.stat.clone(), inner }
    }
}

impl<T> Service<Request> for Breaking<T>
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
        let attempt = self.breaker.as_ref().map(SharedBreaker::attempt);
        if let Some(None) = attempt {
            self.stat.dropped();
            return ResponseFuture::Rejected;
        }
        let attempt = attempt.flatten();
        ResponseFuture::Passed { answer: self.inner.call(request), attempt }
    }
}

pin_project! {
    #[project = Projected]
    pub(crate) enum ResponseFuture<F> {
        Rejected,
        Passed { #[pin] answer: F, attempt: Option<Attempt> },
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for ResponseFuture<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Projected::Passed { answer, attempt: kept } = self.project() else {
            tracing::error!("the route keeps failing, rejected with code 503");
            return Poll::Ready(Ok(RejectedBy::BREAKER.empty(StatusCode::SERVICE_UNAVAILABLE)));
        };
        let attempt = kept.take(); // so that a panic drops it here
        let Poll::Ready(response) = answer.poll(cx)? else {
            *kept = attempt;
            return Poll::Pending;
        };
        if let Some(attempt) = attempt {
            attempt.count(!response.status().is_server_error());
        }
        Poll::Ready(Ok(response))
    }
}

/// A request that has passed. Dropped by a panic it is a failure; dropped without an answer it was never there.
pub(crate) struct Attempt {
    breaker: SharedBreaker,
}

impl Attempt {
    /// It was answered.
    pub(crate) fn count(self, is_success: bool) {
        self.breaker.count(is_success);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.breaker.count(false);
        }
    }
}

/// One breaker, for whoever asks it.
#[derive(Clone)]
pub(crate) struct SharedBreaker(Arc<Mutex<Breaker>>);

impl SharedBreaker {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Breaker::new(Instant::now()))))
    }

    /// `None` where it must not be made.
    pub(crate) fn attempt(&self) -> Option<Attempt> {
        let passes = self.with(|breaker| breaker.allow(Instant::now(), fastrand::f64()));
        passes.then(|| Attempt { breaker: self.clone() })
    }

    fn count(&self, is_success: bool) {
        self.with(|breaker| breaker.count(Instant::now(), is_success));
    }

    fn with<R>(&self, f: impl FnOnce(&mut Breaker) -> R) -> R {
        // Every change leaves the counts whole, so that a panic elsewhere does not spoil them.
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests;
