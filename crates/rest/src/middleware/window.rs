use std::time::Duration;

use tokio::time::Instant;

/// The last `N` slices of time, each with its bucket of counts.
///
/// It keeps no clock: whoever asks says what time it is.
pub(crate) struct Window<B, const N: usize> {
    slice: Duration,
    begin: Instant,
    /// The slice that is going on, counted from `begin`.
    current: usize,
    /// That of slice `i` is at `i % N`.
    buckets: [B; N],
}

impl<B: Default, const N: usize> Window<B, N> {
    /// Creates a window of empty buckets, whose first slice begins now.
    pub(crate) fn new(slice: Duration, now: Instant) -> Self {
        Self { slice, begin: now, current: 0, buckets: std::array::from_fn(|_| B::default()) }
    }

    /// The bucket of the slice that is going on.
    pub(crate) fn bucket(&mut self, now: Instant) -> &mut B {
        self.roll(now);
        &mut self.buckets[self.current % N]
    }

    /// All buckets, from the oldest to the one before the slice that is going on, and that one.
    pub(crate) fn history(&mut self, now: Instant) -> (impl Iterator<Item = &B>, &B) {
        self.roll(now);
        let current = self.current % N;
        let (newer, older) = (&self.buckets[..current], &self.buckets[current + 1..]);
        (older.iter().chain(newer), &self.buckets[current])
    }

    /// Empties the buckets of the slices that have begun since. A clock that is behind does not turn it back.
    fn roll(&mut self, now: Instant) {
        let slices = now.saturating_duration_since(self.begin).as_nanos() / self.slice.as_nanos();
        let current = usize::try_from(slices).unwrap_or(usize::MAX).max(self.current);
        for begun in (self.current..current).take(N) {
            self.buckets[(begun + 1) % N] = B::default();
        }
        self.current = current;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLICE: Duration = Duration::from_millis(100);

    fn counts(window: &mut Window<u32, 3>, now: Instant) -> Vec<u32> {
        let (past, current) = window.history(now);
        past.chain([current]).copied().collect()
    }

    #[test]
    fn a_slice_is_forgotten_when_as_many_have_begun_after_it() {
        let begin = Instant::now();
        let mut window = Window::<u32, 3>::new(SLICE, begin);
        *window.bucket(begin) += 1;
        *window.bucket(begin + SLICE) += 2;
        *window.bucket(begin + 2 * SLICE - Duration::from_nanos(1)) += 2;

        assert_eq!(counts(&mut window, begin + SLICE), [0, 1, 4]);
        assert_eq!(counts(&mut window, begin + 2 * SLICE), [1, 4, 0]);
        assert_eq!(counts(&mut window, begin + 3 * SLICE), [4, 0, 0]);
        assert_eq!(counts(&mut window, begin + 4 * SLICE), [0, 0, 0]);
    }

    #[test]
    fn a_long_silence_empties_all_of_it() {
        let begin = Instant::now();
        let mut window = Window::<u32, 3>::new(SLICE, begin);
        for slice in 0..3 {
            *window.bucket(begin + slice * SLICE) += 1;
        }
        assert_eq!(counts(&mut window, begin + 1000 * SLICE), [0, 0, 0]);
    }

    #[test]
    fn a_clock_that_is_behind_counts_into_the_newest_slice() {
        let begin = Instant::now();
        let mut window = Window::<u32, 3>::new(SLICE, begin);
        *window.bucket(begin + 2 * SLICE) += 1;
        *window.bucket(begin) += 1;
        assert_eq!(counts(&mut window, begin + 2 * SLICE), [0, 0, 2]);
    }
}
