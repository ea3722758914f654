use std::time::Duration;

use tokio::time::Instant;

/// How many messages a peer may send: so many a second over time, and a burst at once. Knows the time only from its callers.
///
/// It is the bucket of [RFC 2697](https://www.rfc-editor.org/rfc/rfc2697) as one point in time: when the bucket would be full.
#[derive(Debug)]
pub(crate) struct Rate {
    /// The time that a message costs.
    cost: Duration,
    /// How far ahead of now the bucket may be of being full: a burst less one.
    slack: Duration,
    full: Instant,
}

impl Rate {
    /// Creates a full bucket. Neither number is zero.
    pub(crate) fn new(per_second: u32, burst: u32, now: Instant) -> Self {
        let cost = Duration::from_secs(1) / per_second;
        Self { cost, slack: cost * (burst - 1), full: now }
    }

    /// Takes a message; `false` when it is one too many.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let full = self.full.max(now);
        if full > now + self.slack {
            return false;
        }
        self.full = full + self.cost;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(rate: &mut Rate, now: Instant) -> usize {
        (0..).take_while(|_| rate.take(now)).count()
    }

    #[test]
    fn a_burst_is_taken_at_once_and_the_rate_over_time() {
        let start = Instant::now();
        let mut rate = Rate::new(10, 5, start);
        assert_eq!(take(&mut rate, start), 5);
        assert_eq!(take(&mut rate, start + Duration::from_millis(99)), 0);
        assert_eq!(take(&mut rate, start + Duration::from_millis(300)), 3);
        assert_eq!(
            take(&mut rate, start + Duration::from_secs(3600)),
            5,
            "a burst, however long it was silent"
        );
    }

    #[test]
    fn who_keeps_to_the_rate_is_never_refused() {
        let start = Instant::now();
        let mut rate = Rate::new(1000, 1, start);
        assert!((0..10_000).all(|i| rate.take(start + Duration::from_millis(i))));
    }
}
