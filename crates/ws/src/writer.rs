use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::Sink;

use crate::error::Error;
use crate::message_writer::MessageWriter;
use crate::outbox::{Outbox, Side};
use crate::prepared::Prepared;
use crate::sender::Sender;
use crate::stall::Stall;

/// The outbound half of a [`WebSocket`](crate::WebSocket).
///
/// As a [`Sink`] it collects up to 64 messages and writes them together when it is flushed.
pub struct Writer {
    outbox: Arc<Outbox>,
    /// There while the socket takes nothing.
    stall: Option<Stall>,
}

impl Writer {
    /// Sends a message: it goes out with whatever else the handler sends in the same turn, in one write, when the handler next
    /// waits for anything.
    ///
    /// That is so while a route's session, or [`WebSocket::run`](crate::WebSocket::run), runs a handler. Otherwise, and where the
    /// socket has not taken what was sent before, or 64 KiB are queued, it returns when the socket has taken the message: who
    /// sends faster than the peer reads is slowed down. [`flush`](Self::flush) writes at once, for instance before a long
    /// computation.
    ///
    /// # Errors
    ///
    /// When the socket is closed or breaks, or the peer takes no byte for
    /// [`WriteTimeout`](crate::WsConf::write_timeout).
    ///
    /// # Cancel safety
    ///
    /// A message whose `send` was dropped is either not sent at all or sent whole, with the next thing that is sent or
    /// received. At most 64 such messages, and [`MaxQueuedBytes`](crate::WsConf::max_queued_bytes), are kept; further calls
    /// wait.
    pub async fn send(&mut self, message: impl Into<Prepared>) -> Result<(), Error> {
        // There is room, but for what dropped calls have left behind, and what senders have queued.
        self.room().await?;
        self.feed(message)?;
        if self.outbox.may_hold() {
            return Ok(());
        }
        self.flush().await
    }

    /// Queues a message for the next [`flush`](Self::flush). The queue's bound is its callers' affair.
    pub(crate) fn feed(&mut self, message: impl Into<Prepared>) -> Result<(), Error> {
        self.outbox.feed(message.into())
    }

    /// Begins a text that is sent in parts.
    ///
    /// ```
    /// # async fn example(mut writer: ws::Writer) -> Result<(), ws::Error> {
    /// let mut story = writer.stream_text().await?;
    /// for line in ["Once upon a time", " there was a socket."] {
    ///     story.write(line).await?;
    /// }
    /// story.finish().await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send). Nothing is sent yet.
    pub async fn stream_text(&mut self) -> Result<MessageWriter<'_, str>, Error> {
        self.room().await?;
        let deflate = self.outbox.begin_stream();
        Ok(MessageWriter::text(self, deflate))
    }

    /// Begins a binary message that is sent in parts; see [`stream_text`](Self::stream_text).
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send). Nothing is sent yet.
    pub async fn stream_binary(&mut self) -> Result<MessageWriter<'_, [u8]>, Error> {
        self.room().await?;
        let deflate = self.outbox.begin_stream();
        Ok(MessageWriter::binary(self, deflate))
    }

    /// Makes a sender, for other tasks.
    pub fn sender(&self) -> Sender {
        Sender::new(self.outbox.clone())
    }

    /// Waits until the queue has room.
    pub(crate) async fn room(&mut self) -> Result<(), Error> {
        std::future::poll_fn(|cx| self.poll_room(cx)).await
    }

    /// Writes at once what is queued, and returns when the socket has taken it. Cancel safe.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub async fn flush(&mut self) -> Result<(), Error> {
        std::future::poll_fn(|cx| self.poll_write(cx)).await
    }

    /// Drops what is queued and not being written yet. Nothing but a close may follow: with context takeover the client could
    /// not read it.
    pub(crate) fn discard(&mut self) {
        self.outbox.clear();
    }

    pub(crate) fn new(outbox: Arc<Outbox>) -> Self {
        Self { outbox, stall: None }
    }

    pub(crate) fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// Ready when the queue has room for a message.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.outbox.has_room() {
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
        Poll::Ready(Err(ready!(Stall::poll(&mut self.stall, &self.outbox, cx))))
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
