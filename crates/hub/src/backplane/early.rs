//! What came in before its turn.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::arrival::Numbered;
use crate::receipt::Epoch;

/// Deliveries that wait for those before them, of one epoch, bounded by count and bytes.
pub(crate) struct Early<M> {
    epoch: Epoch,
    waiting: BTreeMap<u64, Numbered<M>>,
    bytes: usize,
    since: Option<Instant>,
}

impl<M> Early<M> {
    pub(crate) fn new() -> Self {
        Self { epoch: Epoch(0), waiting: BTreeMap::new(), bytes: 0, since: None }
    }

    /// Keeps one. Those of another epoch make room; of too many the last ones are dropped, as they will be fetched.
    pub(crate) fn keep(&mut self, epoch: Epoch, offset: u64, what: Numbered<M>, now: Instant) {
        if self.epoch != epoch {
            self.clear();
            self.epoch = epoch;
        }
        self.bytes += what.weight();
        if let Some(twice) = self.waiting.insert(offset, what) {
            self.bytes -= twice.weight();
        }
        while self.waiting.len() > MAX_EARLY || (self.bytes > MAX_BYTES && self.waiting.len() > 1) {
            let Some((_, last)) = self.waiting.pop_last() else { break };
            self.bytes -= last.weight();
        }
        self.since.get_or_insert(now);
    }

    /// Begins to wait, though nothing is here yet.
    pub(crate) fn wait(&mut self, epoch: Epoch, now: Instant) {
        if self.epoch != epoch {
            self.clear();
            self.epoch = epoch;
        }
        self.since.get_or_insert(now);
    }

    /// The offset of the first that is here.
    pub(crate) fn first(&self, epoch: Epoch) -> Option<u64> {
        self.waiting.keys().next().copied().filter(|_| self.epoch == epoch)
    }

    /// Takes the next one, if it is there; forgets those before it.
    pub(crate) fn take(&mut self, epoch: Epoch, next: u64) -> Option<Numbered<M>> {
        if self.epoch != epoch {
            return None;
        }
        while self.waiting.first_key_value().is_some_and(|(offset, _)| *offset < next) {
            self.bytes -= self.waiting.pop_first().map_or(0, |(_, passed)| passed.weight());
        }
        let taken = self.waiting.remove(&next);
        self.bytes -= taken.as_ref().map_or(0, Numbered::weight);
        if self.waiting.is_empty() {
            self.since = None;
        }
        taken
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        (self.bytes, self.since) = (0, None);
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

/// So heavy may they be together.
const MAX_BYTES: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Entry;

    fn early(texts: &[(u64, &str)]) -> Early<String> {
        let (mut early, now) = (Early::new(), Instant::now());
        for (offset, text) in texts {
            let entry = Entry::new((*text).to_owned().into());
            early.keep(Epoch(1), *offset, Numbered::Message(entry), now);
        }
        early
    }

    fn offsets(early: &Early<String>) -> Vec<u64> {
        early.waiting.keys().copied().collect()
    }

    #[test]
    fn what_is_early_is_taken_in_its_turn_and_what_is_late_forgotten() {
        let mut early = early(&[(7, "seven"), (3, "three"), (5, "five"), (5, "five")]);
        assert!(early.take(Epoch(1), 4).is_none());
        assert!(early.take(Epoch(2), 5).is_none(), "another epoch");
        assert!(early.take(Epoch(1), 5).is_some());
        assert_eq!(offsets(&early), [7]);
        assert!(early.take(Epoch(1), 7).is_some());
        assert_eq!((early.bytes, early.since), (0, None));
    }

    #[test]
    fn of_too_many_and_of_too_heavy_ones_the_first_are_kept() {
        let many: Vec<_> = (1..=1500).map(|offset| (offset, "x")).collect();
        assert_eq!(offsets(&early(&many)).len(), MAX_EARLY);
        let heavy = "x".repeat(3 << 20);
        assert_eq!(offsets(&early(&[(9, &heavy), (2, &heavy), (4, "x")])), [2, 4]);
    }
}
