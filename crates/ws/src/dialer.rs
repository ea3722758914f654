mod target;
mod tls;
mod opening;
mod error;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{
    CONNECTION, CONTENT_LENGTH, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;

use crate::conf::WsConf;
use crate::header::is_token;
use crate::role::Role;
use crate::socket::WebSocket;
use error::Kind;
use opening::{Opened, Opening};
use target::Target;
use tls::Tls;

pub use error::ConnectError;

/// Connects to a server with the default [`Dialer`].
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let mut socket = ws::connect("wss://example.com/feed").await?;
/// socket.send("Hello!").await?;
/// while let Some(message) = socket.recv().await? {
///     println!("{message:?}");
/// }
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// See [`Dialer::connect`].
pub async fn connect(url: impl AsRef<str>) -> Result<WebSocket, ConnectError> {
    Dialer::default().connect(url).await
}

/// How a client connects: limits, headers, subprotocols, TLS. Made once, used for every connection.
///
/// The noun is gorilla's, whose `Dialer` stands across from its `Upgrader` as this one does; the verb is tokio's and
/// tungstenite's.
///
/// A connection goes over TCP, and TLS where the scheme is `wss`, straight to the host of the URL: there is no proxy, no
/// redirect is followed, and a host name's addresses are tried one after the other. [`connect_over`](Self::connect_over)
/// takes whatever else connects.
///
/// ```no_run
/// use http::HeaderValue;
/// use http::header::{AUTHORIZATION, ORIGIN};
/// use ws::{Dialer, WsConf};
///
/// # async fn example() -> Result<(), ws::ConnectError> {
/// let dialer = Dialer::new(WsConf { max_message_bytes: 1 << 20, ..WsConf::default() })
///     .subprotocols(["chat.v2", "chat.v1"])
///     .header(AUTHORIZATION, HeaderValue::from_static("Bearer abc"))
///     .header(ORIGIN, HeaderValue::from_static("https://example.com"));
/// let socket = dialer.connect("wss://example.com/chat").await?;
/// assert!(socket.subprotocol().is_some());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Dialer {
    conf: Arc<WsConf>,
    headers: HeaderMap,
    subprotocols: Vec<String>,
    timeout: Duration,
    tls: Tls,
    is_http2: bool,
}

impl Dialer {
    /// Creates a dialer whose sockets have these limits and times.
    ///
    /// Its [`Compression`](crate::Compression) says what is offered: a context takeover that is not wanted is declined, and a
    /// smaller window is asked for. An answer that goes beyond the offer fails the handshake.
    pub fn new(conf: WsConf) -> Self {
        Self {
            conf: Arc::new(conf),
            headers: HeaderMap::new(),
            subprotocols: Vec::new(),
            timeout: Duration::from_secs(10),
            tls: Tls::default(),
            is_http2: false,
        }
    }

    /// Sets the subprotocols that are offered, the one that is preferred first.
    ///
    /// A server may take none; [`WebSocket::subprotocol`] says what it has taken.
    pub fn subprotocols(mut self, offered: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.subprotocols = offered.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a header to the request, such as `Authorization`, `Cookie` or `Origin`. Those of the handshake itself are refused
    /// when it connects.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Sets how long connecting may take, from the name's resolution to the server's answer. Default: 10 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets whom to trust, and with which certificate to answer. By default those are trusted whom Mozilla trusts
    /// (feature `webpki-roots`). Which version of HTTP is negotiated is not its affair.
    pub fn tls(mut self, config: impl Into<Arc<ClientConfig>>) -> Self {
        self.tls = Tls::with(config.into());
        self
    }

    /// Speaks HTTP/2 instead of HTTP/1.1: the socket is a stream, by an extended CONNECT (RFC 8441).
    ///
    /// Where the scheme is `ws` the server has to speak it without being asked. Each socket is on a connection of its own.
    pub fn http2(mut self) -> Self {
        self.is_http2 = true;
        self
    }

    /// Connects to the server of a `ws` or `wss` URL.
    ///
    /// # Errors
    ///
    /// When the URL is none, the server cannot be reached, is not whom it should be, refuses, chooses
    /// anything that was not offered, or takes longer than [`timeout`](Self::timeout).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cuts the connection.
    pub async fn connect(&self, url: impl AsRef<str>) -> Result<WebSocket, ConnectError> {
        let target = Target::parse(url.as_ref())?;
        self.in_time(async {
            let tcp = TcpStream::connect((target.host(), target.port())).await.map_err(Kind::Io)?;
            tcp.set_nodelay(true).map_err(Kind::Io)?;
            let peer = tcp.peer_addr().ok();
            if target.is_tls() {
                let tls = self
                    .tls
                    .connect(target.host(), if self.is_http2 { b"h2" } else { b"http/1.1" }, tcp)
                    .await?;
                return self.open(&target, tls, peer).await;
            }
            self.open(&target, tcp, peer).await
        })
        .await
    }

    /// Connects over a connection that is there already: a Unix socket, a tunnel, a pipe. TLS, where it is wanted, is
    /// there already too, whatever the scheme of the URL, which says what goes into the request.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub async fn connect_over(
        &self,
        url: impl AsRef<str>,
        io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Result<WebSocket, ConnectError> {
        let target = Target::parse(url.as_ref())?;
        self.in_time(self.open(&target, io, None)).await
    }

    async fn in_time(
        &self,
        dialled: impl Future<Output = Result<WebSocket, ConnectError>>,
    ) -> Result<WebSocket, ConnectError> {
        timeout(self.timeout, dialled).await.unwrap_or_else(|_| Err(Kind::Timeout(self.timeout).into()))
    }

    /// Shakes hands.
    async fn open(
        &self,
        target: &Target,
        io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        peer: Option<SocketAddr>,
    ) -> Result<WebSocket, ConnectError> {
        let Opened { io, subprotocol, agreed } = match self.is_http2 {
            false => Opening::new(target, self)?.run(io).await?,
            true => Opening::new_http2(target, self)?.run_http2(io).await?,
        };
        let socket = WebSocket::open(io, Role::Client, self.conf.clone(), agreed.as_ref(), None);
        Ok(socket.with_handshake(subprotocol, peer))
    }

    /// The headers of the user's, unless one is the handshake's.
    fn own_headers(&self) -> Result<&HeaderMap, ConnectError> {
        let taken = TAKEN.iter().any(|name| self.headers.contains_key(name));
        if taken {
            return Err(Kind::Request("a header that is the handshake's own").into());
        }
        Ok(&self.headers)
    }

    /// The subprotocols, unless one cannot be offered.
    fn offered_subprotocols(&self) -> Result<&[String], ConnectError> {
        for (i, offer) in self.subprotocols.iter().enumerate() {
            if !is_token(offer) || self.subprotocols[..i].contains(offer) {
                return Err(Kind::Request("subprotocols must be different tokens").into());
            }
        }
        Ok(&self.subprotocols)
    }
}

/// What only the handshake says.
const TAKEN: [HeaderName; 9] = [
    CONNECTION,
    UPGRADE,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION,
];

impl Default for Dialer {
    fn default() -> Self {
        Self::new(WsConf::default())
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the headers, which may be secret.
        let Self { conf, subprotocols, timeout, .. } = self;
        f.debug_struct("Dialer")
            .field("conf", conf)
            .field("subprotocols", subprotocols)
            .field("timeout", timeout)
            .finish_non_exhaustive()
    }
}
