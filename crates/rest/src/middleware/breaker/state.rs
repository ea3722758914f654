use std::time::Duration;

use tokio::time::Instant;

use crate::middleware::window::Window;

/// Decides by the last ten seconds whether a request may pass. Clock and chance are its caller's.
///
/// The rule is the [client-side throttling](https://sre.google/sre-book/handling-overload/#eq2101) of Google's SRE book,
/// `(requests - K * accepts) / (requests + 1)`, with go-zero's constants and additions: a few requests never open it,
/// `K` shrinks while nothing succeeds, and the ratio shrinks while nothing fails.
pub(super) struct Breaker {
    window: Window<Bucket, BUCKETS>,
    /// When a request last passed although some were to be rejected.
    last_pass: Option<Instant>,
    /// When something last failed, or was rejected. When that is out of the window, there is nothing to sum up.
    last_trouble: Option<Instant>,
}

#[derive(Default)]
struct Bucket {
    /// Rejected ones included.
    requests: u32,
    successes: u32,
    failures: u32,
}

impl Breaker {
    pub(super) fn new(now: Instant) -> Self {
        Self { window: Window::new(SLICE, now), last_pass: None, last_trouble: None }
    }

    /// Whether a request may pass, by a random number from 0 to below 1. What may not is counted at once.
    pub(super) fn allow(&mut self, now: Instant, random: f64) -> bool {
        if self.last_trouble.is_none_or(|last| now.saturating_duration_since(last) > WINDOW) {
            return true; // as many accepts as requests make the ratio negative, whatever their number
        }
        let history = self.history(now);
        let ratio = history.drop_ratio();
        if ratio <= 0.0 {
            return true;
        }
        let is_due = self.last_pass.is_some_and(|last| now.saturating_duration_since(last) > FORCE_PASS);
        if !is_due && random < ratio * history.doubt() {
            self.window.bucket(now).requests += 1;
            self.last_trouble = Some(now);
            return false;
        }
        self.last_pass = Some(now);
        true
    }

    /// Counts how a request that has passed has ended.
    pub(super) fn count(&mut self, now: Instant, is_success: bool) {
        let bucket = self.window.bucket(now);
        bucket.requests += 1;
        bucket.successes += u32::from(is_success);
        bucket.failures += u32::from(!is_success);
        if !is_success {
            self.last_trouble = Some(now);
        }
    }

    fn history(&mut self, now: Instant) -> History {
        let mut history = History::default();
        let (past, current) = self.window.history(now);
        for bucket in past.chain([current]) {
            history.requests += bucket.requests;
            history.accepts += bucket.successes;
            if bucket.failures > 0 {
                history.working = 0;
            } else if bucket.successes > 0 {
                history.working += 1;
            }
            if bucket.successes > 0 {
                history.failing = 0;
            } else if bucket.failures > 0 {
                history.failing += 1;
            }
        }
        history
    }
}

/// The whole window in four numbers.
#[derive(Default)]
struct History {
    requests: u32,
    accepts: u32,
    /// How many of the newest buckets have failures and no success. Those with neither do not count.
    failing: u32,
    /// How many of the newest buckets have successes and no failure.
    working: u32,
}

impl History {
    /// The share of requests to reject; negative or zero for none.
    fn drop_ratio(&self) -> f64 {
        let k = K - (K - MIN_K) * f64::from(self.failing) / BUCKETS as f64;
        let weighted_accepts = k.max(MIN_K) * f64::from(self.accepts);
        (f64::from(self.requests) - PROTECTION - weighted_accepts) / (f64::from(self.requests) + 1.0)
    }

    /// From 1 down to 0, the longer nothing has failed.
    fn doubt(&self) -> f64 {
        (BUCKETS as f64 - f64::from(self.working)) / BUCKETS as f64
    }
}

/// Ten seconds in all.
const BUCKETS: usize = 40;
const SLICE: Duration = Duration::from_millis(250);
/// All of them.
const WINDOW: Duration = Duration::from_secs(10);
/// How many requests there are for one that succeeds before any are rejected.
const K: f64 = 1.5;
/// The same when nothing has succeeded in the whole window.
const MIN_K: f64 = 1.1;
/// So many failures do not count.
const PROTECTION: f64 = 5.0;
/// After so long without one, a request passes whatever the ratio.
const FORCE_PASS: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixture {
        breaker: Breaker,
        now: Instant,
    }

    impl Fixture {
        fn new() -> Self {
            let now = Instant::now();
            Self { breaker: Breaker::new(now), now }
        }

        fn count(&mut self, successes: u32, failures: u32) -> &mut Self {
            (0..successes).for_each(|_| self.breaker.count(self.now, true));
            (0..failures).for_each(|_| self.breaker.count(self.now, false));
            self
        }

        fn later(&mut self, time: Duration) -> &mut Self {
            self.now += time;
            self
        }

        /// Checks that just below `ratio` requests are rejected, and just above it no longer.
        fn rejects(&mut self, ratio: f64) {
            let history = self.breaker.history(self.now);
            let actual = history.drop_ratio() * history.doubt();
            assert!((actual - ratio).abs() < 1e-12, "the ratio is {actual}, not {ratio}");
            assert!(!self.breaker.allow(self.now, ratio - 1e-9));
        }
    }

    #[test]
    fn five_failures_are_nothing_and_the_sixth_counts() {
        let mut fixture = Fixture::new();
        fixture.count(0, 5); // (5 - 5 - 0) / 6
        assert!(fixture.breaker.allow(fixture.now, 0.0));

        fixture.count(0, 1).rejects(1.0 / 7.0); // (6 - 5 - 0) / 7
    }

    #[test]
    fn what_is_above_the_ratio_passes() {
        let mut fixture = Fixture::new();
        fixture.count(0, 6);
        assert!(fixture.breaker.allow(fixture.now, 1.0 / 7.0));
        assert!(!fixture.breaker.allow(fixture.now, 1.0 / 7.0 - 1e-9));
    }

    #[test]
    fn half_failing_rejects_a_fifth() {
        // K is 1.5, as there are successes in the newest bucket: (100 - 5 - 75) / 101.
        Fixture::new().count(50, 50).rejects(20.0 / 101.0);
    }

    #[test]
    fn a_third_failing_rejects_none() {
        let mut fixture = Fixture::new();
        fixture.count(200, 104); // (304 - 5 - 300) / 305
        assert!(fixture.breaker.allow(fixture.now, 0.0));
    }

    #[test]
    fn long_failing_weakens_what_has_succeeded_before() {
        let mut fixture = Fixture::new();
        fixture.count(40, 0);
        for _ in 0..20 {
            fixture.later(SLICE).count(0, 5);
        }
        // K is 1.5 - 0.4 * 20/40 = 1.3: (140 - 5 - 52) / 141.
        fixture.rejects(83.0 / 141.0);
    }

    #[test]
    fn long_working_brings_requests_back() {
        let mut fixture = Fixture::new();
        fixture.count(0, 100);
        for _ in 0..10 {
            fixture.later(SLICE).count(1, 0);
        }
        // (110 - 5 - 15) / 111, of which 30 in 40 are left.
        fixture.rejects(90.0 / 111.0 * 0.75);
    }

    #[test]
    fn what_was_rejected_counts_as_a_request() {
        let mut fixture = Fixture::new();
        fixture.count(0, 6);
        for _ in 0..4 {
            assert!(!fixture.breaker.allow(fixture.now, 0.0));
        }
        fixture.rejects(5.0 / 11.0); // (10 - 5 - 0) / 11
    }

    #[test]
    fn one_passes_after_more_than_a_second_whatever_the_ratio() {
        let mut fixture = Fixture::new();
        fixture.count(0, 1000);
        assert!(!fixture.breaker.allow(fixture.now, 0.0), "none has passed yet, so that none is due");
        assert!(fixture.breaker.allow(fixture.now, 0.999)); // above 995/1002

        fixture.later(FORCE_PASS);
        assert!(!fixture.breaker.allow(fixture.now, 0.0));
        fixture.later(Duration::from_millis(1));
        assert!(fixture.breaker.allow(fixture.now, 0.0));
        assert!(!fixture.breaker.allow(fixture.now, 0.0), "the next is due in a second");
    }

    #[test]
    fn all_is_forgotten_after_ten_seconds() {
        let mut fixture = Fixture::new();
        fixture.count(0, 1000).later(SLICE * 39);
        assert!(!fixture.breaker.allow(fixture.now, 0.0));

        let mut fixture = Fixture::new();
        fixture.count(0, 1000).later(SLICE * 40);
        assert!(fixture.breaker.allow(fixture.now, 0.0));
    }
}
