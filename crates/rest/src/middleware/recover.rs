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

/// Turns a panic into an empty 500 and a line in the log.
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
