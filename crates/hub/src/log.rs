//! The log of a topic: its newest messages, bounded, shared by the loop that writes and the clients that read.
//!
//! Who reads is not known here: a reader brings its cursor.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use crate::Evicted;

/// Says what a message weighs; everything that goes through a hub is one.
///
/// It is cloned once per client, so cloning should be cheap: an [`Arc`], or a type that holds one. The hub's loop may drop
/// its last clone, so dropping must not block; a panic there closes the hub.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// #[derive(Clone)]
/// struct Line {
///     from: u64,
///     text: Arc<str>,
/// }
///
/// impl hub::Message for Line {
///     fn weight(&self) -> usize {
///         size_of::<Self>() + self.text.len()
///     }
/// }
/// # let line = Line { from: 1, text: "hello".into() };
/// # assert_eq!(hub::Message::weight(&line), size_of::<Line>() + 5);
/// ```
pub trait Message: Clone + Send + Sync + 'static {
    /// The bytes that this message keeps in memory, roughly; they count towards [`HubConf::max_bytes`].
    ///
    /// Must be cheap. Called once per message, by the task that publishes it.
    ///
    /// [`HubConf::max_bytes`]: crate::HubConf::max_bytes
    fn weight(&self) -> usize;
}

/// An append-only sequence of messages, of which the newest are kept.
///
/// The offset of a message is its place in the sequence. The log holds those from the tail up to the head, which is the
/// offset of the next one.
pub(crate) struct Log<M> {
    max_messages: usize,
    max_bytes: usize,
    ring: Mutex<Ring<M>>,
}

/// A message and what it weighed when it was published.
pub(crate) struct Entry<M> {
    pub(crate) message: M,
    pub(crate) weight: usize,
}

impl<M> Log<M> {
    pub(crate) fn new(max_messages: usize, max_bytes: usize) -> Self {
        let ring = Ring { entries: VecDeque::new(), tail: 0, bytes: 0, closed: false };
        Self { max_messages, max_bytes, ring: Mutex::new(ring) }
    }

    /// Appends entries, all under one lock, and returns the offsets that the log holds now.
    pub(crate) fn append(&self, entries: impl Iterator<Item = Entry<M>>) -> Range<u64> {
        let mut ring = self.lock();
        for entry in entries {
            ring.make_room(self.max_messages, self.max_bytes, entry.weight);
            ring.bytes += entry.weight;
            ring.entries.push_back(entry);
        }
        ring.tail..ring.head()
    }

    /// Passes the messages from the cursor on to `take`, and moves the cursor behind them.
    ///
    /// Pending while there are none, 0 at the end of a closed log. All under the lock, so that the tail cannot pass the
    /// cursor in between. A reader that could be live becomes it when there is nothing left to read: also under the lock, so
    /// that what is appended next is offered to it.
    pub(crate) fn read(
        &self,
        cursor: &AtomicU64,
        live: Option<&AtomicBool>,
        limit: usize,
        take: &mut impl FnMut(M),
    ) -> Poll<Result<usize, Evicted>>
    where
        M: Clone,
    {
        let ring = self.lock();
        let next = cursor.load(Ordering::Relaxed);
        ring.check(next)?;
        // A member that joined while messages were pending is ahead of the head until they are appended.
        let new = ring.head().saturating_sub(next);
        if new == 0 && limit > 0 && !ring.closed {
            if let Some(live) = live {
                live.store(true, Ordering::Release);
            }
            return Poll::Pending;
        }
        let first = ring.entries.len() - usize::try_from(new).unwrap_or(usize::MAX);
        let mut count = 0;
        for entry in ring.entries.range(first..).take(limit) {
            take(entry.message.clone());
            count += 1;
        }
        cursor.store(next + count as u64, Ordering::Relaxed);
        Poll::Ready(Ok(count))
    }

    /// Fails if the next message of this cursor is no longer in the log.
    pub(crate) fn check(&self, cursor: &AtomicU64) -> Result<(), Evicted> {
        self.lock().check(cursor.load(Ordering::Relaxed))
    }

    /// The offset of the next message.
    pub(crate) fn head(&self) -> u64 {
        self.lock().head()
    }

    /// Ends the log: what it holds can still be read.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    fn lock(&self) -> MutexGuard<'_, Ring<M>> {
        // Only a message's `clone` or `drop` can panic under the lock, and the ring is whole whenever they are called.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Ring<M> {
    entries: VecDeque<Entry<M>>,
    /// The offset of the oldest entry. It only grows.
    tail: u64,
    /// What the entries weigh.
    bytes: usize,
    closed: bool,
}

impl<M> Ring<M> {
    fn head(&self) -> u64 {
        self.tail + self.entries.len() as u64
    }

    fn check(&self, next: u64) -> Result<(), Evicted> {
        if next < self.tail { Err(Evicted::new(self.head() - next)) } else { Ok(()) }
    }

    /// Removes the oldest until one more of this weight fits, or none is left.
    fn make_room(&mut self, max_messages: usize, max_bytes: usize, weight: usize) {
        while self.entries.len() >= max_messages || self.bytes.saturating_add(weight) > max_bytes {
            let Some(oldest) = self.entries.pop_front() else {
                return;
            };
            self.tail += 1;
            self.bytes -= oldest.weight;
        }
    }
}

impl Message for String {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.capacity()
    }
}

impl Message for &'static str {
    fn weight(&self) -> usize {
        size_of::<Self>()
    }
}

impl Message for Vec<u8> {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.capacity()
    }
}

impl Message for Arc<str> {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.len()
    }
}

impl Message for Arc<[u8]> {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.len()
    }
}

impl<M: Message> Message for Arc<M> {
    fn weight(&self) -> usize {
        size_of::<Self>() + M::weight(self)
    }
}

macro_rules! integers {
    ($($integer:ty)*) => {$(
        impl Message for $integer {
            fn weight(&self) -> usize {
                size_of::<Self>()
            }
        }
    )*};
}

integers! { u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize }

#[cfg(test)]
mod tests {
    use super::*;

    fn log(max_messages: usize, max_bytes: usize, weights: &[usize]) -> (Log<usize>, Range<u64>) {
        let log = Log::new(max_messages, max_bytes);
        let entries = weights.iter().enumerate().map(|(message, &weight)| Entry { message, weight });
        let kept = log.append(entries);
        (log, kept)
    }

    fn read(log: &Log<usize>, cursor: &AtomicU64, limit: usize) -> Poll<Result<Vec<usize>, Evicted>> {
        let mut messages = Vec::new();
        let count = log.read(cursor, None, limit, &mut |message| messages.push(message));
        count.map_ok(|count| {
            assert_eq!(count, messages.len());
            messages
        })
    }

    #[test]
    fn the_newest_messages_are_kept_by_count() {
        assert_eq!(log(3, 100, &[1, 1, 1, 1, 1]).1, 2..5);
    }

    #[test]
    fn the_newest_messages_are_kept_by_weight() {
        assert_eq!(log(10, 100, &[10, 40, 40, 20]).1, 1..4);
    }

    #[test]
    fn the_newest_message_is_kept_even_if_it_is_too_heavy() {
        let (log, kept) = log(10, 100, &[10, 10, usize::MAX]);
        assert_eq!(kept, 2..3);
        assert_eq!(log.append([Entry { message: 3, weight: 1 }].into_iter()), 3..4);
        assert_eq!(log.lock().bytes, 1);
    }

    #[test]
    fn a_reader_gets_what_is_new_up_to_its_limit() {
        let (log, _) = log(10, 100, &[1, 1, 1]);
        let cursor = AtomicU64::new(0);

        assert_eq!(read(&log, &cursor, 2), Poll::Ready(Ok(vec![0, 1])));
        assert_eq!(read(&log, &cursor, 2), Poll::Ready(Ok(vec![2])));
        assert_eq!(read(&log, &cursor, 2), Poll::Pending);
        assert_eq!(read(&log, &cursor, 0), Poll::Ready(Ok(vec![])));
    }

    #[test]
    fn a_reader_ahead_of_the_head_waits_until_the_log_is_there() {
        let (log, _) = log(10, 100, &[1]);
        let cursor = AtomicU64::new(2);

        assert_eq!(read(&log, &cursor, 10), Poll::Pending);
        log.append((1..4).map(|message| Entry { message, weight: 1 }));
        assert_eq!(read(&log, &cursor, 10), Poll::Ready(Ok(vec![2, 3])));
    }

    #[test]
    fn a_reader_that_fell_off_the_tail_gets_nothing_of_the_rest() {
        let (log, _) = log(2, 100, &[1, 1, 1]);
        let cursor = AtomicU64::new(0);

        assert_eq!(read(&log, &cursor, 10), Poll::Ready(Err(Evicted::new(3))));
        assert_eq!(log.check(&cursor), Err(Evicted::new(3)));
        assert_eq!(cursor.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_closed_log_is_read_to_its_end() {
        let (log, _) = log(10, 100, &[1, 1]);
        let cursor = AtomicU64::new(1);
        log.close();

        assert_eq!(read(&log, &cursor, 10), Poll::Ready(Ok(vec![1])));
        assert_eq!(read(&log, &cursor, 10), Poll::Ready(Ok(vec![])));
    }
}
