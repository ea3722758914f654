//! What a program wants to do while an engine stops.

use std::fmt;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};

use crate::Engine;
use crate::middleware::panic_message;

/// What is to be run when an engine stops, each once.
#[derive(Default)]
pub(crate) struct Listeners {
    wrap_up: Vec<Listener>,
    shutdown: Vec<Listener>,
}

type Listener = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

impl<S> Engine<S> {
    /// Runs `listener` when the engine begins to stop: readiness is off, and everything is still served.
    ///
    /// All listeners of a kind run at once. Connections are accepted until those of this kind are done and
    /// [`WrapUpTime`](crate::conf::ShutdownConf::wrap_up_time) is over; one that is not done at the end of `WaitTime` is
    /// dropped. A panic in one is logged.
    ///
    /// ```
    /// # use rest::{Engine, RestConf};
    /// # async fn deregister() {}
    /// # async fn close_database() {}
    /// let mut engine = Engine::new(RestConf::default());
    /// engine.add_wrap_up_listener(|| async { deregister().await });
    /// engine.add_shutdown_listener(|| async { close_database().await });
    /// ```
    pub fn add_wrap_up_listener<Fut>(&mut self, listener: impl FnOnce() -> Fut + Send + 'static) -> &mut Self
    where
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.listeners.wrap_up.push(Box::new(|| listener().boxed()));
        self
    }

    /// Runs `listener` when the engine has stopped: the last request is answered, and the last connection closed.
    ///
    /// All listeners of a kind run at once. One that is not done at the end of `WaitTime` is dropped, or a second after it
    /// began if that is later. A panic in one is logged.
    pub fn add_shutdown_listener<Fut>(&mut self, listener: impl FnOnce() -> Fut + Send + 'static) -> &mut Self
    where
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.listeners.shutdown.push(Box::new(|| listener().boxed()));
        self
    }
}

impl Listeners {
    /// Takes those that run when stopping begins.
    pub(crate) fn wrap_up(&mut self) -> impl Future<Output = ()> + use<> {
        run(std::mem::take(&mut self.wrap_up))
    }

    /// Takes those that run when stopping is over.
    pub(crate) fn shutdown(&mut self) -> impl Future<Output = ()> + use<> {
        run(std::mem::take(&mut self.shutdown))
    }
}

async fn run(listeners: Vec<Listener>) {
    join_all(listeners.into_iter().map(|listener| async move {
        let listening = async move { listener().await };
        if let Err(panic) = AssertUnwindSafe(listening).catch_unwind().await {
            tracing::error!(panic = panic_message(&*panic), "a listener panicked while the engine stops");
        }
    }))
    .await;
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listeners")
            .field("wrap_up", &self.wrap_up.len())
            .field("shutdown", &self.shutdown.len())
            .finish()
    }
}
