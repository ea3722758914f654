use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashSet};
use std::hash::BuildHasher;

/// The nonces that were good once, for as long as their time is.
pub(super) struct Seen {
    /// By the second until which they are kept, in steps.
    slots: BTreeMap<u64, HashSet<u64>>,
    count: usize,
    max: usize,
    /// Those who call do not know it, so that they cannot make two of the same hash.
    hasher: RandomState,
}

#[derive(Debug, Eq, PartialEq)]
pub(super) enum Nonce {
    New,
    Replayed,
    /// There are as many as are kept.
    Full,
}

impl Seen {
    pub(super) fn new(max: usize) -> Self {
        Self { slots: BTreeMap::new(), count: 0, max, hasher: RandomState::new() }
    }

    /// Takes a nonce of a key whose time is good until `until`, in seconds, as is `now`.
    pub(super) fn take(&mut self, key: &str, nonce: &str, until: u64, now: u64) -> Nonce {
        while let Some(slot) = self.slots.first_entry().filter(|slot| *slot.key() < now) {
            self.count -= slot.remove().len();
        }
        let hash = self.hasher.hash_one((key, nonce, until));
        let slot = self.slots.entry(until / STEP * STEP + STEP).or_default();
        if slot.contains(&hash) {
            return Nonce::Replayed;
        }
        if self.count >= self.max {
            return Nonce::Full;
        }
        slot.insert(hash);
        self.count += 1;
        Nonce::New
    }
}

/// How many seconds share a slot.
const STEP: u64 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_new_once_for_a_key_and_a_time() {
        let mut seen = Seen::new(10);
        assert_eq!(seen.take("a", "n", 100, 50), Nonce::New);
        assert_eq!(seen.take("a", "n", 100, 100), Nonce::Replayed);
        assert_eq!(seen.take("b", "n", 100, 100), Nonce::New);
        assert_eq!(seen.take("a", "n", 101, 100), Nonce::New, "it is another request");
    }

    #[test]
    fn they_are_forgotten_after_their_time_and_not_before() {
        let mut seen = Seen::new(2);
        assert_eq!(seen.take("a", "1", 100, 50), Nonce::New);
        assert_eq!(seen.take("a", "2", 100, 50), Nonce::New);
        assert_eq!(seen.take("a", "3", 100, 50), Nonce::Full);
        assert_eq!(seen.take("a", "1", 100, 100), Nonce::Replayed, "also when it is full");
        assert_eq!(seen.take("a", "3", 300, 200), Nonce::New);
        assert_eq!(seen.count, 1);
    }
}
