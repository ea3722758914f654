//! What the engine logs, for a test on one thread.

use std::io;
use std::sync::{Arc, LazyLock, Mutex};

use tokio::sync::Notify;
use tracing::Dispatch;
use tracing::subscriber::{DefaultGuard, NoSubscriber};

use super::within;

/// The log from [`Log::capture`] on.
#[derive(Clone, Default)]
pub(crate) struct Log {
    text: Arc<Mutex<String>>,
    more: Arc<Notify>,
}

impl Log {
    /// Takes the log of this thread until the guard is dropped.
    pub(crate) fn capture() -> (Self, DefaultGuard) {
        LazyLock::force(&SECOND);
        let log = Self::default();
        let writer = log.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    pub(crate) fn text(&self) -> String {
        self.text.lock().expect("no panic").clone()
    }

    /// The lines of the access log.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.text().lines().filter(|line| line.contains(": request ")).map(str::to_owned).collect()
    }

    /// Waits for a line of the access log with this in it.
    pub(crate) async fn request(&self, what: &str) -> String {
        within(what, async {
            loop {
                let more = self.more.notified();
                if let Some(line) = self.requests().into_iter().find(|line| line.contains(what)) {
                    return line;
                }
                more.await;
            }
        })
        .await
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.lock().expect("no panic").push_str(&String::from_utf8_lossy(bytes));
        self.more.notify_waiters();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// While one subscriber is all there is, the thread that comes to a line first says for all threads whether anybody wants it,
/// and a test beside this one wants none. Of two, tracing asks both.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));
