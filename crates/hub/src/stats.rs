//! What a hub counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Declares the counters once: as what a loop counts by itself, as what others may read meanwhile, and as the sum.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What a loop counts, as plain numbers of its own.
        #[derive(Clone, Copy, Debug, Default)]
        pub(crate) struct Tally {
            $(pub(crate) $name: u64,)*
        }

        /// What a loop has counted, for others to read. The loop alone writes it.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $($name: AtomicU64,)*
        }

        impl Counters {
            pub(crate) fn publish(&self, tally: &Tally) {
                $(self.$name.store(tally.$name, Ordering::Relaxed);)*
            }
        }

        /// What a hub has counted, and what it holds, all its loops together. Taken without disturbing them.
        #[derive(Clone, Debug, Default, Eq, PartialEq)]
        #[non_exhaustive]
        pub struct Stats {
            $($(#[$doc])* pub $name: u64,)*
            /// How many commands wait for each loop.
            pub queued: Vec<usize>,
        }

        impl Stats {
            pub(crate) fn add(&mut self, counters: &Counters) {
                $(self.$name += counters.$name.load(Ordering::Relaxed);)*
            }
        }
    };
}

counters! {
    /// Clients that are connected.
    clients,
    /// Users who are.
    users,
    /// Topics that there are.
    topics,
    /// Members of them.
    members,
    /// Joins so far.
    joins,
    /// Leaves so far, whatever the cause.
    leaves,
    /// Messages published so far, notices of presence included.
    published,
    /// Publications that were retries, and not published again.
    duplicates,
    /// How often a member was offered what is new, and took all of it.
    offered,
    /// How often a member's task was woken instead.
    woken,
    /// Clients given up so far, as they were too slow.
    evicted,
    /// Joins so far that asked for what came after a position, and got it.
    recovered,
    /// Joins so far that did, and did not.
    unrecovered,
    /// Passes over a topic's members so far.
    passes,
    /// The time they took, in nanoseconds, pauses included.
    pass_nanos,
    /// The longest one, in nanoseconds, of the last minute or so; summed over the loops.
    longest_pass_nanos,
}

impl Tally {
    pub(crate) fn passed(&mut self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.passes += 1;
        self.pass_nanos += nanos;
        // Forgets slowly, so that one bad moment is not remembered for ever.
        self.longest_pass_nanos = (self.longest_pass_nanos - self.longest_pass_nanos / 1024).max(nanos);
    }
}
