//! Turns a panic into an empty 500 and a line in the log.
//!
//! It stands twice in the chain: inside the timeout and the limits, so that these see a 500, and outermost, so that a panic in a
//! middleware or in a layer costs one request and no connection. A response whose head is sent stands; its body breaks off. The
//! task of an upgraded connection has its own guard.
//!
//! - **Switch**: `Middlewares.Recover`, on, for the inner one. The outer one is always there.
//! - **Config**: none.
//! - **Limits**: none.
//! - **Answers**: 500, empty. It is a failure to the breaker.
//! - **Metric**: none of its own; the code is 500.
//! - **go-zero**: the same answer, without the outer one, so that a panic in its first six middlewares is a lost connection; and a
//!   panic in a task that a handler started ends the process.

use std::any::Any;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::FutureExt;
use futures_util::future::CatchUnwind;
use http::StatusCode;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::{IntoResponse, Request, Response};

#[derive(Clone)]
pub(crate) struct RecoverLayer {
    pub(crate) on: bool,
}

#[derive(Clone)]
pub(crate) struct Recover<T> {
    on: bool,
    inner: T,
}

impl<T> Layer<T> for RecoverLayer {
    type Service = Recover<T>;

    fn layer(&self, inner: T) -> Recover<T> {
        Recover { on: self.on, inner }
    }
}

impl<T> Service<Request> for Recover<T>
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
        let answer = self.inner.call(request);
        if self.on {
            return ResponseFuture::Guarded { answer: AssertUnwindSafe(answer).catch_unwind() };
        }
        ResponseFuture::Plain { answer }
    }
}

pin_project! {
    /// The answer, with a panic of the future caught. Unwind safe, as the future is not polled again and what it
    /// shares with others (state, hubs) is behind `Sync` types that poison or stay whole.
    #[project = Projected]
    pub(crate) enum ResponseFuture<F> {
        Guarded { #[pin] answer: CatchUnwind<AssertUnwindSafe<F>> },
        Plain { #[pin] answer: F },
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for ResponseFuture<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = match self.project() {
            Projected::Plain { answer } => return answer.poll(cx),
            Projected::Guarded { answer } => ready!(answer.poll(cx)),
        };
        Poll::Ready(answer.unwrap_or_else(|panic| {
            tracing::error!(panic = message(&*panic), "a handler panicked");
            Ok(StatusCode::INTERNAL_SERVER_ERROR.into_response())
        }))
    }
}

/// The text that a panic was raised with, where it is one.
pub(crate) fn message(panic: &(dyn Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&'static str>().copied();
    literal.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(not a text)")
}
