//! Stopping from elsewhere than a signal.

use tokio_util::sync::{CancellationToken, DropGuard};

/// Stops a [`Server`](crate::Server) or a [`ServiceGroup`](crate::ServiceGroup), from any task. A clone stops the same.
///
/// ```
/// # use rest::{Engine, RestConf};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let conf = RestConf { host: "127.0.0.1".into(), port: 0, ..RestConf::default() };
/// let server = Engine::new(conf).bind().await?;
/// let stop = server.stop_handle();
/// let running = tokio::spawn(server.start());
///
/// stop.stop().await; // drained, and the port is free again
/// running.await??;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct StopHandle {
    asked: CancellationToken,
    stopped: CancellationToken,
}

impl StopHandle {
    /// Asks for an end, as SIGTERM does, and returns when it has come: at once where it came before.
    ///
    /// Cancel safe: what is asked for once it is polled goes on without whoever waits.
    pub async fn stop(&self) {
        self.asked.cancel();
        self.stopped.cancelled().await;
    }

    /// Whether it has stopped, whatever the reason was.
    pub fn is_stopped(&self) -> bool {
        self.stopped.is_cancelled()
    }
}

/// The side of a [`StopHandle`] that stops: it has, when this is dropped.
#[derive(Debug)]
pub(crate) struct Stopped {
    handle: StopHandle,
    _guard: DropGuard,
}

impl Stopped {
    pub(crate) fn handle(&self) -> StopHandle {
        self.handle.clone()
    }

    /// Returns when somebody asks for an end.
    pub(crate) async fn asked(&self) {
        self.handle.asked.cancelled().await;
    }
}

impl Default for Stopped {
    fn default() -> Self {
        let handle = StopHandle { asked: CancellationToken::new(), stopped: CancellationToken::new() };
        Self { _guard: handle.stopped.clone().drop_guard(), handle }
    }
}
