//! A client, reading and publishing.

use std::collections::VecDeque;
use std::fmt;
use std::future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;
use tokio::task::coop;

use crate::error::{Cause, Closed, Error, Evicted};
use crate::event::Event;
use crate::handle::{Connection, Handle};
use crate::identity::{ClientId, Identity};
use crate::join::{Join, Joined};
use crate::member::Parting;
use crate::message::Message;
use crate::name::{NameError, TopicName};
use crate::outlet::Outlet;
use crate::post::Post;
use crate::publisher::Publisher;
use crate::receipt::Receipt;
use crate::seats::Seats;

/// One connection: receives what is published in the topics that it is in, and publishes.
///
/// It is connected until it is dropped or evicted. Eviction ends reading only: an evicted client may still publish. When it is
/// dropped its user may return, and stays present for a while; [`close`](Client::close) says that it will not.
///
/// It waits in one place at a time: of all tasks that poll for messages or for eviction, the last one is woken. So keep
/// [`poll_events`](Client::poll_events), [`poll_evicted`](Client::poll_evicted) and the stream in one task. The
/// [`Sink`], the [`Handle`]s and the [`Publisher`]s are independent of that.
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
pub struct Client<M: Message> {
    seats: Seats<M>,
    /// What a reader of messages has to be told before it gets what is `held`.
    trouble: Option<Evicted>,
    held: VecDeque<M>,
    publisher: Publisher<M>,
    /// Whether the stream has ended.
    ended: bool,
    connection: Connection<M>,
}

impl<M: Message> Client<M> {
    pub(crate) fn new(connection: Connection<M>) -> Self {
        let publisher = connection.handle.hub().publisher();
        let (seats, held) = (Seats::new(), VecDeque::new());
        Self { seats, trouble: None, held, publisher, ended: false, connection }
    }

    /// The client's number.
    #[must_use]
    pub fn id(&self) -> ClientId {
        self.connection.handle.id()
    }

    /// Who it is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        self.connection.handle.identity()
    }

    /// Joins a topic: everything that is published there from now on is received, in the topic's order, and before it what
    /// [`Join`] asks for.
    ///
    /// Waits while the hub's queue is full. Cancel safe: if the future is dropped, the client is not in the topic.
    ///
    /// # Errors
    ///
    /// Fails if this is not a name for a topic, if the client is in it already or in as many as it may be, if it has been
    /// ended, and if the hub is closed.
    pub async fn join<T>(&mut self, topic: T, join: Join) -> Result<Joined, Error>
    where
        T: TryInto<TopicName>,
        NameError: From<T::Error>,
    {
        let (joined, seat) = self.connection.handle.join(topic, join).await?;
        self.seats.sit(seat.into_membership());
        Ok(joined)
    }

    pub(crate) async fn join_shared(&mut self) -> Result<(), Error> {
        let topic = self.connection.handle.hub().shared.topic.clone();
        let (_, seat) = self.connection.handle.join_named(topic, Join::new()).await?;
        self.seats.sit(seat.into_membership());
        Ok(())
    }

    /// Leaves a topic; nothing of it is received any more.
    ///
    /// # Errors
    ///
    /// Fails if the client is not in the topic.
    pub fn leave(&mut self, topic: &TopicName) -> Result<(), Error> {
        self.connection.handle.leave(topic)?;
        self.seats.leave(topic);
        Ok(())
    }

    /// Publishes in a topic, in which the client need not be, and returns its place there. See [`Handle::publish`].
    ///
    /// # Errors
    ///
    /// Fails if the hub is closed, if this is not a name for a topic, or if the message is too heavy.
    pub async fn publish<T>(&self, topic: T, post: impl Into<Post<M>>) -> Result<Receipt, Error>
    where
        T: TryInto<TopicName>,
        NameError: From<T::Error>,
    {
        self.connection.handle.publish(topic, post).await
    }

    /// Leaves for good: the user is not expected back, and others are told at once.
    pub fn close(self) {
        self.connection.inbox().leave_all(Parting::Clean);
    }

    /// Receives the next event; `None` when the hub is closed and everything has been read.
    ///
    /// Cancel safe: if the future is dropped before it is ready, nothing is lost.
    ///
    /// # Errors
    ///
    /// Fails if the client was ended by the hub. It stays so: each further call fails as well.
    pub async fn next_event(&mut self) -> Result<Option<Event<M>>, Evicted> {
        let mut next = None;
        future::poll_fn(|cx| self.poll_take(cx, 1, &mut |event| next = Some(event))).await?;
        Ok(next)
    }

    /// Appends what is new to `buffer`, `limit` events at most, and returns how many there were.
    ///
    /// 0 says that the hub is closed and everything has been read; with a `limit` of 0 it says nothing.
    ///
    /// # Errors
    ///
    /// Fails if the client was ended by the hub. It stays so: each further call fails as well.
    pub fn poll_events(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<Event<M>>,
        limit: usize,
    ) -> Poll<Result<usize, Evicted>> {
        self.poll_take(cx, limit, &mut |event| buffer.push(event))
    }

    /// Receives the next message; `None` when the hub is closed and everything has been read.
    ///
    /// For clients whose topics tell of nothing but messages, as those of [`Hub::register`](crate::Hub::register) do. Cancel
    /// safe: if the future is dropped before it is ready, no message is lost.
    ///
    /// # Errors
    ///
    /// Fails if the client was too slow, or was ended by the hub otherwise. It stays evicted: each further call fails as well.
    /// Also fails, once, with [`Cause::Gap`] where messages were lost for it, and with [`Cause::Unsubscribed`] where it was
    /// taken out of a topic.
    pub async fn recv(&mut self) -> Result<Option<M>, Evicted> {
        future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Appends what is new to `buffer`, `limit` messages at most, and returns how many there were.
    ///
    /// 0 says that the hub is closed and everything has been read; with a `limit` of 0 it says nothing.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<M>,
        limit: usize,
    ) -> Poll<Result<usize, Evicted>> {
        if let Some(trouble) = self.trouble.take() {
            return Poll::Ready(Err(trouble));
        }
        let held = self.held.len().min(limit);
        if held > 0 {
            buffer.extend(self.held.drain(..held));
            return Poll::Ready(Ok(held));
        }
        let (before, mut trouble, mut after) = (buffer.len(), None, VecDeque::new());
        let count = ready!(self.poll_take(cx, limit, &mut |event| match event {
            Event::Message { message, .. } | Event::Direct(message) => match trouble {
                None => buffer.push(message),
                Some(_) => after.push_back(message),
            },
            Event::Gap { from, to, .. } => trouble = trouble.or(Some(Evicted::gap(to - from + 1))),
            Event::Reset { .. } => trouble = trouble.or(Some(Evicted::gap(0))),
            Event::Left { .. } => trouble = trouble.or(Some(Evicted::new(Cause::Unsubscribed))),
        }))?;
        let Some(trouble) = trouble else { return Poll::Ready(Ok(count)) };
        self.held = after;
        if buffer.len() == before {
            return Poll::Ready(Err(trouble));
        }
        self.trouble = Some(trouble);
        Poll::Ready(Ok(buffer.len() - before))
    }

    /// Is ready once the client has been evicted; takes no message.
    ///
    /// For a task that is stuck with the messages it already has: it learns that waiting is pointless. Stays pending
    /// when the hub closes, since what was published before may still be delivered.
    pub fn poll_evicted(&mut self, cx: &mut Context<'_>) -> Poll<Evicted> {
        let inbox = self.connection.inbox();
        inbox.register(cx);
        inbox.ended().map_or(Poll::Pending, Poll::Ready)
    }

    /// Lets the hub's loops write to this outlet whenever the client has read all there was of a topic, instead of waking its
    /// task.
    ///
    /// The client's task reads on as before: it gets what the outlet did not take, and is pending while the outlet takes
    /// everything. Of several outlets the first counts.
    pub fn attach(&mut self, outlet: Arc<impl Outlet<M> + 'static>) {
        self.connection.inbox().attach(outlet);
        self.seats.look_again();
    }

    /// A handle that acts for this client, from any task.
    #[must_use]
    pub fn handle(&self) -> Handle<M> {
        self.connection.handle.clone()
    }

    /// A publisher into the hub's shared topic; it outlives the client.
    #[must_use]
    pub fn publisher(&self) -> Publisher<M> {
        self.publisher.clone()
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<M>, Evicted>> {
        let mut next = Vec::with_capacity(1);
        ready!(self.poll_recv_many(cx, &mut next, 1))?;
        Poll::Ready(Ok(next.pop()))
    }

    fn poll_take(
        &mut self,
        cx: &mut Context<'_>,
        limit: usize,
        take: &mut impl FnMut(Event<M>),
    ) -> Poll<Result<usize, Evicted>> {
        // A busy topic always has something new; this lets the other tasks of the thread run now and then.
        let coop = ready!(coop::poll_proceed(cx));
        let taken = ready!(self.seats.poll_take(self.connection.inbox(), cx, limit, take));
        coop.made_progress();
        Poll::Ready(taken)
    }
}

/// Nothing in it is pinned, whatever a message is.
impl<M: Message> Unpin for Client<M> {}

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

impl<M: Message> fmt::Debug for Client<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}
