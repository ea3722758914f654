use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Sleep, sleep};

use crate::end::End;
use crate::error::{Error, Kind};
use crate::outbox::Outbox;

/// A write that does not go on. There while the socket takes nothing, so that an idle connection has no timer for it.
pub(crate) struct Stall {
    /// How many bytes the socket had taken when the time began.
    sent: u64,
    deadline: Pin<Box<Sleep>>,
}

impl Stall {
    /// Ready when the socket has taken no byte for `WriteTimeout`; to be polled while it takes none.
    pub(crate) fn poll(stall: &mut Option<Self>, outbox: &Outbox, cx: &mut Context<'_>) -> Poll<Error> {
        let timeout = outbox.write_timeout();
        loop {
            let sent = outbox.sent().bytes;
            let begun = stall.get_or_insert_with(|| Self { sent, deadline: Box::pin(sleep(timeout)) });
            ready!(begun.deadline.as_mut().poll(cx));
            if begun.sent == sent {
                return Poll::Ready(Kind::Timeout(End::WriteTimeout, timeout).into());
            }
            *stall = None; // it is slow, but it goes on
        }
    }
}
