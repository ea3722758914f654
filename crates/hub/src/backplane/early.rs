//! What came in before its turn.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::arrival::Numbered;
use crate::receipt::Epoch;

/// Deliveries that wait for those before them, of one epoch, bounded by count.
pub(crate) struct Early<M> {
    epoch: Epoch,
    waiting: BTreeMap<u64, Numbered<M>>,
    since: Option<Instant>,
}

impl<M> Early<M> {
    pub(crate) fn new() -> Self {
        Self { epoch: Epoch(0), waiting: BTreeMap::new(), since: None }
    }

    /// Keeps one. Those of another epoch make room; of too many the last ones are dropped, as they will be fetched.
    pub(crate) fn keep(&mut self, epoch: Epoch, offset: u64, what: Numbered<M>, now: Instant) {
        if self.epoch != epoch {
            self.waiting.clear();
            self.epoch = epoch;
        }
        self.waiting.insert(offset, what);
        if self.waiting.len() > MAX_EARLY {
            self.waiting.pop_last();
        }
        self.since.get_or_insert(now);
    }

    /// Takes the next one, if it is there; forgets those before it.
    pub(crate) fn take(&mut self, epoch: Epoch, next: u64) -> Option<Numbered<M>> {
        if self.epoch != epoch {
            return None;
        }
        while self.waiting.first_key_value().is_some_and(|(offset, _)| *offset < next) {
            self.waiting.pop_first();
        }
        let taken = self.waiting.remove(&next);
        if self.waiting.is_empty() {
            self.since = None;
        }
        taken
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.since = None;
    }

    /// Gives those that are missing time again.
    pub(crate) fn wait_again(&mut self, now: Instant) {
        self.since = self.since.map(|_| now);
    }

    /// When those that are missing will have to be fetched.
    pub(crate) fn deadline(&self, patience: Duration) -> Option<Instant> {
        Some(self.since? + patience)
    }
}

/// So many may wait in a topic.
const MAX_EARLY: usize = 1024;
