//! Writes a line of statistics each minute, go-zero's middleware `metrics`.
//!
//! | field | what it is |
//! |---|---|
//! | `qps` | the requests that came to the handlers, a second |
//! | `drops` | those that the breaker or the shedding rejected in the minute |
//! | `avg`, `med`, `p90`, `p99`, `p999` | the times to the responses' heads, in milliseconds |
//! | `cpu` | its use at the end of the minute in thousandths, where shedding watches it |
//!
//! Where nothing came and nothing was dropped, there is no line. An engine that stops writes one for the part of the minute.
//! A time is known to a sixteenth of it, and 71 minutes are the longest.
//!
//! - **Switch**: `Middlewares.Metrics`, on; `Log.Stat`, on, silences the line.
//! - **Config**: none.
//! - **Limits**: what a minute holds is 464 numbers, however many the requests.
//! - **Answers**: none of its own.
//! - **Metric**: none; the line is in the log, and in the file `stat.log` where there are files.
//! - **go-zero**: the same line; there every request's time is kept until the minute is over, and sent to `MetricsUrl`.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::{Instant, interval_at};
use tower::{Layer, Service};

use super::shedding::Shedding;
use crate::logging::STAT;
use crate::shutdown::Stopping;
use crate::{Request, Response, RestConf};

/// What the chains of one engine count in a minute.
#[derive(Clone, Default)]
pub(crate) struct Stat(Option<Arc<Counts>>);

struct Counts {
    name: String,
    drops: AtomicU64,
    /// Microseconds.
    sum: AtomicU64,
    times: [AtomicU32; BUCKETS],
}

impl Stat {
    pub(crate) fn new(conf: &RestConf) -> Self {
        let is_on = conf.middlewares.metrics && conf.log.stat;
        Self(is_on.then(|| {
            Arc::new(Counts {
                name: conf.name.clone(),
                drops: AtomicU64::new(0),
                sum: AtomicU64::new(0),
                times: std::array::from_fn(|_| AtomicU32::new(0)),
            })
        }))
    }

    /// Counts a request that did not come to its handler.
    pub(super) fn dropped(&self) {
        if let Some(counts) = &self.0 {
            counts.drops.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes the lines until the engine drains.
    pub(crate) async fn report(self, shedding: Option<Shedding>, mut stopping: Stopping) {
        let Some(counts) = self.0 else { return };
        let mut begin = Instant::now();
        let mut minutes = interval_at(begin + MINUTE, MINUTE);
        let mut is_last = false;
        while !is_last {
            tokio::select! {
                _ = minutes.tick() => {}
                () = stopping.draining() => is_last = true,
            }
            let now = Instant::now();
            if let Some(summary) = counts.take(now - begin) {
                summary.log(&counts.name, shedding.as_ref().map(Shedding::cpu));
            }
            begin = now;
        }
    }
}

impl Counts {
    fn observe(&self, time: Duration) {
        let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        self.sum.fetch_add(micros.into(), Ordering::Relaxed);
        self.times[bucket(micros)].fetch_add(1, Ordering::Relaxed);
    }

    /// Sums up what was counted in this time, and begins anew.
    fn take(&self, elapsed: Duration) -> Option<Summary> {
        let times: Vec<_> = self.times.iter().map(|count| count.swap(0, Ordering::Relaxed)).collect();
        let drops = self.drops.swap(0, Ordering::Relaxed);
        let sum = self.sum.swap(0, Ordering::Relaxed);
        let requests: u64 = times.iter().copied().map(u64::from).sum();
        if requests == 0 && drops == 0 {
            return None;
        }
        let quantile = |part: f64| {
            let rank = (requests as f64 * part).ceil();
            let mut below = 0.0;
            let found = times.iter().position(|count| {
                below += f64::from(*count);
                below >= rank
            });
            found.map_or(0.0, middle) / 1000.0
        };
        Some(Summary {
            qps: requests as f64 / elapsed.as_secs_f64().max(f64::EPSILON),
            drops,
            avg: sum as f64 / requests.max(1) as f64 / 1000.0,
            quantiles: if requests == 0 { [0.0; 4] } else { [0.5, 0.9, 0.99, 0.999].map(quantile) },
        })
    }
}

/// A minute in numbers; times are milliseconds.
struct Summary {
    qps: f64,
    drops: u64,
    avg: f64,
    quantiles: [f64; 4],
}

impl Summary {
    fn log(&self, name: &str, cpu: Option<u32>) {
        let [qps, avg, med, p90, p99, p999] = {
            let [med, p90, p99, p999] = self.quantiles;
            [self.qps, self.avg, med, p90, p99, p999].map(|number| (number * 10.0).round() / 10.0)
        };
        tracing::info!(target: STAT, name, qps, drops = self.drops, avg, med, p90, p99, p999, cpu, "stat");
    }
}

/// Sixteen buckets from each power of two to the next.
fn bucket(micros: u32) -> usize {
    let Some(above) = micros.checked_ilog2().and_then(|power| power.checked_sub(4)) else {
        return micros as usize;
    };
    (above as usize) * 16 + (micros >> above) as usize
}

fn middle(bucket: usize) -> f64 {
    if bucket < 32 {
        return bucket as f64;
    }
    let width = (1_u64 << (bucket / 16 - 1)) as f64;
    (16 + bucket % 16) as f64 * width + width / 2.0
}

#[derive(Clone)]
pub(crate) struct StatLayer(pub(crate) Stat);

#[derive(Clone)]
pub(crate) struct Timed<T> {
    counts: Option<Arc<Counts>>,
    inner: T,
}

impl<T> Layer<T> for StatLayer {
    type Service = Timed<T>;

    fn layer(&self, inner: T) -> Timed<T> {
        Timed { counts: self.0.0.clone(), inner }
    }
}

impl<T> Service<Request> for Timed<T>
where
    T: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = ResponseFuture<T::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let timer = self.counts.clone().map(|counts| (counts, Instant::now()));
        ResponseFuture { answer: self.inner.call(request), timer }
    }
}

pin_project! {
    pub(crate) struct ResponseFuture<F> {
        #[pin]
        answer: F,
        timer: Option<(Arc<Counts>, Instant)>,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for ResponseFuture<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.answer.poll(cx));
        if let Some((counts, begin)) = this.timer {
            counts.observe(begin.elapsed());
        }
        Poll::Ready(answer)
    }
}

/// Up to 2^32 microseconds.
const BUCKETS: usize = 29 * 16;
const MINUTE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn counts() -> Arc<Counts> {
        Stat::new(&RestConf::default()).0.unwrap()
    }

    #[test]
    fn a_minute_is_summed_up_and_forgotten() {
        let counts = counts();
        for ms in 1..=1000 {
            counts.observe(Duration::from_millis(ms));
        }
        counts.drops.fetch_add(3, Ordering::Relaxed);

        let summary = counts.take(MINUTE).unwrap();
        assert!((summary.qps - 1000.0 / 60.0).abs() < 1e-9, "{}", summary.qps);
        assert_eq!(summary.drops, 3);
        assert!((summary.avg - 500.5).abs() < 1e-9, "{}", summary.avg);
        for (actual, exact) in summary.quantiles.into_iter().zip([500.0, 900.0, 990.0, 999.0]) {
            assert!((actual - exact).abs() <= exact / 16.0, "{actual}, not {exact}");
        }
        assert!(counts.take(MINUTE).is_none(), "nothing came since");
    }

    #[test]
    fn drops_alone_are_a_line_too() {
        let counts = counts();
        counts.drops.fetch_add(1, Ordering::Relaxed);
        let summary = counts.take(MINUTE).unwrap();
        assert_eq!((summary.drops, summary.avg, summary.quantiles), (1, 0.0, [0.0; 4]));
    }

    #[test]
    fn every_time_has_a_bucket_that_is_near() {
        for micros in [0, 1, 15, 16, 31, 32, 33, 1000, 65_535, 65_536, 1_000_000, u32::MAX] {
            let middle = middle(bucket(micros));
            assert!((middle - f64::from(micros)).abs() <= f64::from(micros) / 16.0, "{micros} is {middle}");
        }
        assert_eq!(bucket(u32::MAX), BUCKETS - 1);
    }

    #[test]
    fn switches_turn_it_off() {
        let mut silent = RestConf::default();
        silent.log.stat = false;
        let mut off = RestConf::default();
        off.middlewares.metrics = false;
        assert!(Stat::new(&silent).0.is_none() && Stat::new(&off).0.is_none());
    }
}
