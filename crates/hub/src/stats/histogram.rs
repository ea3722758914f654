//! How often a value was how large.

use std::fmt;
use std::time::Duration;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::counter::{Counted, Counter};

/// How often a value was how large, to a power of two.
///
/// It counts from the hub's beginning; [`since`](Self::since) makes of two of them what came in between. As JSON it is its count,
/// its sum, and the quantiles 0.5 and 0.99.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Histogram {
    buckets: [u64; BUCKETS],
    sum: u64,
}

impl Histogram {
    /// How many values there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Their sum.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// The value that so large a part of all does not exceed, 0.99 for instance, rounded up to a power of two; 0 if there was
    /// none.
    #[must_use]
    pub fn quantile(&self, part: f64) -> u64 {
        let count = self.count();
        self.buckets()
            .find(|(_, below)| count > 0 && *below as f64 >= part * count as f64)
            .map_or(if count == 0 { 0 } else { bound(BUCKETS - 1) }, |(bound, _)| bound)
    }

    /// For powers of two, from 1 on: how many values did not exceed it. The last one stands for all that are larger, too.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut below = 0;
        self.buckets.iter().enumerate().map(move |(index, count)| {
            below += count;
            (bound(index), below)
        })
    }

    /// What has come since an earlier one was taken.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut later = *self;
        later.sum = later.sum.wrapping_sub(earlier.sum);
        for (count, before) in later.buckets.iter_mut().zip(&earlier.buckets) {
            *count = count.saturating_sub(*before);
        }
        later
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: [0; BUCKETS], sum: 0 }
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let filled = self.buckets.iter().enumerate().filter(|(_, count)| **count > 0);
        f.debug_map().entries(filled.map(|(index, count)| (bound(index), count))).finish()
    }
}

impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Histogram", 4)?;
        fields.serialize_field("count", &self.count())?;
        fields.serialize_field("sum", &self.sum)?;
        fields.serialize_field("p50", &self.quantile(0.5))?;
        fields.serialize_field("p99", &self.quantile(0.99))?;
        fields.end()
    }
}

/// A histogram while it is counted, by one loop alone.
#[derive(Debug)]
pub(crate) struct Recorder {
    buckets: [Counter; BUCKETS],
    sum: Counter,
}

impl Recorder {
    pub(crate) fn record(&self, value: u64) {
        self.buckets[index(value)].add_alone(1);
        self.sum.set(self.sum.get().wrapping_add(value));
    }

    /// In nanoseconds.
    pub(crate) fn record_time(&self, time: Duration) {
        self.record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self { buckets: std::array::from_fn(|_| Counter::default()), sum: Counter::default() }
    }
}

impl Counted for Histogram {
    type Live = Recorder;

    fn gather(&mut self, live: &Recorder) {
        self.sum = self.sum.wrapping_add(live.sum.get());
        for (count, live) in self.buckets.iter_mut().zip(&live.buckets) {
            count.gather(live);
        }
    }
}

/// The bucket of a value: the first whose bound it does not exceed.
fn index(value: u64) -> usize {
    let bits = u64::BITS - value.saturating_sub(1).leading_zeros();
    (bits as usize).min(BUCKETS - 1)
}

fn bound(index: usize) -> u64 {
    1 << index
}

/// The last bound is 2^39: nine minutes in nanoseconds, half a terabyte.
const BUCKETS: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[u64]) -> Histogram {
        let recorder = Recorder::default();
        for value in values {
            recorder.record(*value);
        }
        let mut histogram = Histogram::default();
        histogram.gather(&recorder);
        histogram
    }

    #[test]
    fn a_value_counts_for_the_first_power_of_two_that_it_does_not_exceed() {
        for (value, bound) in [(0, 1), (1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (1024, 1024), (1025, 2048)] {
            assert_eq!(of(&[value]).quantile(1.0), bound, "{value}");
        }
        assert_eq!(of(&[u64::MAX]).quantile(0.5), 1 << 39);
    }

    #[test]
    fn a_quantile_is_not_exceeded_by_its_part_of_the_values() {
        let values: Vec<u64> = (1..=100).collect();
        let histogram = of(&values);
        assert_eq!((histogram.count(), histogram.sum()), (100, 5050));
        assert_eq!((histogram.quantile(0.5), histogram.quantile(0.99)), (64, 128));
        assert_eq!(Histogram::default().quantile(0.99), 0);
    }

    #[test]
    fn what_came_in_between_is_the_difference() {
        let between = of(&[1, 1000, 3, 3]).since(&of(&[1, 1000]));
        assert_eq!((between.count(), between.sum(), between.quantile(0.99)), (2, 6, 4));
    }

    #[test]
    fn as_json_it_is_its_count_its_sum_and_two_quantiles() {
        let json = serde_json::to_value(of(&[3, 3, 100])).unwrap();
        assert_eq!(json, serde_json::json!({"count": 3, "sum": 106, "p50": 4, "p99": 128}));
    }
}
