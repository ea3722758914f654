use std::time::Duration;

use crate::conf::ReconnectConf;

/// How long to wait before the next attempt: full jitter, doubling up to a cap. Knows no clock and no chance but from its
/// callers.
#[derive(Debug)]
pub(crate) struct Backoff {
    conf: ReconnectConf,
    /// Attempts that failed in a row.
    failed: u32,
}

impl Backoff {
    pub(crate) fn new(conf: ReconnectConf) -> Self {
        Self { conf, failed: 0 }
    }

    /// The wait after a failure, by a `chance` from 0 to 1; `None` when no further attempt is to be made. A server that says when
    /// to come back is not asked earlier, nor by all its clients at once.
    pub(crate) fn after_failure(&mut self, retry_after: Option<Duration>, chance: f64) -> Option<Duration> {
        self.failed += 1;
        let asked = retry_after.unwrap_or_default();
        if self.failed >= self.conf.max_attempts || asked > self.conf.max_retry_after {
            return None;
        }
        let doubled = self.conf.first_delay.saturating_mul(2_u32.saturating_pow(self.failed - 1));
        Some(asked + doubled.min(self.conf.max_delay).mul_f64(chance))
    }

    /// The wait after a connection that lived for so long is lost. One that was stable makes up for all failures before.
    pub(crate) fn after_loss(&mut self, lived: Duration, chance: f64) -> Option<Duration> {
        if lived >= self.conf.stable_after {
            self.failed = 0;
        }
        self.after_failure(None, chance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf() -> ReconnectConf {
        ReconnectConf {
            first_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(3),
            max_attempts: 6,
            stable_after: Duration::from_secs(10),
            max_retry_after: Duration::from_secs(60),
            ..ReconnectConf::default()
        }
    }

    #[test]
    fn the_longest_wait_doubles_up_to_the_cap_and_ends() {
        let mut backoff = Backoff::new(conf());
        let waits = std::iter::from_fn(|| backoff.after_failure(None, 1.0)).map(|wait| wait.as_millis());
        assert_eq!(waits.collect::<Vec<_>>(), [500, 1000, 2000, 3000, 3000]);
    }

    #[test]
    fn chance_makes_it_anything_below() {
        for (chance, wait) in [(0.0, 0), (0.5, 250), (1.0, 500)] {
            let wait = Some(Duration::from_millis(wait));
            assert_eq!(Backoff::new(conf()).after_failure(None, chance), wait);
        }
    }

    #[test]
    fn a_server_that_says_when_is_not_asked_earlier() {
        let asked = Duration::from_secs(60);
        let wait = Backoff::new(conf()).after_failure(Some(asked), 0.5).unwrap();
        assert_eq!(wait, asked + Duration::from_millis(250));
        assert_eq!(Backoff::new(conf()).after_failure(Some(asked * 2), 0.5), None, "that is too long");
    }

    #[test]
    fn only_a_connection_that_was_stable_makes_up_for_failures() {
        let mut backoff = Backoff::new(conf());
        for wait in [500, 1000, 2000] {
            let lost = backoff.after_loss(Duration::from_secs(9), 1.0);
            assert_eq!(lost, Some(Duration::from_millis(wait)));
        }
        assert_eq!(backoff.after_loss(Duration::from_secs(10), 1.0), Some(Duration::from_millis(500)));
    }

    #[test]
    fn no_number_of_attempts_overflows() {
        let mut backoff = Backoff::new(ReconnectConf { max_attempts: u32::MAX, ..conf() });
        for _ in 0..100 {
            assert!(backoff.after_failure(None, 1.0).unwrap() <= Duration::from_secs(3));
        }
    }
}
