//! How connections ended that could not be told: remembered for when they return.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::reply::Reason;

/// The reasons for which connections were cut, by the token that each was given to resume with.
///
/// The oldest make room for new ones, and none is kept longer than its time.
#[derive(Debug)]
pub(super) struct Ends {
    keep_for: Duration,
    limit: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    reasons: HashMap<Box<str>, (Instant, Reason)>,
    /// In the order of their times. A token that was taken is still in here until its time is over.
    order: VecDeque<(Instant, Box<str>)>,
}

impl Ends {
    pub(super) fn new(keep_for: Duration, limit: usize) -> Self {
        Self { keep_for, limit, kept: Mutex::default() }
    }

    pub(super) fn remember(&self, token: &str, reason: Reason, now: Instant) {
        let mut kept = self.lock();
        kept.forget(|at, count| count >= self.limit || now.duration_since(at) >= self.keep_for);
        kept.order.push_back((now, token.into()));
        kept.reasons.insert(token.into(), (now, reason));
    }

    /// How the connection with this token ended; it is told once.
    pub(super) fn take(&self, token: &str, now: Instant) -> Option<Reason> {
        let (at, reason) = self.lock().reasons.remove(token)?;
        (now.duration_since(at) < self.keep_for).then_some(reason)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn forget(&mut self, is_over: impl Fn(Instant, usize) -> bool) {
        while let Some((at, _)) = self.order.front()
            && is_over(*at, self.order.len())
        {
            if let Some((_, token)) = self.order.pop_front() {
                self.reasons.remove(&token);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn reason() -> Reason {
        Reason { code: "too_slow", message: "it was".into() }
    }

    #[test]
    fn a_reason_is_told_once_to_who_has_the_token() {
        let (ends, now) = (Ends::new(MINUTE, 10), Instant::now());
        ends.remember("a", reason(), now);
        assert_eq!(ends.take("b", now), None);
        assert_eq!(ends.take("a", now), Some(reason()));
        assert_eq!(ends.take("a", now), None);
    }

    #[test]
    fn a_reason_is_not_kept_longer_than_its_time() {
        let (ends, now) = (Ends::new(MINUTE, 10), Instant::now());
        ends.remember("a", reason(), now);
        assert_eq!(ends.take("a", now + MINUTE), None);
        ends.remember("b", reason(), now);
        ends.remember("c", reason(), now + MINUTE);
        assert_eq!(ends.lock().order.len(), 1);
    }

    #[test]
    fn the_oldest_makes_room() {
        let (ends, now) = (Ends::new(MINUTE, 2), Instant::now());
        for token in ["a", "b", "c"] {
            ends.remember(token, reason(), now);
        }
        assert_eq!(ends.take("a", now), None);
        assert_eq!(ends.take("c", now), Some(reason()));
        assert_eq!(ends.lock().order.len(), 2);
    }
}
