use std::sync::{Arc, PoisonError};
use std::task::{Wake, Waker};

use crate::sync::{AtomicWaker, Mutex, MutexGuard};

/// Whoever waits for a socket to take bytes: its reader, its writer, the task that runs its handler, and any number of
/// senders.
#[derive(Default)]
pub(crate) struct Wakers {
    pub(crate) reader: AtomicWaker,
    pub(crate) writer: AtomicWaker,
    pub(crate) handler: AtomicWaker,
    /// One per task that waits. Empty, and without memory, while none does.
    senders: Mutex<Vec<Waker>>,
}

impl Wakers {
    pub(crate) fn register_sender(&self, waker: &Waker) {
        let mut senders = self.senders();
        if !senders.iter().any(|known| known.will_wake(waker)) {
            senders.push(waker.clone());
        }
    }

    pub(crate) fn wake_senders(&self) {
        let senders = std::mem::take(&mut *self.senders());
        senders.into_iter().for_each(Waker::wake);
    }

    fn senders(&self) -> MutexGuard<'_, Vec<Waker>> {
        // Every change leaves the list whole, so that a panic elsewhere does not spoil it.
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.reader.wake();
        self.writer.wake();
        self.handler.wake();
        self.wake_senders();
    }
}
