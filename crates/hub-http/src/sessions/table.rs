//! The sessions that there are, by the words that they were given.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::conf::SessionsConf;
use super::error::SessionError;

#[derive(Clone)]
pub(super) struct Table {
    shared: Arc<Shared>,
}

struct Shared {
    conf: SessionsConf,
    sessions: Mutex<HashMap<Box<str>, Entry>>,
}

/// The way to a session.
#[derive(Clone)]
pub(super) struct Entry {
    commands: mpsc::Sender<Box<str>>,
    waiting_bytes: Arc<AtomicUsize>,
    goodbye: CancellationToken,
}

/// A session's own end of the way; dropping it is the end of the session.
pub(super) struct Place {
    table: Table,
    pub(super) word: Box<str>,
    commands: mpsc::Receiver<Box<str>>,
    waiting_bytes: Arc<AtomicUsize>,
    goodbye: CancellationToken,
}

/// What a client has said last.
pub(super) enum Said {
    Command(Box<str>),
    Goodbye,
}

impl Table {
    pub(super) fn new(conf: SessionsConf) -> Self {
        Self { shared: Arc::new(Shared { conf, sessions: Mutex::default() }) }
    }

    pub(super) fn conf(&self) -> &SessionsConf {
        &self.shared.conf
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// A place for one more session.
    pub(super) fn enter(&self) -> Result<Place, SessionError> {
        let word: Box<str> = format!("{:032x}", rand::random::<u128>()).into(); // of a generator for secrets
        let (sender, commands) = mpsc::channel(self.conf().max_waiting.clamp(1, MAX_WAITING));
        let (waiting_bytes, goodbye) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
        let entry =
            Entry { commands: sender, waiting_bytes: waiting_bytes.clone(), goodbye: goodbye.clone() };
        let mut sessions = self.lock();
        if sessions.len() >= self.conf().max_sessions {
            return Err(SessionError::TooMany);
        }
        sessions.insert(word.clone(), entry);
        drop(sessions);
        Ok(Place { table: self.clone(), word, commands, waiting_bytes, goodbye })
    }

    /// Lets a session have these commands: all of them, or none.
    pub(super) fn say(&self, word: &str, commands: Vec<Box<str>>) -> Result<(), SessionError> {
        let Entry { commands: way, waiting_bytes, .. } = self.find(word)?;
        let places = way.try_reserve_many(commands.len()).map_err(|error| match error {
            mpsc::error::TrySendError::Full(()) => SessionError::Busy,
            mpsc::error::TrySendError::Closed(()) => SessionError::Unknown,
        })?;
        let bytes: usize = commands.iter().map(|command| command.len()).sum();
        let most = self.conf().max_waiting_bytes;
        let added = waiting_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |waiting| {
            // What is alone may be larger: it has its own limit.
            (waiting == 0 || waiting + bytes <= most).then_some(waiting + bytes)
        });
        added.map_err(|_| SessionError::Busy)?;
        for (place, command) in places.zip(commands) {
            place.send(command);
        }
        Ok(())
    }

    /// Lets a session end, as its client has left.
    pub(super) fn leave(&self, word: &str) -> Result<(), SessionError> {
        self.find(word)?.goodbye.cancel();
        Ok(())
    }

    fn find(&self, word: &str) -> Result<Entry, SessionError> {
        self.lock().get(word).cloned().ok_or(SessionError::Unknown)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Entry>> {
        self.shared.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Waits for what the client says next. Cancel safe.
    pub(super) async fn hear(&mut self) -> Said {
        tokio::select! {
            biased;
            Some(command) = self.commands.recv() => {
                self.waiting_bytes.fetch_sub(command.len(), Ordering::Relaxed);
                Said::Command(command)
            }
            () = self.goodbye.cancelled() => Said::Goodbye,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.table.lock().remove(&self.word);
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("sessions", &self.len()).finish_non_exhaustive()
    }
}

/// More than anybody needs, and less than a channel takes.
const MAX_WAITING: usize = 1 << 16;
