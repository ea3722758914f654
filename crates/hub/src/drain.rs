//! Draining: everyone is sent away, at a pace that those who take them in can bear.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{self, Instant};
use tracing::Instrument;

use crate::command::Command;
use crate::error::{Cause, Error, Evicted};
use crate::hub::Hub;
use crate::member::Parting;
use crate::message::Message;

/// How a hub is drained.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Drain {
    /// How many clients are ended per second; 1000 by default. 0 counts as 1.
    pub rate: u32,
    /// The time over which clients are asked to spread their return; each is given another part of it. 5 s by default.
    pub spread: Duration,
    /// After this time the rest is ended at once; 30 s by default.
    pub deadline: Duration,
}

impl Default for Drain {
    fn default() -> Self {
        Self { rate: 1000, spread: Duration::from_secs(5), deadline: Duration::from_secs(30) }
    }
}

impl<M: Message> Hub<M> {
    /// Takes no more clients, and ends those that there are with [`Cause::Draining`], a few at a time. Returns how many that
    /// were.
    ///
    /// Publishing goes on meanwhile. Newcomers are refused for good, with [`Error::Draining`]. Cancel safe: if the future is
    /// dropped, nobody else is ended, but newcomers are still refused.
    ///
    /// # Errors
    ///
    /// Fails if the hub is closed.
    pub async fn drain(&self, drain: Drain) -> Result<usize, Error> {
        let span = tracing::info_span!("hub_drain", rate = drain.rate, deadline = ?drain.deadline);
        self.send_away(drain).instrument(span).await
    }

    async fn send_away(&self, drain: Drain) -> Result<usize, Error> {
        self.shared.draining.send_replace(Some(drain.spread));
        let mut clients = Vec::new();
        for link in self.shared.links() {
            clients.extend(self.shared.ask(link, Command::Clients).await?);
        }
        let remaining = Remaining(&self.shared.drain_remaining);
        remaining.set(clients.len());
        tracing::info!(clients = clients.len(), "the hub is being drained");
        let deadline = Instant::now().checked_add(drain.deadline);
        let (jitter, mut tick) = (RandomState::new(), time::interval(TICK));
        // Rounded up, so that it ends.
        let per_tick = drain.rate.max(1).div_ceil(TICKS_PER_SECOND) as usize;
        for (index, few) in clients.chunks(per_tick).enumerate() {
            if deadline.is_none_or(|deadline| Instant::now() < deadline) {
                tick.tick().await;
            }
            for inbox in few {
                let part = f64::from(u32::try_from(jitter.hash_one(inbox.id) >> 32).unwrap_or(0))
                    / f64::from(u32::MAX);
                inbox.end(Evicted::new(Cause::Draining(drain.spread.mul_f64(part))));
                inbox.leave_all(Parting::Lost); // their users return elsewhere
            }
            remaining.set(clients.len() - index * per_tick - few.len());
        }
        tracing::info!(clients = clients.len(), "the hub is drained");
        Ok(clients.len())
    }

    /// Whether the hub is being drained, and after which time a newcomer may try another server.
    #[must_use]
    pub fn is_draining(&self) -> Option<Duration> {
        *self.shared.draining.borrow()
    }
}

/// How many a drain has still to end: nobody, when it is over or has been given up.
struct Remaining<'a>(&'a AtomicU64);

impl Remaining<'_> {
    fn set(&self, count: usize) {
        self.0.store(count as u64, Ordering::Relaxed);
    }
}

impl Drop for Remaining<'_> {
    fn drop(&mut self) {
        self.set(0);
    }
}

const TICKS_PER_SECOND: u32 = 20;

const TICK: Duration = Duration::from_millis(1000 / TICKS_PER_SECOND as u64);
