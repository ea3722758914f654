//! The breaker that each route has, for calls that a service makes itself: a tower layer for any client.
//!
//! Google's of the SRE book, with go-zero's constants: the more of the last ten seconds' calls failed, the more are refused before
//! they are made, and one a second is made at least. One layer is one breaker: make one for each thing that is called.
//!
//! ```
//! use rest::breaker::{BreakerError, BreakerLayer};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! // A call that always fails; with reqwest it is `service_fn(|request| client.execute(request))`.
//! let call = service_fn(async |_: &str| Err::<(), _>("nobody is there"));
//! let users = BreakerLayer::new().layer(call);
//!
//! let mut refused = 0;
//! for _ in 0..100 {
//!     match users.clone().oneshot("GET /users/1").await {
//!         Err(BreakerError::Open) => refused += 1, // and nobody was called
//!         other => assert_eq!(other, Err(BreakerError::Failed("nobody is there"))),
//!     }
//! }
//! assert!(refused > 50);
//! # }
//! ```

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::middleware::{Attempt, SharedBreaker};

/// Puts one breaker around a service. Services that are made with clones of it share the breaker.
///
/// `R` is what the service responds with. A call that is dropped before it ends counts as neither; one that panics has
/// failed.
pub struct BreakerLayer<R> {
    breaker: SharedBreaker,
    is_failure: Arc<dyn Fn(&R) -> bool + Send + Sync>,
}

impl<R> BreakerLayer<R> {
    /// A breaker for which errors are failures, and no response is.
    #[must_use]
    pub fn new() -> Self {
        Self { breaker: SharedBreaker::new(), is_failure: Arc::new(|_| false) }
    }

    /// Takes some responses for failures too: `|response| response.status().is_server_error()`.
    #[must_use]
    pub fn failure_if(self, is_failure: impl Fn(&R) -> bool + Send + Sync + 'static) -> Self {
        Self { is_failure: Arc::new(is_failure), ..self }
    }
}

/// A service behind a breaker, made by [`BreakerLayer`].
pub struct Breaker<S, R> {
    layer: BreakerLayer<R>,
    inner: S,
}

impl<S, R> Layer<S> for BreakerLayer<R> {
    type Service = Breaker<S, R>;

    fn layer(&self, inner: S) -> Breaker<S, R> {
        Breaker { layer: self.clone(), inner }
    }
}

impl<S, T> Service<T> for Breaker<S, S::Response>
where
    S: Service<T>,
{
    type Response = S::Response;
    type Error = BreakerError<S::Error>;
    type Future = BreakerFuture<S::Future, S::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(BreakerError::Failed)
    }

    fn call(&mut self, request: T) -> Self::Future {
        let call = match self.layer.breaker.attempt() {
            None => Call::Refused,
            attempt => {
                let is_failure = self.layer.is_failure.clone();
                Call::Called { answer: self.inner.call(request), attempt, is_failure }
            }
        };
        BreakerFuture { call }
    }
}

pin_project! {
    /// A call behind a breaker.
    pub struct BreakerFuture<F, R> {
        #[pin]
        call: Call<F, R>,
    }
}

pin_project! {
    #[project = Projected]
    enum Call<F, R> {
        Refused,
        Called {
            #[pin]
            answer: F,
            attempt: Option<Attempt>,
            is_failure: Arc<dyn Fn(&R) -> bool + Send + Sync>,
        },
    }
}

impl<F: Future<Output = Result<R, E>>, R, E> Future for BreakerFuture<F, R> {
    type Output = Result<R, BreakerError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Projected::Called { answer, attempt: kept, is_failure } = self.project().call.project() else {
            return Poll::Ready(Err(BreakerError::Open));
        };
        let attempt = kept.take(); // so that a panic drops it here
        let Poll::Ready(answered) = answer.poll(cx) else {
            *kept = attempt;
            return Poll::Pending;
        };
        if let Some(attempt) = attempt {
            attempt.count(answered.as_ref().is_ok_and(|response| !is_failure(response)));
        }
        Poll::Ready(answered.map_err(BreakerError::Failed))
    }
}

/// Why a call behind a breaker has no response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BreakerError<E> {
    /// It was not made: what it calls keeps failing.
    Open,
    /// It was made, and failed.
    Failed(E),
}

impl<E: fmt::Display> fmt::Display for BreakerError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("not called, as it keeps failing"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for BreakerError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Open => None,
            Self::Failed(error) => error.source(),
        }
    }
}

impl<R> Default for BreakerLayer<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> Clone for BreakerLayer<R> {
    fn clone(&self) -> Self {
        Self { breaker: self.breaker.clone(), is_failure: self.is_failure.clone() }
    }
}

impl<S: Clone, R> Clone for Breaker<S, R> {
    fn clone(&self) -> Self {
        Self { layer: self.layer.clone(), inner: self.inner.clone() }
    }
}

impl<R> fmt::Debug for BreakerLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BreakerLayer").finish_non_exhaustive()
    }
}

impl<S: fmt::Debug, R> fmt::Debug for Breaker<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker").field("inner", &self.inner).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures_util::FutureExt;
    use tower::{ServiceExt, service_fn};

    use super::*;

    /// How many of so many calls are made.
    async fn made(layer: &BreakerLayer<u16>, calls: usize, status: u16) -> usize {
        let made = Arc::new(AtomicUsize::new(0));
        let counted = made.clone();
        let service = layer.layer(service_fn(move |()| {
            counted.fetch_add(1, Ordering::Relaxed);
            async move { Ok::<u16, &str>(status) }
        }));
        for _ in 0..calls {
            let _ = service.clone().oneshot(()).await;
        }
        made.load(Ordering::Relaxed)
    }

    #[tokio::test(start_paused = true)]
    async fn what_keeps_failing_is_called_once_a_second_until_it_works_again() {
        let layer = BreakerLayer::new().failure_if(|status: &u16| *status >= 500);
        assert_eq!(made(&layer, 100, 404).await, 100, "a client's mistake is none of its");
        assert_eq!(
            made(&BreakerLayer::new(), 100, 500).await,
            100,
            "only errors are, unless it is told otherwise"
        );

        let failing = BreakerLayer::new().failure_if(|status: &u16| *status >= 500);
        let first = made(&failing, 100, 500).await;
        assert!((6..60).contains(&first), "{first}");
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert!(made(&failing, 1, 200).await == 1, "one passes");
        tokio::time::sleep(Duration::from_secs(11)).await;
        assert_eq!(made(&failing, 100, 200).await, 100, "all is forgotten");
    }

    #[tokio::test]
    async fn a_call_that_is_dropped_counts_as_neither() {
        let layer: BreakerLayer<u16> = BreakerLayer::new();
        let never = layer.layer(service_fn(|()| pending::<Result<u16, &str>>()));
        for _ in 0..100 {
            assert!(never.clone().oneshot(()).now_or_never().is_none());
        }
        assert_eq!(made(&layer, 100, 200).await, 100);
    }
}
