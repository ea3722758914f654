use std::fmt;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;

use crate::close::CloseFrame;
use crate::closing;
use crate::compression::Agreed;
use crate::conf::WsConf;
use crate::deflate::Deflater;
use crate::error::Error;
use crate::gate::Gate;
use crate::inbound::Inbound;
use crate::message::Message;
use crate::message_writer::MessageWriter;
use crate::metrics::Tally;
use crate::outbox::Outbox;
use crate::prepared::Prepared;
use crate::reader::Reader;
use crate::role::Role;
use crate::sender::Sender;
use crate::turn::turn_by_turn;
use crate::writer::Writer;

/// A WebSocket connection, the server's end or the client's.
///
/// A route's handler gets one as its first argument, and need not close it: however the handler ends, the session sends the
/// close that fits, waits for the peer's, and is done within [`CloseTimeout`](WsConf::close_timeout).
///
/// A client's has no session, and is closed by [`close`](Self::close). Dropping it cuts the connection; where
/// [`recv`](Self::recv) has failed, the close that fits has gone out before, as far as the peer took it without a wait.
///
/// ```
/// use ws::{Error, WebSocket};
///
/// /// Says everything back.
/// async fn echo(mut socket: WebSocket) -> Result<(), Error> {
///     while let Some(message) = socket.recv().await? {
///         socket.send(message).await?;
///     }
///     Ok(())
/// }
/// # let _: rest::Route = ws::route("/echo", echo);
/// ```
pub struct WebSocket {
    reader: Reader,
    writer: Writer,
    /// Apart, so that a socket is small where it is moved.
    handshake: Option<Box<Handshake>>,
}

/// What is known from the handshake.
struct Handshake {
    subprotocol: Option<String>,
    peer: Option<SocketAddr>,
}

impl WebSocket {
    /// Makes a server's socket of a connection whose handshake is done, for instance one end of
    /// [`tokio::io::duplex`] in a test.
    #[expect(clippy::unused_async, reason = "opening may come to wait, as tungstenite's does")]
    pub async fn from_raw(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, conf: WsConf) -> Self {
        Self::open(io, Role::Server, Arc::new(conf), None, None)
    }

    /// Makes a client's socket of a connection whose handshake is done, by whatever spoke HTTP on it.
    #[expect(clippy::unused_async, reason = "opening may come to wait, as tungstenite's does")]
    pub async fn from_raw_client(
        io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        conf: WsConf,
    ) -> Self {
        Self::open(io, Role::Client, Arc::new(conf), None, None)
    }

    /// As [`from_raw`](Self::from_raw), with the compression that was agreed on. Of a session, which counts it, and gets the
    /// inbound half back on drop.
    pub(crate) fn open(
        io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        role: Role,
        conf: Arc<WsConf>,
        agreed: Option<&Agreed>,
        session: Option<(oneshot::Sender<Box<Inbound>>, Box<Tally>)>,
    ) -> Self {
        let (home, tally) = session.unzip();
        let deflater = agreed.and_then(|agreed| Deflater::new(agreed.outbound(role), &conf.compression));
        let outbox = Arc::new(Outbox::new(io, role, deflater, &conf));
        let writer = Writer::new(outbox.clone());
        let inbound = Inbound::new(Gate::new(outbox.clone(), &conf, agreed), outbox, conf, tally);
        Self { reader: Reader::new(inbound, home), writer, handshake: None }
    }

    pub(crate) fn outbox(&self) -> &Arc<Outbox> {
        self.writer.outbox()
    }

    pub(crate) fn with_handshake(mut self, subprotocol: Option<String>, peer: Option<SocketAddr>) -> Self {
        self.handshake = Some(Box::new(Handshake { subprotocol, peer }));
        self
    }

    /// Lets the connection end with the token with which it was opened.
    pub(crate) fn with_token(mut self, good_for: Option<Duration>) -> Self {
        if let (Some(good_for), Some(inbound)) = (good_for, self.reader.inbound()) {
            inbound.end_with_token(good_for);
        }
        self
    }

    /// Receives the next message; see [`Reader::recv`]. Cancel safe.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        self.reader.recv().await
    }

    /// Sends a message; see [`Writer::send`].
    pub async fn send(&mut self, message: impl Into<Prepared>) -> Result<(), Error> {
        self.writer.send(message).await
    }

    /// Queues a message: it goes out with the next [`send`](Self::send) or [`flush`](Self::flush), or when
    /// [`recv`](Self::recv) has nothing more that came in.
    ///
    /// For a client's socket that no handler [runs](Self::run) on, to have several messages in one write. A handler's `send`
    /// does that by itself. Waits, and writes, while [`MaxQueuedBytes`](WsConf::max_queued_bytes) or 64 messages are queued.
    ///
    /// ```
    /// # async fn example(mut socket: ws::WebSocket) -> Result<(), ws::Error> {
    /// for question in ["who?", "where?", "when?"] {
    ///     socket.feed(question).await?;
    /// }
    /// socket.flush().await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// A message whose `feed` was dropped is not sent at all.
    pub async fn feed(&mut self, message: impl Into<Prepared>) -> Result<(), Error> {
        self.writer.room().await?;
        self.writer.feed(message)
    }

    /// Writes at once what is queued; see [`Writer::flush`]. Cancel safe.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub async fn flush(&mut self) -> Result<(), Error> {
        self.writer.flush().await
    }

    /// Runs a handler on the socket as a route's session does: however it ends, the peer is told by the close that fits, within
    /// [`CloseTimeout`](WsConf::close_timeout). For a client, whose sockets have no session.
    ///
    /// ```no_run
    /// # async fn echo(_: ws::WebSocket) -> Result<(), ws::Error> { Ok(()) }
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// ws::connect("ws://localhost:8888/echo").await?.run(echo).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The handler's.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the handler and cuts the connection.
    pub async fn run<F, Fut>(mut self, handler: F) -> Result<(), Error>
    where
        F: FnOnce(Self) -> Fut,
        Fut: Future<Output = Result<(), Error>>,
    {
        let (home, returned) = oneshot::channel();
        self.reader.set_home(home);
        let outbox = self.outbox().clone();
        let ended = turn_by_turn(&outbox, pin!(handler(self))).await;
        // There already, unless the handler has given the socket to another task.
        if let Ok(mut inbound) = returned.await {
            let within = inbound.conf().close_timeout;
            closing::leave(&mut inbound, &ended, within).await;
        }
        ended
    }

    /// Makes a sender, for other tasks.
    pub fn sender(&self) -> Sender {
        self.writer.sender()
    }

    /// Begins a text that is sent in parts; see [`Writer::stream_text`].
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send). Nothing is sent yet.
    pub async fn stream_text(&mut self) -> Result<MessageWriter<'_, str>, Error> {
        self.writer.stream_text().await
    }

    /// Begins a binary message that is sent in parts; see [`Writer::stream_text`].
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send). Nothing is sent yet.
    pub async fn stream_binary(&mut self) -> Result<MessageWriter<'_, [u8]>, Error> {
        self.writer.stream_binary().await
    }

    /// Closes: sends what is queued and the close, and waits for the peer's, within
    /// [`CloseTimeout`](WsConf::close_timeout).
    pub async fn close(mut self, frame: CloseFrame) {
        if let Some(inbound) = self.reader.inbound() {
            let within = inbound.conf().close_timeout;
            closing::close(inbound, &frame, within).await;
        }
    }

    /// Splits the socket into halves that can be used at the same time.
    pub fn split(self) -> (Reader, Writer) {
        (self.reader, self.writer)
    }

    /// How long the last ping took to be answered; `None` before the first, which goes out after
    /// [`PingInterval`](WsConf::ping_interval) of silence.
    pub fn rtt(&self) -> Option<Duration> {
        self.reader.rtt()
    }

    /// What the peer's close said, once [`recv`](Self::recv) has returned `None`; `None` also where it said nothing.
    pub fn close_frame(&self) -> Option<&CloseFrame> {
        self.reader.close_frame()
    }

    /// The subprotocol that was agreed on.
    pub fn subprotocol(&self) -> Option<&str> {
        self.handshake.as_ref()?.subprotocol.as_deref()
    }

    /// The address of the peer's end of the connection, where it is known.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.handshake.as_ref()?.peer
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("subprotocol", &self.subprotocol())
            .field("peer", &self.peer())
            .finish_non_exhaustive()
    }
}
