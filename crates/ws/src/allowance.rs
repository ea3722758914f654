use std::time::Duration;

use tokio::time::Instant;

/// How many frames a peer may send that bring no message on: a token bucket.
///
/// Such a frame takes a token, a frame with a message's bytes brings one, and a full bucket comes in over
/// [`REFILL`].
#[derive(Debug)]
pub(crate) struct Allowance {
    tokens: usize,
    capacity: usize,
    /// Up to when time has brought its tokens.
    filled: Instant,
}

/// How long an empty bucket takes to be full again, if nothing is taken.
pub(crate) const REFILL: Duration = Duration::from_secs(10);

impl Allowance {
    pub(crate) fn new(capacity: usize, now: Instant) -> Self {
        Self { tokens: capacity, capacity, filled: now }
    }

    /// Takes a token; `false` where there is none. The clock is asked only then.
    pub(crate) fn take(&mut self, clock: impl FnOnce() -> Instant) -> bool {
        if self.tokens == 0 {
            self.refill(clock());
        }
        let there_is = self.tokens > 0;
        self.tokens = self.tokens.saturating_sub(1);
        there_is
    }

    /// Brings a token.
    pub(crate) fn give(&mut self) {
        self.tokens = self.capacity.min(self.tokens.saturating_add(1));
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.filled).min(REFILL);
        let tokens = elapsed.as_micros() * self.capacity as u128 / REFILL.as_micros();
        self.tokens = usize::try_from(tokens).unwrap_or(self.capacity);
        if self.tokens > 0 {
            self.filled = now; // not before, so that a small bucket fills too
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(allowance: &mut Allowance, now: Instant) -> usize {
        (0..).take_while(|_| allowance.take(|| now)).count()
    }

    #[test]
    fn a_full_bucket_can_be_spent_at_once_and_comes_back_with_time() {
        let start = Instant::now();
        let mut allowance = Allowance::new(100, start);
        assert_eq!(take(&mut allowance, start), 100);
        assert_eq!(take(&mut allowance, start + REFILL / 10), 10);
        assert_eq!(take(&mut allowance, start + REFILL / 10), 0);
        assert_eq!(take(&mut allowance, start + REFILL * 50), 100, "and not more than full");
    }

    #[test]
    fn tokens_come_one_by_one_however_often_they_are_asked_for() {
        let start = Instant::now();
        let mut allowance = Allowance::new(2, start);
        assert_eq!(take(&mut allowance, start), 2);
        let taken = (1..=100).filter(|i| allowance.take(|| start + REFILL * *i / 100)).count();
        assert_eq!(taken, 2);
    }

    #[test]
    fn what_was_given_back_can_be_taken_again_and_no_more() {
        let start = Instant::now();
        let mut allowance = Allowance::new(2, start);
        for _ in 0..1000 {
            allowance.give();
            assert!(allowance.take(|| start));
        }
        assert_eq!(take(&mut allowance, start), 2 - 1);
    }
}
