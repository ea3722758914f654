use std::io;
use std::time::Duration;

use tokio::sync::watch;

/// Counts the signals that ask the process to end: SIGTERM and SIGINT, or Ctrl-C where there are no signals.
#[derive(Clone)]
pub(crate) struct Signals {
    count: watch::Receiver<usize>,
}

impl Signals {
    /// Takes the signals over from the system, for the rest of the process's life.
    pub(crate) fn new() -> io::Result<Self> {
        let mut incoming = Incoming::new()?;
        let (sender, count) = watch::channel(0);
        // Not on the engine's tracker: it must not be waited for, and it ends when nobody counts any more.
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = incoming.recv() => sender.send_modify(|count| *count += 1),
                    () = sender.closed() => return,
                }
                let echoes = async {
                    loop {
                        incoming.recv().await;
                    }
                };
                let _ = tokio::time::timeout(ECHO, echoes).await;
            }
        });
        Ok(Self { count })
    }

    /// Returns when `n` signals have come.
    pub(crate) async fn received(mut self, n: usize) {
        if self.count.wait_for(|count| *count >= n).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// For how long a further signal is the same one. Some that send signals, such as `timeout`, send one to the process and
/// then one to its group, which must not pass for somebody's losing patience.
const ECHO: Duration = Duration::from_millis(100);

#[cfg(unix)]
struct Incoming {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Incoming {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn recv(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Incoming;

#[cfg(not(unix))]
impl Incoming {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn recv(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
