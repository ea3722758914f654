use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::Sink;
use tokio::time::{Sleep, sleep};

use crate::deflate::History;
use crate::end::End;
use crate::error::{Error, Kind};
use crate::outbox::{MAX_BATCH_MESSAGES, Outbox, Side};
use crate::prepared::Prepared;

/// The outbound half of a [`WebSocket`](crate::WebSocket).
///
/// [`send`](Self::send) writes one message at once. As a [`Sink`] it collects up to 64 messages and writes them together
/// when it is flushed.
pub struct Writer {
    outbox: Arc<Outbox>,
    timeout: Duration,
    /// Where compression with context takeover was agreed on.
    history: History,
    /// There while the socket takes nothing.
    stall: Option<Stall>,
}

/// A write that does not go on.
struct Stall {
    /// How many bytes the socket had taken when the time began.
    sent: u64,
    deadline: Pin<Box<Sleep>>,
}

impl Writer {
    /// Sends a message: returns when the socket has taken it.
    ///
    /// # Errors
    ///
    /// When the socket is closed or breaks, or the peer takes no byte for
    /// [`WriteTimeout`](crate::WsConf::write_timeout).
    ///
    /// # Cancel safety
    ///
    /// A message whose `send` was dropped is either not sent at all or sent whole, with the next thing that is sent or
    /// received. At most 64 such messages are kept; further calls wait.
    pub async fn send(&mut self, message: impl Into<Prepared>) -> Result<(), Error> {
        // There is room, but for what dropped calls have left behind.
        std::future::poll_fn(|cx| self.poll_room(cx)).await?;
        self.feed(message)?;
        self.flush().await
    }

    /// Queues a message for the next [`flush`](Self::flush). The queue's bound is its callers' affair.
    pub(crate) fn feed(&mut self, message: impl Into<Prepared>) -> Result<(), Error> {
        let message = message.into();
        let frame = match self.outbox.deflater() {
            Some(deflater) if deflater.has_takeover() => deflater.own(&mut self.history, &message),
            _ => self.outbox.frame(&message),
        };
        self.outbox.push(frame)
    }

    /// Writes all that is queued. Cancel safe.
    pub(crate) async fn flush(&mut self) -> Result<(), Error> {
        std::future::poll_fn(|cx| self.poll_write(cx)).await
    }

    /// Drops what is queued and not being written yet. Nothing but a close may follow: with context takeover the client could
    /// not read it.
    pub(crate) fn discard(&mut self) {
        self.outbox.clear();
    }

    pub(crate) fn new(outbox: Arc<Outbox>, timeout: Duration) -> Self {
        Self { outbox, timeout, history: History::default(), stall: None }
    }

    pub(crate) fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// Ready when the queue has room for a message.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.outbox.queued() < MAX_BATCH_MESSAGES {
            return Poll::Ready(Ok(()));
        }
        self.poll_write(cx)
    }

    /// Writes all that is queued; fails when the peer takes nothing for too long.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if let Poll::Ready(written) = self.outbox.poll_flush(Side::Writer, cx) {
            self.stall = None;
            return Poll::Ready(written.map_err(Error::from));
        }
        loop {
            let sent = self.outbox.sent().bytes;
            let timeout = self.timeout;
            let stall = self.stall.get_or_insert_with(|| Stall { sent, deadline: Box::pin(sleep(timeout)) });
            ready!(stall.deadline.as_mut().poll(cx));
            if stall.sent == sent {
                return Poll::Ready(Err(Kind::Timeout(End::WriteTimeout, timeout).into()));
            }
            self.stall = None; // it is slow, but it goes on
        }
    }
}

impl<M: Into<Prepared>> Sink<M> for Writer {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_room(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: M) -> Result<(), Error> {
        self.feed(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_write(cx)
    }

    /// Flushes. The close is the session's, when the handler ends.
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_write(cx)
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}
