use std::future::poll_fn;

use futures_util::FutureExt;

use crate::outbox::Outbox;

/// Runs a handler turn by turn: what it sends in one poll goes out in one write, at the end of that poll.
///
/// So a handler that answers all that has come in costs one write, and nothing that was sent waits while it does something
/// else. It holds for whatever the handler does in its own task, also in several futures of it.
pub(crate) fn turn_by_turn<F: Future + Unpin>(
    outbox: &Outbox,
    mut handler: F,
) -> impl Future<Output = F::Output> + Unpin {
    poll_fn(move |cx| {
        let turn = Turn::begin(outbox);
        let polled = handler.poll_unpin(cx);
        drop(turn);
        outbox.flush_turn(cx);
        polled
    })
}

/// Ends also where the handler panics: another task may have a half of the socket.
struct Turn<'a>(&'a Outbox);

impl<'a> Turn<'a> {
    fn begin(outbox: &'a Outbox) -> Self {
        outbox.set_corked(true);
        Self(outbox)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.set_corked(false);
    }
}
