//! Several services in one process, which start together and stop one after the other.

use std::fmt;
use std::time::Duration;

use axum_core::BoxError;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::timeout;

use crate::Engine;
use crate::error::ServeError;
use crate::middleware::panic_message;
use crate::serve::{Server, Signals};
use crate::shutdown::{Stop, Stopping};
use crate::stop::{StopHandle, Stopped};

/// What a [`ServiceGroup`] starts and stops: an [`Engine`], a consumer of a queue, a hub.
///
/// An async function of a [`Stopping`] is one:
///
/// ```
/// # use rest::{ServiceGroup, Stopping};
/// let mut group = ServiceGroup::new();
/// group.add(async |mut stopping: Stopping| {
///     loop {
///         tokio::select! {
///             () = stopping.draining() => return Ok(()),
///             () = tokio::time::sleep(std::time::Duration::from_secs(60)) => println!("a minute has gone by"),
///         }
///     }
/// });
/// ```
pub trait Service: Send + 'static {
    /// Works until it is done, or [`Stopping::draining`] says that it is to end.
    ///
    /// # Errors
    ///
    /// It cannot go on. Then its group stops.
    fn start(self, stopping: Stopping) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// How long it may take to end once it is asked to; then it is dropped. Default 5.5 s.
    fn wait_time(&self) -> Duration {
        Duration::from_millis(5_500)
    }
}

impl<F, Fut> Service for F
where
    F: FnOnce(Stopping) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send,
{
    fn start(self, stopping: Stopping) -> impl Future<Output = Result<(), BoxError>> + Send {
        self(stopping)
    }
}

/// Listens, and stops by its own `Shutdown` times.
impl<S: Clone + Send + Sync + 'static> Service for Engine<S> {
    async fn start(self, mut stopping: Stopping) -> Result<(), BoxError> {
        self.listen().await?.serve(stopping.draining(), std::future::pending()).await;
        Ok(())
    }

    fn wait_time(&self) -> Duration {
        self.shutdown_time()
    }
}

/// Stops by its own `Shutdown` times, and for its [`StopHandle`] too.
impl Service for Server {
    async fn start(self, mut stopping: Stopping) -> Result<(), BoxError> {
        self.serve(stopping.draining()).await;
        Ok(())
    }

    fn wait_time(&self) -> Duration {
        self.shutdown_time()
    }
}

/// Several [services](Service) that start together and stop in the reverse order, each when the one before has ended.
///
/// ```no_run
/// # use rest::{Engine, RestConf, ServiceGroup, Stopping};
/// # async fn consume(_: Stopping) -> Result<(), Box<dyn std::error::Error + Send + Sync>> { Ok(()) }
/// # async fn run(public: RestConf, internal: RestConf) -> Result<(), rest::ServeError> {
/// let mut group = ServiceGroup::new();
/// group.add(consume); // stops last, as the engines may still feed it
/// group.add(Engine::new(internal)).add(Engine::new(public));
/// group.start().await // until SIGTERM or SIGINT, or one of them fails
/// # }
/// ```
#[derive(Default)]
pub struct ServiceGroup {
    members: Vec<Member>,
    stopped: Stopped,
}

struct Member {
    wait_time: Duration,
    start: Box<dyn FnOnce(Stopping) -> BoxFuture<'static, Result<(), BoxError>> + Send>,
}

/// A member that was started.
struct Started {
    wait_time: Duration,
    stop: Stop,
    task: AbortHandle,
}

impl ServiceGroup {
    /// Creates a group without services.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a service.
    pub fn add(&mut self, service: impl Service) -> &mut Self {
        let wait_time = service.wait_time();
        let start = |stopping| async { service.start(stopping).await }.boxed();
        self.members.push(Member { wait_time, start: Box::new(start) });
        self
    }

    /// What stops it, from wherever that is: besides a signal, or instead of one.
    pub fn stop_handle(&self) -> StopHandle {
        self.stopped.handle()
    }

    /// Starts all services, and works until all are done; or until SIGTERM, SIGINT, [`stop`](StopHandle::stop) or the
    /// failure of one, and then stops those that are left.
    ///
    /// A service that has not ended after its [wait time](Service::wait_time) is dropped; with a second signal all are.
    /// Whoever drops this future drops all services.
    ///
    /// # Errors
    ///
    /// That of the first service that failed; one that panicked has failed. The others have been stopped.
    pub async fn start(self) -> Result<(), ServeError> {
        let signals = Signals::new().map_err(ServeError::Io)?;
        let Self { members, stopped } = self;
        let shutdown = async {
            tokio::select! {
                () = signals.clone().received(1) => {}
                () = stopped.asked() => {}
            }
        };
        run(members, shutdown, signals.clone().received(2)).await
    }
}

async fn run(
    members: Vec<Member>,
    shutdown: impl Future<Output = ()>,
    abort: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let mut tasks = JoinSet::new();
    let start = |Member { wait_time, start }| {
        let (stop, stopping) = Stopping::new();
        Started { wait_time, stop, task: tasks.spawn(start(stopping)) }
    };
    let started: Vec<_> = members.into_iter().map(start).collect();

    let failure = async {
        while let Some(end) = tasks.join_next().await {
            outcome(end)?;
        }
        Ok(())
    };
    let mut result = tokio::select! {
        () = shutdown => Ok(()),
        result = failure => result,
    };
    let stop = async {
        for Started { wait_time, stop, task } in started.iter().rev() {
            stop.ask(*wait_time);
            let ended = async {
                while !task.is_finished()
                    && let Some(end) = tasks.join_next().await
                {
                    result = std::mem::replace(&mut result, Ok(())).and(outcome(end));
                }
            };
            if timeout(*wait_time, ended).await.is_err() {
                tracing::warn!("a service has not ended in time, and is dropped");
                task.abort();
            }
        }
    };
    tokio::select! {
        () = stop => {}
        () = abort => tracing::warn!("asked a second time, all services are dropped"),
    }
    while let Some(end) = tasks.try_join_next() {
        result = result.and(outcome(end));
    }
    // Not for ever: one that blocks its thread cannot be dropped.
    let _ = timeout(DROP, tasks.shutdown()).await;
    result
}

/// How long it may take to drop what can be dropped.
const DROP: Duration = Duration::from_secs(1);

/// How a service has ended. One that was dropped has been told so before.
fn outcome(end: Result<Result<(), BoxError>, JoinError>) -> Result<(), ServeError> {
    let error: BoxError = match end {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => format!("a service panicked: {}", panic_message(&*panic)).into(),
            Err(_) => return Ok(()),
        },
    };
    Err(error.downcast().map_or_else(ServeError::Service, |error| *error))
}

impl fmt::Debug for ServiceGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceGroup").field("members", &self.members.len()).finish_non_exhaustive()
    }
}
