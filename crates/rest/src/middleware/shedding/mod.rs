//! Answers 503 while the machine has more to do than it can.
//!
//! One shedder for all routes of an engine, go-zero's, and another one for the groups with
//! [`priority`](crate::RouteGroup::priority), which gives way later. `shedder.rs` is the algorithm, `cpu.rs` and `usage.rs`
//! tell it how busy the CPU is.
//!
//! A request counts from here to its response's head. So a connection that is upgraded or streams counts with its handshake
//! alone, as load and as latency. A 503 from below and a client that goes away end a request without a latency.
//!
//! - **Switch**: `Middlewares.Shedding`, on; `Mode`, `pro`: in the others nothing is shed.
//! - **Config**: `CpuThreshold`, 900 thousandths; 0 is never. Groups with [`priority`](crate::RouteGroup::priority) have a
//!   threshold half as far from the end.
//! - **Limits**: 50 counts of 100 ms. Nobody waits.
//! - **Answers**: 503, empty, rejected by `shedding`.
//! - **Metric**: `http_server_requests_rejected_total`; `drops` and `cpu` in the line of [statistics](super::stat).
//! - **go-zero**: the same formula and constants. There a long connection is load for all its life and a latency at its end,
//!   and without a control group the CPU is never busy.

mod shedder;
mod cpu;
mod usage;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use http::StatusCode;
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::{Layer, Service};

use self::cpu::{CPU_MAX, Cpu};
use self::shedder::Shedder;
use crate::conf::Mode;
use crate::middleware::Stat;
use crate::shutdown::Stopping;
use crate::{RejectedBy, Request, Response, RestConf};

/// The shedders of an engine.
#[derive(Clone)]
pub(crate) struct Shedding {
    cpu: Cpu,
    normal: Arc<Mutex<Shedder>>,
    priority: Arc<Mutex<Shedder>>,
}

impl Shedding {
    /// Creates the shedders of an engine; `None` where the config wants none.
    pub(crate) fn new(conf: &RestConf) -> Option<Self> {
        let is_on = conf.middlewares.shedding && conf.cpu_threshold > 0 && conf.mode == Mode::Pro;
        let shedder =
            |threshold: u32| Arc::new(Mutex::new(Shedder::new(threshold.min(CPU_MAX - 1), Instant::now())));
        is_on.then(|| Self {
            cpu: Cpu::default(),
            normal: shedder(conf.cpu_threshold),
            priority: shedder((conf.cpu_threshold + CPU_MAX) / 2),
        })
    }

    /// Keeps an eye on the CPU until the engine drains. Without this, nothing is shed.
    pub(crate) async fn watch_cpu(self, stopping: Stopping) {
        self.cpu.watch(stopping).await;
    }

    /// The layer of a route.
    pub(crate) fn layer(&self, has_priority: bool, stat: Stat) -> SheddingLayer {
        let shedder = if has_priority { &self.priority } else { &self.normal };
        SheddingLayer { shared: Some(Shared { cpu: self.cpu.clone(), shedder: shedder.clone(), stat }) }
    }

    /// How busy the CPU is, in thousandths.
    pub(crate) fn cpu(&self) -> u32 {
        self.cpu.reading()
    }
}

/// One of an engine's shedders, for one route.
#[derive(Clone, Default)]
pub(crate) struct SheddingLayer {
    shared: Option<Shared>,
}

#[derive(Clone)]
pub(crate) struct Shed<T> {
    shared: Option<Shared>,
    inner: T,
}

impl<T> Layer<T> for SheddingLayer {
    type Service = Shed<T>;

    fn layer(&self, inner: T) -> Shed<T> {
        Shed { shared: self.shared.clone(), inner }
    }
}

impl<T> Service<Request> for Shed<T>
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
        let flight = match &self.shared {
            None => None,
            Some(shared) => match shared.take_off() {
                Some(flight) => Some(flight),
                None => return ResponseFuture::Shed,
            },
        };
        ResponseFuture::Passed { answer: self.inner.call(request), flight }
    }
}

pin_project! {
    #[project = Projected]
    pub(crate) enum ResponseFuture<F> {
        Shed,
        Passed { #[pin] answer: F, flight: Option<Flight> },
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for ResponseFuture<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Projected::Passed { answer, flight } = self.project() else {
            tracing::error!("the CPU is overloaded, rejected with code 503");
            return Poll::Ready(Ok(RejectedBy::SHEDDING.empty(StatusCode::SERVICE_UNAVAILABLE)));
        };
        let answer = answer.poll(cx);
        if let Poll::Ready(Ok(response)) = &answer
            && let Some(mut flight) = flight.take()
        {
            flight.has_passed = response.status() != StatusCode::SERVICE_UNAVAILABLE;
        }
        answer
    }
}

#[derive(Clone)]
struct Shared {
    cpu: Cpu,
    shedder: Arc<Mutex<Shedder>>,
    stat: Stat,
}

impl Shared {
    /// Lets a request pass, or not.
    fn take_off(&self) -> Option<Flight> {
        let begin = Instant::now();
        let allows = self.with(|shedder| shedder.allow(begin, self.cpu.reading()));
        if !allows {
            self.stat.dropped();
        }
        allows.then(|| Flight { shared: self.clone(), begin, has_passed: false })
    }

    fn with<R>(&self, f: impl FnOnce(&mut Shedder) -> R) -> R {
        // Every change leaves the counts whole, so that a panic elsewhere does not spoil them.
        f(&mut self.shedder.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A request that has passed; it ends when this is dropped, whatever has become of it.
pub(crate) struct Flight {
    shared: Shared,
    begin: Instant,
    has_passed: bool,
}

impl Drop for Flight {
    fn drop(&mut self) {
        let now = Instant::now();
        let latency = self.has_passed.then(|| now.saturating_duration_since(self.begin));
        self.shared.with(|shedder| shedder.end(now, latency));
    }
}

#[cfg(test)]
mod tests;
