//! What the halves of a socket share is made of. In the tests of their interleavings it is loom's, which tries all orders.

#[cfg(not(all(test, feature = "_loom")))]
pub(crate) use self::real::{AtomicBool, AtomicU64, AtomicWaker, Mutex, MutexGuard};

#[cfg(all(test, feature = "_loom"))]
pub(crate) use self::model::{AtomicBool, AtomicU64, AtomicWaker, Mutex, MutexGuard};

#[cfg(not(all(test, feature = "_loom")))]
mod real {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64};
    pub(crate) use std::sync::{Mutex, MutexGuard};

    pub(crate) use futures_util::task::AtomicWaker;
}

#[cfg(all(test, feature = "_loom"))]
mod model {
    use std::task::Waker;

    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64};
    pub(crate) use loom::sync::{Mutex, MutexGuard};

    /// loom's, by the names that the real one has.
    #[derive(Debug, Default)]
    pub(crate) struct AtomicWaker(loom::future::AtomicWaker);

    impl AtomicWaker {
        pub(crate) fn register(&self, waker: &Waker) {
            self.0.register_by_ref(waker);
        }

        pub(crate) fn wake(&self) {
            self.0.wake();
        }
    }
}
