//! Numbers that a loop or a client's task writes, and anybody may read meanwhile.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that others read while it is counted.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// For what several tasks count. A number that wraps around is taken away.
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// For what a loop alone counts: as cheap as a plain number.
    pub(crate) fn add_alone(&self, more: u64) {
        self.set(self.get() + more);
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// What can be read, and what it is while it is counted.
pub(crate) trait Counted {
    type Live: Default;

    /// Adds what has been counted.
    fn gather(&mut self, live: &Self::Live);
}

impl Counted for u64 {
    type Live = Counter;

    fn gather(&mut self, live: &Counter) {
        *self += live.get();
    }
}

/// Declares counters that belong together and differ in their cause.
macro_rules! causes {
    ($(#[$doc:meta])* $name:ident, $live:ident { $($(#[$of:meta])+ $cause:ident,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Serialize)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$of])+ pub $cause: u64,)+
        }

        impl $name {
            /// All of them.
            #[must_use]
            pub fn total(&self) -> u64 {
                0 $(+ self.$cause)+
            }

            /// Each cause with its number.
            pub fn each(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
                [$((stringify!($cause), self.$cause)),+].into_iter()
            }
        }

        /// The same, while it is counted.
        #[derive(Debug, Default)]
        pub(crate) struct $live {
            $(pub(crate) $cause: Counter,)+
        }

        impl Counted for $name {
            type Live = $live;

            fn gather(&mut self, live: &$live) {
                $(self.$cause.gather(&live.$cause);)+
            }
        }
    };
}

pub(crate) use causes;
