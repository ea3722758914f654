//! How much of a log something holds for: its newest messages, by count, bytes and age.

use std::time::Duration;

use tokio::time::Instant;

/// The offsets from a tail up to the log's head that are within three limits.
#[derive(Debug)]
pub(crate) struct Window {
    max_messages: usize,
    max_bytes: usize,
    max_age: Option<Duration>,
    /// The offset of the oldest message within. It only grows.
    tail: u64,
    count: usize,
    /// Wide, as one message may weigh as much as there is.
    bytes: u128,
    /// What moved the tail last.
    limit: Limit,
}

/// Which of the three something is beyond.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Limit {
    Count,
    Bytes,
    Age,
}

impl Window {
    /// Nothing is within if there may be no message at all; else the newest is, whatever it weighs, until it is too old.
    pub(crate) fn new(max_messages: usize, max_bytes: usize, max_age: Option<Duration>) -> Self {
        Self { max_messages, max_bytes, max_age, tail: 1, count: 0, bytes: 0, limit: Limit::Count }
    }

    pub(crate) fn tail(&self) -> u64 {
        self.tail
    }

    /// Which limit those are beyond that have just been passed.
    pub(crate) fn limit(&self) -> Limit {
        self.limit
    }

    pub(crate) fn max_age(&self) -> Option<Duration> {
        self.max_age
    }

    /// Begins anew with nothing within, at this offset.
    pub(crate) fn restart(&mut self, tail: u64) {
        (self.tail, self.count, self.bytes) = (tail, 0, 0);
    }

    /// One more message is in the log.
    pub(crate) fn push(&mut self, weight: usize) {
        self.count += 1;
        self.bytes += weight as u128;
    }

    /// Moves the tail on until count and bytes are within their limits.
    pub(crate) fn shrink(&mut self, weight: impl Fn(u64) -> usize) {
        loop {
            let limit = match () {
                () if self.count > self.max_messages => Limit::Count,
                () if self.count > 1 && self.bytes > self.max_bytes as u128 => Limit::Bytes,
                () => return,
            };
            self.pass(weight(self.tail), limit);
        }
    }

    /// Moves the tail on until the oldest message is not too old.
    pub(crate) fn expire(&mut self, now: Instant, entry: impl Fn(u64) -> Option<(usize, Instant)>) {
        let Some(max_age) = self.max_age else { return };
        while let Some((weight, at)) = entry(self.tail)
            && now.saturating_duration_since(at) >= max_age
        {
            self.pass(weight, Limit::Age);
        }
    }

    fn pass(&mut self, weight: usize, limit: Limit) {
        self.limit = limit;
        self.tail += 1;
        self.count -= 1;
        self.bytes -= weight as u128;
    }
}
