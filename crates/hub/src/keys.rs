//! The keys of a topic's last messages, so that a retry publishes nothing twice.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::name::UserId;

/// A key, and whose it is: one user's keys are not another's.
pub(crate) type Key = (Option<UserId>, Arc<str>);

/// Remembers the offsets of messages by their keys, bounded by count and age.
pub(crate) struct Keys {
    limit: usize,
    max_age: Duration,
    offsets: HashMap<Key, u64>,
    order: VecDeque<(Instant, Key)>,
}

impl Keys {
    pub(crate) fn new(limit: usize, max_age: Duration) -> Self {
        Self { limit, max_age, offsets: HashMap::new(), order: VecDeque::new() }
    }

    /// The offset of the message that was published with this key.
    pub(crate) fn find(&mut self, key: &Key, now: Instant) -> Option<u64> {
        self.forget(now, self.limit);
        self.offsets.get(key).copied()
    }

    /// Remembers one that is not known.
    pub(crate) fn remember(&mut self, key: Key, offset: u64, now: Instant) {
        if self.limit > 0 {
            self.forget(now, self.limit - 1);
            self.offsets.insert(key.clone(), offset);
            self.order.push_back((now, key));
        }
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.offsets.clear();
        self.order.clear();
    }

    fn forget(&mut self, now: Instant, limit: usize) {
        while let Some((at, _)) = self.order.front()
            && (self.order.len() > limit || now.saturating_duration_since(*at) >= self.max_age)
        {
            if let Some((_, key)) = self.order.pop_front() {
                self.offsets.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn key(text: &str) -> Key {
        (None, text.into())
    }

    #[test]
    fn a_key_is_remembered_by_user() {
        let (mut keys, now) = (Keys::new(10, MINUTE), Instant::now());
        keys.remember(key("a"), 7, now);
        assert_eq!(keys.find(&key("a"), now), Some(7));
        assert_eq!(keys.find(&(Some(UserId::new("ann").unwrap()), "a".into()), now), None);
    }

    #[test]
    fn the_oldest_key_makes_room() {
        let (mut keys, now) = (Keys::new(2, MINUTE), Instant::now());
        for (offset, text) in (1..).zip(["a", "b", "c"]) {
            keys.remember(key(text), offset, now);
        }
        assert_eq!([key("a"), key("b"), key("c")].map(|key| keys.find(&key, now)), [None, Some(2), Some(3)]);
        assert_eq!((keys.offsets.len(), keys.order.len()), (2, 2));
    }

    #[test]
    fn a_key_is_forgotten_with_age() {
        let (mut keys, now) = (Keys::new(2, MINUTE), Instant::now());
        keys.remember(key("a"), 1, now);
        assert_eq!(keys.find(&key("a"), now + MINUTE), None);
        assert!(keys.offsets.is_empty());
    }

    #[test]
    fn a_limit_of_none_remembers_none() {
        let (mut keys, now) = (Keys::new(0, MINUTE), Instant::now());
        keys.remember(key("a"), 1, now);
        assert_eq!(keys.find(&key("a"), now), None);
    }
}
