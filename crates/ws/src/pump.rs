use std::fmt;
use std::future::{IntoFuture, poll_fn};
use std::pin::Pin;

use futures_util::FutureExt;
use hub::{Client, Evicted, Publisher};

use crate::close::{CloseCode, CloseFrame};
use crate::error::Error;
use crate::message::Message;
use crate::outbox::MAX_BATCH_MESSAGES;
use crate::prepared::Prepared;
use crate::reader::Reader;
use crate::socket::WebSocket;
use crate::writer::Writer;

impl hub::Message for Prepared {
    fn weight(&self) -> usize {
        self.len()
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
/// - [`inbound`](Self::inbound) refuses a message: what it says;
/// - the socket fails: see [`Error`].
///
/// Everything happens on the caller's task. Reading never waits for writing; it waits for the hub, so that who talks faster
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
    let publisher = client.publisher();
    let end = tokio::select! {
        end = read_pump(&mut reader, publisher, inbound) => end,
        end = write_pump(&mut writer, &mut client) => end,
    };
    if end.as_ref().is_err_and(Error::is_stopping) {
        drain(&mut writer, &mut client).await?;
    }
    end
}

/// Publishes what comes in. Ends with `Ok` when the socket's client closes.
async fn read_pump<F>(
    reader: &mut Reader,
    publisher: Publisher<Prepared>,
    mut inbound: F,
) -> Result<(), Error>
where
    F: FnMut(Message) -> Result<Option<Prepared>, CloseFrame>,
{
    while let Some(message) = reader.recv().await? {
        if let Some(prepared) = inbound(message)? {
            publisher.publish(prepared).await.map_err(|_closed| hub_closed())?;
        }
    }
    Ok(())
}

/// Sends what the hub says: all that is new in one write.
async fn write_pump(writer: &mut Writer, client: &mut Client<Prepared>) -> Result<(), Error> {
    loop {
        let mut new = Vec::new(); // not kept, so that a silent connection holds no memory of the last burst
        let received = poll_fn(|cx| client.poll_recv_many(cx, &mut new, MAX_BATCH_MESSAGES)).await;
        if received.map_err(too_slow)? == 0 {
            return Err(hub_closed());
        }
        write(writer, new, client).await?;
    }
}

/// Sends what was published up to now.
async fn drain(writer: &mut Writer, client: &mut Client<Prepared>) -> Result<(), Error> {
    loop {
        let mut new = Vec::new();
        let received = poll_fn(|cx| client.poll_recv_many(cx, &mut new, MAX_BATCH_MESSAGES)).now_or_never();
        if received.unwrap_or(Ok(0)).map_err(too_slow)? == 0 {
            return writer.flush().await;
        }
        write(writer, new, client).await?;
    }
}

/// Writes messages, unless the hub gives the client up in the meantime.
async fn write(
    writer: &mut Writer,
    messages: Vec<Prepared>,
    client: &mut Client<Prepared>,
) -> Result<(), Error> {
    for message in messages {
        writer.feed(message)?;
    }
    tokio::select! {
        biased;
        written = writer.flush() => written,
        evicted = poll_fn(|cx| client.poll_evicted(cx)) => {
            writer.discard(); // so that the reason is what comes next, if anything does
            Err(too_slow(evicted))
        }
    }
}

fn too_slow(evicted: Evicted) -> Error {
    CloseFrame::new(CloseCode::TRY_AGAIN_LATER, evicted.to_string()).into()
}

fn hub_closed() -> Error {
    CloseFrame::new(CloseCode::GOING_AWAY, "the hub is closed").into()
}

impl<F> fmt::Debug for Pump<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pump").field("socket", &self.socket).finish_non_exhaustive()
    }
}
