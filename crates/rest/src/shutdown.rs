use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum_core::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;
use pin_project_lite::pin_project;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;

use crate::conf::ShutdownConf;
use crate::metrics::Metrics;

/// An engine's tasks and how far it is with stopping. The phases follow one another and never go back.
#[derive(Clone)]
pub(crate) struct Lifecycle {
    phase: Arc<watch::Sender<Phase>>,
    tracker: TaskTracker,
    abort: CancellationToken,
    metrics: Metrics,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// Still serving, but no longer ready: load balancers get the time to notice.
    LameDuck,
    /// Nothing new; what runs is to end before `until`.
    Draining {
        until: Instant,
    },
}

impl Lifecycle {
    pub(crate) fn new(metrics: Metrics) -> Self {
        let phase = Arc::new(watch::Sender::new(Phase::Running));
        Self { phase, tracker: TaskTracker::new(), abort: CancellationToken::new(), metrics }
    }

    /// Spawns a task that ends by itself once draining begins, and is dropped when its time is up.
    pub(crate) fn spawn(&self, task: impl Future<Output: Send> + Send + 'static) {
        self.tracker.spawn(UntilAborted { task, aborted: self.abort.clone().cancelled_owned() });
    }

    /// Where the engine's connections are counted.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) fn stopping(&self) -> Stopping {
        Stopping { phase: self.phase.subscribe() }
    }

    pub(crate) fn readiness(&self) -> Readiness {
        Readiness { phase: self.phase.subscribe() }
    }

    /// Readiness goes off; everything is still served for `WrapUpTime`, of which `WaitTime` is the end.
    pub(crate) async fn lame_duck(&self, conf: &ShutdownConf) {
        self.phase.send_replace(Phase::LameDuck);
        tokio::time::sleep(conf.wrap_up_time.min(conf.wait_time)).await;
    }

    /// Tells every task to end, and returns when all have, or after the rest of `WaitTime`.
    pub(crate) async fn drain(&self, conf: &ShutdownConf) {
        let until = Instant::now() + conf.wait_time.saturating_sub(conf.wrap_up_time).min(LONGEST);
        self.phase.send_replace(Phase::Draining { until });
        self.tracker.close();
        if tokio::time::timeout_at(until, self.tracker.wait()).await.is_err() {
            tracing::warn!(tasks = self.tracker.len(), "time is up, the rest is aborted");
        }
    }

    /// Drops what is still running, and returns when it is gone, or soon: a task that blocks its thread cannot be dropped.
    pub(crate) async fn abort(&self) {
        self.abort.cancel();
        self.tracker.close();
        if tokio::time::timeout(ABORT, self.tracker.wait()).await.is_err() {
            tracing::error!(tasks = self.tracker.len(), "some tasks block their thread, and are left");
        }
    }
}

/// How long it may take to drop what can be dropped.
const ABORT: Duration = Duration::from_secs(1);

/// The longest wait, a year, so that no clock overflows.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

pin_project! {
    /// A task until it is done or aborted.
    ///
    /// By hand, as `CancellationToken::run_until_cancelled_owned` makes a future three times as large as the task, and there
    /// is one for each connection.
    struct UntilAborted<T> {
        #[pin]
        task: T,
        #[pin]
        aborted: WaitForCancellationFutureOwned,
    }
}

impl<T: Future> Future for UntilAborted<T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if this.aborted.poll(cx).is_ready() {
            return Poll::Ready(());
        }
        this.task.poll(cx).map(drop)
    }
}

/// Tells a task on an upgraded connection when the engine is stopping.
#[derive(Clone, Debug)]
pub struct Stopping {
    phase: watch::Receiver<Phase>,
}

impl Stopping {
    /// Returns when the engine starts to drain; from then on the task is expected to end by itself.
    ///
    /// Cancel safe.
    pub async fn draining(&mut self) {
        if self.phase.wait_for(|phase| matches!(phase, Phase::Draining { .. })).await.is_err() {
            // The engine is gone without having drained: nobody is left who could ask for an end.
            std::future::pending::<()>().await;
        }
    }

    /// Whether the engine takes nothing new: it is [draining](Self::draining) or about to.
    pub fn has_begun(&self) -> bool {
        *self.phase.borrow() != Phase::Running
    }

    /// How long until the task is aborted; `None` while the engine is not draining.
    pub fn remaining(&self) -> Option<Duration> {
        match *self.phase.borrow() {
            Phase::Draining { until } => Some(until.saturating_duration_since(Instant::now())),
            Phase::Running | Phase::LameDuck => None,
        }
    }

    /// Creates one that never begins, for a connection that no engine serves.
    pub fn never() -> Self {
        Self { phase: watch::channel(Phase::Running).1 }
    }
}

/// Whether the engine wants new work, as an extractor for a health route.
///
/// It goes off first when the engine stops, [`WrapUpTime`](ShutdownConf::wrap_up_time) before the listener is closed.
///
/// ```
/// use rest::{Readiness, StatusCode};
///
/// async fn healthz(readiness: Readiness) -> StatusCode {
///     if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Readiness {
    phase: watch::Receiver<Phase>,
}

impl Readiness {
    /// Whether the engine wants new work.
    pub fn is_ready(&self) -> bool {
        *self.phase.borrow() == Phase::Running
    }
}

impl<S: Sync> FromRequestParts<S> for Readiness {
    /// Only where a layer has replaced the request's extensions.
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, StatusCode> {
        let lifecycle = parts.extensions.get::<Lifecycle>();
        lifecycle.map(Lifecycle::readiness).ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}
