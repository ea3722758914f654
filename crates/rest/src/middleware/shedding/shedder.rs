use std::time::Duration;

use tokio::time::Instant;

use super::cpu::CPU_MAX;
use crate::middleware::window::Window;

/// Decides by CPU, concurrency and past latency whether a request may pass. Clock and CPU are its caller's.
///
/// go-zero's adaptive shedder: while the CPU is over the threshold, there may be as many requests at a time as the best
/// of the last five seconds say the service can do (Little's law: rate times latency), less the more the CPU is over.
pub(super) struct Shedder {
    /// From 1 to 999, in thousandths of what there is.
    threshold: u32,
    flying: u32,
    /// Follows `flying` with some lag, as it is moved when a request ends: a sudden crowd is let in.
    avg_flying: f64,
    window: Window<Bucket, BUCKETS>,
    overloaded_at: Option<Instant>,
    has_dropped: bool,
}

#[derive(Default)]
struct Bucket {
    passed: u32,
    /// The sum over those that have passed, each rounded up.
    millis: u64,
}

impl Shedder {
    pub(super) fn new(threshold: u32, now: Instant) -> Self {
        Self {
            threshold,
            flying: 0,
            avg_flying: 0.0,
            window: Window::new(SLICE, now),
            overloaded_at: None,
            has_dropped: false,
        }
    }

    /// Whether a request may pass. If so, [`end`](Self::end) has to follow.
    pub(super) fn allow(&mut self, now: Instant, cpu: u32) -> bool {
        if self.is_hot(now, cpu) && self.is_crowded(now, cpu) {
            self.has_dropped = true;
            return false;
        }
        self.flying += 1;
        true
    }

    /// Notes the end of a request that has passed, and how long it took where that tells something of the service.
    pub(super) fn end(&mut self, now: Instant, latency: Option<Duration>) {
        self.flying -= 1;
        self.avg_flying = self.avg_flying * LAG + f64::from(self.flying) * (1.0 - LAG);
        if let Some(latency) = latency {
            let bucket = self.window.bucket(now);
            bucket.passed += 1;
            let millis = u64::try_from(latency.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
            bucket.millis = bucket.millis.saturating_add(millis);
        }
    }

    /// Whether the CPU is over the threshold, or requests were dropped for that less than a second ago.
    fn is_hot(&mut self, now: Instant, cpu: u32) -> bool {
        if cpu >= self.threshold {
            self.overloaded_at = Some(now);
            return true;
        }
        let since = self.overloaded_at.map(|at| now.saturating_duration_since(at));
        self.has_dropped &= since.is_some_and(|since| since < COOL_OFF);
        self.has_dropped
    }

    fn is_crowded(&mut self, now: Instant, cpu: u32) -> bool {
        let most = self.most_flying(now) * self.factor(cpu);
        self.avg_flying > most && f64::from(self.flying) > most
    }

    /// How many requests at a time the service can do, by its best slice; at least one.
    fn most_flying(&mut self, now: Instant) -> f64 {
        let (mut passed, mut millis) = (1, DEFAULT_MILLIS);
        // The slice that is going on would be judged by a part of its requests.
        let (past, _current) = self.window.history(now);
        for bucket in past.filter(|bucket| bucket.passed > 0) {
            passed = passed.max(bucket.passed);
            millis = millis.min((bucket.millis as f64 / f64::from(bucket.passed)).round());
        }
        (f64::from(passed) * millis / SLICE.as_millis() as f64).max(1.0)
    }

    /// From 1 at the threshold down to a tenth, so that the service always does something.
    fn factor(&self, cpu: u32) -> f64 {
        let (left, left_at_threshold) = (CPU_MAX.saturating_sub(cpu), CPU_MAX - self.threshold);
        (f64::from(left) / f64::from(left_at_threshold)).clamp(0.1, 1.0)
    }
}

/// Five seconds in all.
const BUCKETS: usize = 50;
const SLICE: Duration = Duration::from_millis(100);
/// The latency where there were no requests: so long that none is dropped.
const DEFAULT_MILLIS: f64 = 1000.0;
/// How much of the average is kept at the end of each request.
const LAG: f64 = 0.9;
const COOL_OFF: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    /// A shedder with threshold 900 of a service that does ten requests of 100 ms at a time.
    struct Fixture {
        shedder: Shedder,
        now: Instant,
    }

    impl Fixture {
        fn new() -> Self {
            let now = Instant::now();
            let mut shedder = Shedder::new(900, now);
            for _ in 0..10 {
                assert!(shedder.allow(now, 0));
                shedder.end(now, Some(Duration::from_millis(100)));
            }
            Self { shedder, now: now + SLICE } // 10 in the best slice, times 100 ms, by the slice's 100 ms
        }

        /// Begins `count` requests, and lets another come and go `times` times: the average is `count * (1 - 0.9^times)`.
        fn crowd(&mut self, count: u32, times: u32) -> &mut Self {
            for _ in 0..count {
                assert!(self.shedder.allow(self.now, 0));
            }
            for _ in 0..times {
                assert!(self.shedder.allow(self.now, 0));
                self.shedder.end(self.now, None);
            }
            self
        }

        fn allows(&mut self, cpu: u32) -> bool {
            let allows = self.shedder.allow(self.now, cpu);
            if allows {
                self.shedder.flying -= 1; // as if it had not been asked
            }
            allows
        }
    }

    #[test]
    fn an_idle_machine_lets_every_crowd_in() {
        assert!(Fixture::new().crowd(1000, 100).allows(899));
    }

    #[test]
    fn at_the_threshold_there_may_be_as_many_as_the_best_slice_says() {
        // 12 * (1 - 0.9^17) = 9.999, 12 * (1 - 0.9^18) = 10.199
        assert!(Fixture::new().crowd(12, 17).allows(900));
        assert!(!Fixture::new().crowd(12, 18).allows(900));
    }

    #[test]
    fn halfway_to_the_top_there_may_be_half_as_many() {
        // 10 * (1 - 0.9^6) = 4.686, 10 * (1 - 0.9^7) = 5.217
        assert!(Fixture::new().crowd(10, 6).allows(950));
        assert!(!Fixture::new().crowd(10, 7).allows(950));
    }

    #[test]
    fn at_the_top_a_tenth_is_still_let_in() {
        // 2 * (1 - 0.9^6) = 0.937, 2 * (1 - 0.9^7) = 1.043
        assert!(Fixture::new().crowd(2, 6).allows(1000));
        assert!(!Fixture::new().crowd(2, 7).allows(1000));
    }

    #[test]
    fn a_crowd_that_has_gone_is_not_held_against_the_next() {
        let mut fixture = Fixture::new();
        fixture.crowd(100, 50);
        for _ in 0..95 {
            fixture.shedder.end(fixture.now, None);
        }
        assert!(fixture.shedder.avg_flying > 10.0, "{}", fixture.shedder.avg_flying);
        assert!(fixture.allows(900), "5 are flying");
    }

    #[test]
    fn after_a_drop_it_stays_watchful_for_a_second() {
        let mut fixture = Fixture::new();
        fixture.crowd(12, 50);
        assert!(!fixture.allows(900));

        fixture.now += COOL_OFF - Duration::from_millis(1);
        assert!(!fixture.allows(0), "the crowd is still over 10");
        fixture.now += Duration::from_millis(1);
        assert!(fixture.allows(0));
    }

    #[test]
    fn a_hot_moment_without_a_drop_leaves_nothing_behind() {
        let mut fixture = Fixture::new();
        assert!(fixture.allows(1000));
        assert!(fixture.crowd(12, 50).allows(0));
    }

    #[test]
    fn without_a_past_a_request_is_taken_to_last_a_second() {
        let now = Instant::now();
        let mut fixture = Fixture { shedder: Shedder::new(900, now), now };
        assert_eq!(fixture.shedder.most_flying(now), 10.0); // one in 100 ms, each for 1000 ms

        fixture.crowd(1, 0).shedder.end(now, Some(Duration::from_millis(20)));
        assert_eq!(fixture.shedder.most_flying(now), 10.0, "the slice is still going on");
        assert_eq!(fixture.shedder.most_flying(now + SLICE), 1.0, "0.2, but at least one");
    }

    #[test]
    fn a_failure_ends_without_a_latency() {
        let mut fixture = Fixture::new();
        let now = fixture.now;
        fixture.crowd(1, 0).shedder.end(now, None);
        assert_eq!(fixture.shedder.flying, 0);
        assert_eq!(fixture.shedder.most_flying(fixture.now + SLICE), 10.0);
    }
}
