//! A client, reading and publishing, and the publisher that can be taken from it.

use std::fmt;
use std::future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;
use tokio::sync::mpsc;
use tokio_util::sync::PollSender;

use crate::member::Membership;
use crate::shard::Command;
use crate::{Closed, Evicted, Message, Outlet};

/// Receives everything that is published in a hub, and publishes into it.
///
/// It is registered until it is dropped or evicted. Eviction ends reading only: an evicted client may still publish.
///
/// It waits in one place at a time: of all tasks that poll for messages or for eviction, the last one is woken. So keep
/// [`poll_recv_many`](Client::poll_recv_many), [`poll_evicted`](Client::poll_evicted) and the stream in one task. The
/// [`Sink`] and the [`Publisher`]s are independent of that.
///
/// # Examples
///
/// As a [`Stream`] it ends after the first error:
///
/// ```
/// use futures_util::StreamExt;
/// use hub::{Hub, HubConf};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hub = Hub::spawn(HubConf::default());
/// let client = hub.register().await?;
/// for number in 1..=3 {
///     hub.broadcast(number).await?;
/// }
/// hub.close().await;
///
/// let numbers: Vec<_> = client.collect().await;
/// assert_eq!(numbers, [Ok(1), Ok(2), Ok(3)]);
/// # Ok(())
/// # }
/// ```
pub struct Client<M> {
    membership: Membership<M>,
    publisher: Publisher<M>,
    /// Whether the stream has ended.
    ended: bool,
}

impl<M: Message> Client<M> {
    pub(crate) fn new(membership: Membership<M>, publisher: Publisher<M>) -> Self {
        Self { membership, publisher, ended: false }
    }

    /// Receives the next message; `None` when the hub is closed and everything has been read.
    ///
    /// Cancel safe: if the future is dropped before it is ready, no message is lost.
    ///
    /// # Errors
    ///
    /// Fails if the client was too slow. It stays evicted: each further call fails as well.
    pub async fn recv(&mut self) -> Result<Option<M>, Evicted> {
        future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Appends what is new to `buffer`, `limit` messages at most, and returns how many there were.
    ///
    /// 0 says that the hub is closed and everything has been read; with a `limit` of 0 it says nothing.
    ///
    /// # Errors
    ///
    /// Fails if the client was too slow. It stays evicted: each further call fails as well.
    pub fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<M>,
        limit: usize,
    ) -> Poll<Result<usize, Evicted>> {
        self.membership.poll_read(cx, limit, |message| buffer.push(message))
    }

    /// Is ready once the client has been evicted; takes no message.
    ///
    /// For a task that is stuck with the messages it already has: it learns that waiting is pointless. Stays pending
    /// when the hub closes, since what was published before may still be delivered.
    pub fn poll_evicted(&mut self, cx: &mut Context<'_>) -> Poll<Evicted> {
        self.membership.poll_evicted(cx)
    }

    /// Lets the hub's loop write to this outlet whenever the client has read all there was, instead of waking its task.
    ///
    /// The client's task reads on as before: it gets what the outlet did not take, and is pending while the outlet takes
    /// everything. Of several outlets the first counts.
    pub fn attach(&mut self, outlet: Arc<impl Outlet<M> + 'static>) {
        self.membership.attach(outlet);
    }

    /// A publisher into this client's hub; it outlives the client.
    #[must_use]
    pub fn publisher(&self) -> Publisher<M> {
        self.publisher.clone()
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<M>, Evicted>> {
        let mut next = None;
        ready!(self.membership.poll_read(cx, 1, |message| next = Some(message)))?;
        Poll::Ready(Ok(next))
    }
}

impl<M: Message> Stream for Client<M> {
    type Item = Result<M, Evicted>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let next = ready!(self.poll_recv(cx)).transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        Poll::Ready(next)
    }
}

/// Publishes as [`Publisher`] does. Closing the sink ends publishing; reading goes on.
impl<M: Message> Sink<M> for Client<M> {
    type Error = Closed;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        Pin::new(&mut self.publisher).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: M) -> Result<(), Closed> {
        Pin::new(&mut self.publisher).start_send(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        Pin::new(&mut self.publisher).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        Pin::new(&mut self.publisher).poll_close(cx)
    }
}

impl<M> fmt::Debug for Client<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// Publishes into a hub: the writing side of a [`Client`].
///
/// As a [`Sink`] it reserves a place in the hub's queue in `poll_ready`, which waits while that is full, and keeps it
/// until the message is sent. Flushing does nothing, as the hub takes what is in its queue by itself.
pub struct Publisher<M> {
    commands: PollSender<Command<M>>,
}

impl<M: Message> Publisher<M> {
    pub(crate) fn new(commands: mpsc::Sender<Command<M>>) -> Self {
        Self { commands: PollSender::new(commands) }
    }

    /// Sends a message to every client; the same as [`Hub::broadcast`](crate::Hub::broadcast).
    ///
    /// # Errors
    ///
    /// Fails if the hub is closed, or this publisher as a sink.
    pub async fn publish(&self, message: M) -> Result<(), Closed> {
        let commands = self.commands.get_ref().ok_or(Closed)?;
        commands.send(Command::publish(message)).await.map_err(|_| Closed)
    }
}

impl<M: Message> Sink<M> for Publisher<M> {
    type Error = Closed;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        self.commands.poll_reserve(cx).map_err(|_| Closed)
    }

    fn start_send(mut self: Pin<&mut Self>, message: M) -> Result<(), Closed> {
        // The channel takes a message into a reserved place even when nobody will ever receive it.
        if self.commands.get_ref().is_some_and(mpsc::Sender::is_closed) {
            return Err(Closed);
        }
        self.commands.send_item(Command::publish(message)).map_err(|_| Closed)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        self.commands.close();
        Poll::Ready(Ok(()))
    }
}

impl<M> Clone for Publisher<M> {
    fn clone(&self) -> Self {
        Self { commands: self.commands.clone() }
    }
}

impl<M> fmt::Debug for Publisher<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").finish_non_exhaustive()
    }
}
