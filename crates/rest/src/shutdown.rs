use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum_core::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;
use pin_project_lite::pin_project;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;

use crate::awaited::Awaited;
use crate::conf::ShutdownConf;
use crate::listeners::Listeners;
use crate::metrics::Metrics;

/// An engine's tasks and how far it is with stopping. The phases follow one another and never go back.
#[derive(Clone)]
pub(crate) struct Lifecycle(Arc<Shared>);

struct Shared {
    phase: watch::Sender<Phase>,
    tracker: TaskTracker,
    abort: CancellationToken,
    /// Up before anybody is told of a further phase, or aborted: what is read for each request is no lock.
    is_stopping: AtomicBool,
    is_aborted: AtomicBool,
    metrics: Metrics,
    listeners: Mutex<Listeners>,
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
    pub(crate) fn new(metrics: Metrics, listeners: Listeners) -> Self {
        Self(Arc::new(Shared {
            phase: watch::Sender::new(Phase::Running),
            tracker: TaskTracker::new(),
            abort: CancellationToken::new(),
            is_stopping: AtomicBool::new(false),
            is_aborted: AtomicBool::new(false),
            metrics,
            listeners: Mutex::new(listeners),
        }))
    }

    /// Spawns a task that ends by itself once draining begins, and is dropped when its time is up.
    pub(crate) fn spawn(&self, task: impl Future<Output: Send> + Send + 'static) {
        let aborted = Awaited::new(self.0.abort.clone().cancelled_owned());
        self.0.tracker.spawn(UntilAborted { task, aborted, lifecycle: self.clone() });
    }

    /// Where the engine's connections are counted.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Whether the engine is in a further phase; [`Stopping::draining`] is what to wait for.
    pub(crate) fn is_stopping(&self) -> bool {
        self.0.is_stopping.load(Ordering::Acquire)
    }

    fn enter(&self, phase: Phase) {
        self.0.is_stopping.store(true, Ordering::Release);
        self.0.phase.send_replace(phase);
    }

    pub(crate) fn stopping(&self) -> Stopping {
        Stopping { phase: self.0.phase.subscribe() }
    }

    pub(crate) fn readiness(&self) -> Readiness {
        Readiness { phase: self.0.phase.subscribe() }
    }

    /// Readiness goes off; everything is still served for `WrapUpTime`, and until those are done who listen for it. Returns
    /// until when all has to end, which is `WaitTime` from the begin on.
    pub(crate) async fn lame_duck(&self, conf: &ShutdownConf) -> Instant {
        let until = Instant::now() + conf.wait_time.min(LONGEST);
        self.enter(Phase::LameDuck);
        let listeners = self.listeners().wrap_up();
        let wrapping_up = tokio::time::sleep(conf.wrap_up_time);
        if timeout_at(until, async { tokio::join!(listeners, wrapping_up) }).await.is_err() {
            tracing::warn!("time is up before stopping has begun");
        }
        until
    }

    /// Tells every task to end, and returns when all have, or at `until`.
    pub(crate) async fn drain(&self, until: Instant) {
        self.enter(Phase::Draining { until });
        self.0.tracker.close();
        if timeout_at(until, self.0.tracker.wait()).await.is_err() {
            tracing::warn!(tasks = self.0.tracker.len(), "time is up, the rest is aborted");
        }
    }

    /// Lets those listen who want to know that all has ended, until `until`, and for a second at least.
    pub(crate) async fn stopped(&self, until: Instant) {
        let listeners = self.listeners().shutdown();
        within(until, "what runs at the end is left undone", listeners).await;
    }

    /// Aborts what still runs once the guard is dropped: whoever drops the engine's future drops its tasks.
    pub(crate) fn abort_on_drop(&self) -> AbortOnDrop {
        AbortOnDrop(self.clone())
    }

    fn cancel(&self) {
        self.0.is_aborted.store(true, Ordering::Release);
        self.0.abort.cancel();
    }

    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        // They are only taken, each at once.
        self.0.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops what is still running, and returns when it is gone, or soon: a task that blocks its thread cannot be dropped.
    pub(crate) async fn abort(&self) {
        self.cancel();
        self.0.tracker.close();
        if tokio::time::timeout(ABORT, self.0.tracker.wait()).await.is_err() {
            tracing::error!(tasks = self.0.tracker.len(), "some tasks block their thread, and are left");
        }
    }
}

/// Aborts what an engine still runs.
pub(crate) struct AbortOnDrop(Lifecycle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Does what comes last, until `until`, and for a second at least.
pub(crate) async fn within(until: Instant, or_else: &str, last: impl Future<Output: Send>) {
    let until = until.max(Instant::now() + ABORT);
    if timeout_at(until, last).await.is_err() {
        tracing::warn!("time is up, {or_else}");
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
        aborted: Awaited<WaitForCancellationFutureOwned>,
        lifecycle: Lifecycle,
    }
}

impl<T: Future> Future for UntilAborted<T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if this.aborted.poll(cx, this.lifecycle.0.is_aborted.load(Ordering::Acquire)).is_ready() {
            return Poll::Ready(());
        }
        this.task.poll(cx).map(drop)
    }
}

/// The other end of a [`Stopping`] that is no engine's.
#[derive(Debug)]
pub(crate) struct Stop {
    phase: watch::Sender<Phase>,
}

impl Stop {
    /// Asks for an end, which is to come within this time.
    pub(crate) fn ask(&self, time: Duration) {
        self.phase.send_replace(Phase::Draining { until: Instant::now() + time.min(LONGEST) });
    }
}

/// Tells a task on an upgraded connection, or a [service](crate::Service), when it has to end.
///
/// As an extractor it is for a stream that [ends by itself](crate::sse::Sse::ends_by_itself).
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

    /// Creates one that begins to drain when that is sent.
    pub(crate) fn new() -> (Stop, Self) {
        let (phase, stopping) = watch::channel(Phase::Running);
        (Stop { phase }, Self { phase: stopping })
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

impl<S: Sync> FromRequestParts<S> for Stopping {
    /// Only where a layer has replaced the request's extensions.
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, StatusCode> {
        let lifecycle = parts.extensions.get::<Lifecycle>();
        lifecycle.map(Lifecycle::stopping).ok_or(StatusCode::INTERNAL_SERVER_ERROR)
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
