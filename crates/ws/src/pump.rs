use std::fmt;
use std::future::{IntoFuture, pending};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hub::{Client, Evicted, Outlet, Publisher};

use crate::close::CloseFrame;
use crate::deflate::Deflater;
use crate::error::{Error, Kind};
use crate::message::Message;
use crate::outbox::Outbox;
use crate::prepared::Prepared;
use crate::reader::Reader;
use crate::socket::WebSocket;
use crate::source::{Source, drain, write_pump};

impl hub::Message for Prepared {
    fn weight(&self) -> usize {
        self.len()
    }
}

impl hub::backplane::Carried for Prepared {
    fn encode(&self) -> Vec<u8> {
        self.to_bytes()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Self::from_bytes(bytes)
    }
}

/// Pumps messages between a socket and a hub's client until either side ends.
///
/// What the socket's client says is published, and what the hub says is sent. See [`Pump`] for how it ends, and
/// [`Pump::inbound`] for having a say in what is published.
///
/// ```
/// use hub::Hub;
/// use rest::extract::State;
/// use ws::{Error, Prepared, WebSocket};
///
/// /// Everybody hears everybody.
/// async fn chat(socket: WebSocket, State(hub): State<Hub<Prepared>>) -> Result<(), Error> {
///     let client = hub.register().await.map_err(Error::peer)?;
///     ws::pump(socket, client).await
/// }
/// # let _: rest::Route<Hub<Prepared>> = ws::route("/ws", chat);
/// ```
pub fn pump(
    socket: WebSocket,
    client: Client<Prepared>,
) -> Pump<fn(Message) -> Result<Option<Prepared>, CloseFrame>> {
    Pump { socket, client, inbound: |message| Ok(Some(message.into())) }
}

/// A socket and a hub's client, to be run by `.await`.
///
/// It ends with `Ok` when the socket's client closes. It ends with an error, whose close frame the session sends, when
///
/// - the hub evicts the client, as it is too slow: 1013 with the reason. This is noticed also while a write is stuck;
/// - the hub is closed: 1001, after what was published before;
/// - the engine stops: 1001, after what was published before;
/// - it has lived for [`MaxLifetime`](crate::WsConf::max_lifetime): 1012, after what was published before;
/// - [`inbound`](Self::inbound) refuses a message: what it says;
/// - the socket fails: see [`Error`].
///
/// Everything happens on the caller's task, except that the hub's loop writes by itself into a socket that takes everything
/// at once. Reading never waits for writing; it waits for the hub, so that who talks faster
/// than the hub can take is slowed down by TCP.
#[must_use = "a pump does nothing unless awaited"]
pub struct Pump<F> {
    socket: WebSocket,
    client: Client<Prepared>,
    inbound: F,
}

impl<F> Pump<F> {
    /// Decides what is published for each received message: something, nothing (`Ok(None)`), or the connection's end.
    ///
    /// ```
    /// use ws::{CloseCode, CloseFrame, Message, Prepared};
    ///
    /// /// Takes short text, ignores blank one, and refuses anything else.
    /// fn line(message: Message) -> Result<Option<Prepared>, CloseFrame> {
    ///     let Message::Text(text) = message else {
    ///         return Err(CloseFrame::new(CloseCode::UNSUPPORTED, "text only"));
    ///     };
    ///     let line = text.trim();
    ///     Ok((!line.is_empty()).then(|| Prepared::text(line)))
    /// }
    /// # async fn chat(socket: ws::WebSocket, client: hub::Client<Prepared>) -> Result<(), ws::Error> {
    /// ws::pump(socket, client).inbound(line).await
    /// # }
    /// ```
    pub fn inbound<G>(self, inbound: G) -> Pump<G>
    where
        G: FnMut(Message) -> Result<Option<Prepared>, CloseFrame>,
    {
        Pump { socket: self.socket, client: self.client, inbound }
    }
}

impl<F> IntoFuture for Pump<F>
where
    F: FnMut(Message) -> Result<Option<Prepared>, CloseFrame> + Send + 'static,
{
    type Output = Result<(), Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { socket, client, inbound } = self;
        Box::pin(run(socket, client, inbound))
    }
}

async fn run<F>(socket: WebSocket, mut client: Client<Prepared>, inbound: F) -> Result<(), Error>
where
    F: FnMut(Message) -> Result<Option<Prepared>, CloseFrame>,
{
    let (mut reader, mut writer) = socket.split();
    let outbox = writer.outbox().clone();
    client.attach(outbox.clone());
    let publisher = client.publisher();
    let end = tokio::select! {
        end = read_pump(&mut reader, &outbox, publisher, inbound) => end,
        end = write_pump(&mut writer, &mut client) => end,
    };
    if matches!(end.as_ref().map_err(Error::kind), Err(Kind::Stopping | Kind::Aged)) {
        drain(&mut writer, &mut client).await?;
    }
    end
}

/// The way from the hub's loop into the socket, while the socket takes everything at once.
impl Outlet<Prepared> for Outbox {
    fn offer(&self, _first: u64, messages: &[Prepared]) -> usize {
        if self.deflater().is_some_and(Deflater::has_takeover) {
            return 0; // it is the writer's, which has the history and the time
        }
        if self.try_write(messages.iter()) { messages.len() } else { 0 }
    }
}

/// Publishes what comes in. Ends with `Ok` when the socket's client closes.
async fn read_pump<F>(
    reader: &mut Reader,
    outbox: &Outbox,
    publisher: Publisher<Prepared>,
    mut inbound: F,
) -> Result<(), Error>
where
    F: FnMut(Message) -> Result<Option<Prepared>, CloseFrame>,
{
    while let Some(message) = reader.recv().await? {
        let Some(prepared) = inbound(message)? else { continue };
        // Compresses it, where this client's messages are compressed: in the talker's time, not in the time of the hub's loop.
        outbox.frame(&prepared);
        if publisher.publish(prepared).await.is_err() {
            // The hub is closed. The other pump ends with that, when it has sent what was published before.
            return pending().await;
        }
    }
    Ok(())
}

impl Source for Client<Prepared> {
    type Item = Prepared;
    type End = Error;

    fn poll_items(
        &mut self,
        cx: &mut Context<'_>,
        items: &mut Vec<Prepared>,
        limit: usize,
    ) -> Poll<Result<(), Error>> {
        match ready!(self.poll_recv_many(cx, items, limit)) {
            Ok(0) => Poll::Ready(Err(hub_closed())),
            Ok(_) => Poll::Ready(Ok(())),
            Err(evicted) => Poll::Ready(Err(too_slow(evicted))),
        }
    }

    fn message(&self, item: Prepared) -> Option<Prepared> {
        Some(item)
    }

    fn poll_given_up(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        self.poll_evicted(cx).map(too_slow)
    }
}

fn too_slow(evicted: Evicted) -> Error {
    Kind::TooSlow(evicted.to_string()).into()
}

fn hub_closed() -> Error {
    Kind::HubClosed("the hub is closed").into()
}

impl<F> fmt::Debug for Pump<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pump").field("socket", &self.socket).finish_non_exhaustive()
    }
}
