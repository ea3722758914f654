use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::error::Error;
use crate::outbox::{Outbox, Side};
use crate::prepared::Prepared;
use crate::stall::Stall;

/// Sends messages on a [`WebSocket`](crate::WebSocket) from any task. A clone sends on the same one.
///
/// It is made by [`WebSocket::sender`](crate::WebSocket::sender). Messages of one sender keep their order; those of several
/// go out in the order in which `send` got to queue them, each whole. It does not keep the connection open.
///
/// ```
/// use std::time::Duration;
///
/// use ws::{Error, WebSocket};
///
/// /// Says everything back, and a tick each second.
/// async fn echo_and_tick(mut socket: WebSocket) -> Result<(), Error> {
///     let sender = socket.sender();
///     tokio::spawn(async move {
///         while sender.send("tick").await.is_ok() {
///             tokio::time::sleep(Duration::from_secs(1)).await;
///         }
///     });
///     while let Some(message) = socket.recv().await? {
///         socket.send(message).await?;
///     }
///     Ok(())
/// }
/// # let _: rest::Route = ws::route("/echo", echo_and_tick);
/// ```
#[derive(Clone)]
pub struct Sender {
    outbox: Arc<Outbox>,
}

impl Sender {
    pub(crate) fn new(outbox: Arc<Outbox>) -> Self {
        Self { outbox }
    }

    /// Sends a message: returns when the socket has taken it. Waits while
    /// [`MaxQueuedBytes`](crate::WsConf::max_queued_bytes) or 64 messages are queued, or a
    /// [message in parts](crate::Writer::stream_text) is going out.
    ///
    /// # Errors
    ///
    /// When the socket is closed or breaks, or the peer takes no byte for
    /// [`WriteTimeout`](crate::WsConf::write_timeout).
    ///
    /// # Cancel safety
    ///
    /// A message whose `send` was dropped is either not sent at all or sent whole, with the next thing that is sent or
    /// received.
    pub async fn send(&self, message: impl Into<Prepared>) -> Result<(), Error> {
        let message = message.into();
        let (mut place, mut stall) = (None, None);
        std::future::poll_fn(|cx| self.poll_send(&message, &mut place, &mut stall, cx)).await
    }

    /// How long the last ping took to be answered; `None` before the first.
    pub fn rtt(&self) -> Option<Duration> {
        self.outbox.rtt()
    }

    /// Puts the message into the queue, if it is not there yet, and writes until the socket has taken it.
    fn poll_send(
        &self,
        message: &Prepared,
        place: &mut Option<u64>,
        stall: &mut Option<Stall>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        if place.is_none() {
            *place = self.outbox.try_feed(message)?;
        }
        if place.is_none() {
            // Before it is tried again, so that no room that is made meanwhile is missed.
            self.outbox.register(Side::Sender, cx);
            let _ = self.outbox.poll_flush(Side::Sender, cx)?;
            *place = self.outbox.try_feed(message)?;
        }
        let is_flushed = self.outbox.poll_flush(Side::Sender, cx)?.is_ready();
        match *place {
            Some(_) if is_flushed => Poll::Ready(Ok(())),
            Some(place) if self.outbox.has_written(place) => Poll::Ready(Ok(())),
            None if is_flushed => Poll::Pending, // a message in parts is going out, whose writer may take its time
            _ => Poll::Ready(Err(ready!(Stall::poll(stall, &self.outbox, cx)))),
        }
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}
