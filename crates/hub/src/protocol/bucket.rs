//! A token bucket: a state machine without a clock.

use std::time::Duration;

use tokio::time::Instant;

use super::conf::RateConf;

/// So much a second over time, and a burst at once.
///
/// It is the bucket of [RFC 2697](https://www.rfc-editor.org/rfc/rfc2697) as one point in time: when it will be full.
#[derive(Debug)]
pub(super) struct Bucket {
    full_at: Instant,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// How long to wait until there is as much as this; a cost above the burst counts as the burst.
    pub(super) fn wait(&self, rate: RateConf, cost: u32, now: Instant) -> Duration {
        if rate.is_unlimited() {
            return Duration::ZERO;
        }
        let missing = self.full_at.saturating_duration_since(now);
        (missing + rate.time_of(cost.min(rate.burst()))).saturating_sub(rate.time_of(rate.burst()))
    }

    /// Takes it, whether it is there or not.
    pub(super) fn take(&mut self, rate: RateConf, cost: u32, now: Instant) {
        if !rate.is_unlimited() {
            self.full_at = self.full_at.max(now) + rate.time_of(cost);
        }
    }

    /// Whether nothing is missing, so that a new one is as good.
    pub(super) fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIVE_A_SECOND: RateConf = RateConf { rate: 5, burst: 10 };

    fn take(bucket: &mut Bucket, now: Instant) -> usize {
        (0..100)
            .take_while(|_| {
                let free = bucket.wait(FIVE_A_SECOND, 1, now).is_zero();
                if free {
                    bucket.take(FIVE_A_SECOND, 1, now);
                }
                free
            })
            .count()
    }

    #[test]
    fn a_burst_is_there_at_once_and_the_rate_over_time() {
        let start = Instant::now();
        let mut bucket = Bucket::new(start);
        assert_eq!(take(&mut bucket, start), 10);
        assert_eq!(bucket.wait(FIVE_A_SECOND, 1, start), Duration::from_millis(200));
        assert_eq!(take(&mut bucket, start + Duration::from_millis(199)), 0);
        assert_eq!(take(&mut bucket, start + Duration::from_millis(600)), 3);
        assert_eq!(take(&mut bucket, start + Duration::from_secs(3600)), 10, "no more than the burst");
        assert!(bucket.is_full(start + Duration::from_secs(7200)));
    }

    #[test]
    fn what_costs_more_than_the_burst_waits_for_a_full_bucket_and_is_paid_off() {
        let start = Instant::now();
        let mut bucket = Bucket::new(start);
        assert_eq!(bucket.wait(FIVE_A_SECOND, 20, start), Duration::ZERO);
        bucket.take(FIVE_A_SECOND, 20, start);
        assert_eq!(bucket.wait(FIVE_A_SECOND, 1, start), Duration::from_millis(2200));
    }

    #[test]
    fn a_rate_of_zero_is_none() {
        let (start, unlimited) = (Instant::now(), RateConf { rate: 0, burst: 1 });
        let mut bucket = Bucket::new(start);
        bucket.take(unlimited, u32::MAX, start);
        assert_eq!(bucket.wait(unlimited, u32::MAX, start), Duration::ZERO);
    }
}
