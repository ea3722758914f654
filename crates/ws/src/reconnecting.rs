use std::fmt;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use http::header::RETRY_AFTER;
use tokio::time::{Instant, Sleep, sleep, timeout};

use crate::backoff::Backoff;
use crate::close::{CloseCode, CloseFrame};
use crate::conf::ReconnectConf;
use crate::dialer::{ConnectError, Dialer};
use crate::error::{Error, Kind};
use crate::message::Message;
use crate::prepared::Prepared;
use crate::socket::WebSocket;

/// A client that connects again when its connection is lost.
///
/// It waits longer with each failure, by chance and up to a cap, so that the clients of a server that restarts do not come
/// back all at once; see [`ReconnectConf`]. It gives up where another attempt would end the same way:
///
/// - the server closes with 1000, or with a code that blames the client (1002, 1003, 1007 to 1010, 3000, 3003) or is the
///   application's (4000 to 4999): [`recv`](Self::recv) returns `None`. [`retry_if`](Self::retry_if) has a say in that;
/// - the server breaks the protocol, or refuses the handshake for good, as by 401 or 404;
/// - there were too many failures in a row.
///
/// What was said while there was no connection is not heard. [`on_connect`](Self::on_connect) is where a client asks for what it
/// has missed.
///
/// ```no_run
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use ws::{Dialer, Message, ReconnectConf};
///
/// # async fn example() -> Result<(), ws::ReconnectError> {
/// let heard = Arc::new(AtomicU64::new(0));
/// let last = heard.clone();
/// let mut feed = Dialer::default()
///     .reconnecting("wss://example.com/feed", ReconnectConf::default())
///     .on_connect(move |mut socket| {
///         let resume = format!("since {}", last.load(Ordering::Relaxed));
///         async move {
///             socket.send(resume).await?;
///             Ok(socket)
///         }
///     });
/// while let Some(message) = feed.recv().await? {
///     heard.fetch_add(1, Ordering::Relaxed);
///     println!("{message:?}");
/// }
/// # Ok(()) }
/// ```
///
/// As of a [`WebSocket`], somebody must [`recv`](Self::recv): only then pings are answered, and a loss is noticed.
pub struct Reconnecting {
    connect: Box<dyn Fn() -> Connecting + Send>,
    hook: Box<dyn Fn(WebSocket) -> Hooked + Send>,
    retry_if: Box<dyn Fn(&CloseFrame) -> bool + Send>,
    resume_timeout: Duration,
    backoff: Backoff,
    state: State,
    /// What the server said last.
    close_frame: Option<CloseFrame>,
}

type Connecting = Pin<Box<dyn Future<Output = Result<WebSocket, ConnectError>> + Send>>;
type Hooked = Pin<Box<dyn Future<Output = Result<WebSocket, Error>> + Send>>;

enum State {
    /// An attempt is to be made.
    Due,
    Waiting(Pin<Box<Sleep>>),
    Connecting(Connecting),
    /// The hook has the socket.
    Hooked(Hooked, Instant),
    Connected(Box<WebSocket>, Instant),
    Ended,
}

impl Reconnecting {
    /// Creates a client that connects by `connect`, which is called for each attempt: with a fresh token, over a tunnel, to
    /// another server. It connects when it is first used.
    ///
    /// How long an attempt may take is its own affair, as it is a [`Dialer`]'s.
    pub fn new<F, Fut>(conf: ReconnectConf, connect: F) -> Self
    where
        F: Fn() -> Fut + Send + 'static,
        Fut: Future<Output = Result<WebSocket, ConnectError>> + Send + 'static,
    {
        Self {
            state: State::Due,
            connect: Box::new(move || Box::pin(connect())),
            hook: Box::new(|socket| Box::pin(async { Ok(socket) })),
            retry_if: Box::new(|close| comes_back(close.code())),
            resume_timeout: conf.resume_timeout,
            backoff: Backoff::new(conf),
            close_frame: None,
        }
    }

    /// Has `hook` called with each new connection before anything else is said on it, for instance to say who one is, and what
    /// one has heard already. It gives the socket back.
    ///
    /// A hook that fails, or takes longer than [`ResumeTimeout`](ReconnectConf::resume_timeout), is a failed attempt.
    pub fn on_connect<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(WebSocket) -> Fut + Send + 'static,
        Fut: Future<Output = Result<WebSocket, Error>> + Send + 'static,
    {
        let within = self.resume_timeout;
        self.hook = Box::new(move |socket| {
            let resumed = timeout(within, hook(socket));
            Box::pin(resumed.map(|end| end.unwrap_or_else(|_| Err(Error::peer("the hook took too long")))))
        });
        self
    }

    /// Lets `check` decide by the server's close whether to come back, in place of the list of codes above.
    pub fn retry_if(mut self, check: impl Fn(&CloseFrame) -> bool + Send + 'static) -> Self {
        self.retry_if = Box::new(check);
        self
    }

    /// Receives the next message, of this connection or of one after it; `None` when the server has closed for good.
    ///
    /// # Errors
    ///
    /// When it gives up. Further calls then return `None`.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no message is lost, and an attempt that has begun goes on with the next call.
    pub async fn recv(&mut self) -> Result<Option<Message>, ReconnectError> {
        while let Some(socket) = self.connected().await? {
            match socket.recv().await {
                Ok(Some(message)) => return Ok(Some(message)),
                Ok(None) if self.lost(None) => return Err(ReconnectError::Socket(self.last_close())),
                Err(error) if self.lost(Some(&error)) => return Err(ReconnectError::Socket(error)),
                Ok(None) | Err(_) => {}
            }
        }
        Ok(None)
    }

    /// Sends a message, when there is a connection.
    ///
    /// # Errors
    ///
    /// When it gives up, has given up, or the connection is lost under the message, which may have been received or not: it is
    /// not sent again. In the last case the next call connects anew.
    ///
    /// # Cancel safety
    ///
    /// As [`Writer::send`](crate::Writer::send); a message that waited for a connection is not sent.
    pub async fn send(&mut self, message: impl Into<Prepared>) -> Result<(), ReconnectError> {
        let Some(socket) = self.connected().await? else {
            return Err(ReconnectError::Socket(Kind::Closed.into()));
        };
        let Err(error) = socket.send(message).await else { return Ok(()) };
        self.lost(Some(&error));
        Err(ReconnectError::Socket(error))
    }

    /// Closes the connection, if there is one; see [`WebSocket::close`].
    pub async fn close(self, frame: CloseFrame) {
        if let State::Connected(socket, _) = self.state {
            socket.close(frame).await;
        }
    }

    /// Whether there is a connection, as far as is known.
    pub fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected(..))
    }

    /// What the close of the last connection said, that the server ended; `None` where it said nothing.
    pub fn close_frame(&self) -> Option<&CloseFrame> {
        self.close_frame.as_ref()
    }

    /// Goes on until there is a connection; `None` when it has ended. Cancel safe, as all that is going on is in the state.
    async fn connected(&mut self) -> Result<Option<&mut WebSocket>, ReconnectError> {
        loop {
            match &mut self.state {
                State::Due => self.state = State::Connecting((self.connect)()),
                State::Waiting(sleep) => {
                    sleep.await;
                    self.state = State::Due;
                }
                State::Connecting(connecting) => match connecting.await {
                    Ok(socket) => self.state = State::Hooked((self.hook)(socket), Instant::now()),
                    Err(error) => self.failed(error)?,
                },
                State::Hooked(hooked, since) => {
                    let since = *since;
                    match hooked.await {
                        Ok(socket) => self.state = State::Connected(Box::new(socket), since),
                        Err(error) if self.lost(Some(&error)) => return Err(ReconnectError::Socket(error)),
                        Err(_) => {}
                    }
                }
                State::Connected(..) | State::Ended => break,
            }
        }
        match &mut self.state {
            State::Connected(socket, _) => Ok(Some(socket)),
            _ => Ok(None),
        }
    }

    /// Judges an attempt that failed.
    fn failed(&mut self, error: ConnectError) -> Result<(), ReconnectError> {
        let mut wait = None;
        if error.is_transient() {
            wait = self.backoff.after_failure(retry_after(&error), fastrand::f64());
        }
        if self.gives_up(wait) { Err(ReconnectError::Connect(error)) } else { Ok(()) }
    }

    /// Judges the loss of a connection, by an error or by the server's close; returns whether that makes it give up.
    fn lost(&mut self, error: Option<&Error>) -> bool {
        let (close, lived) = match &self.state {
            State::Connected(socket, since) => (socket.close_frame().cloned(), since.elapsed()),
            State::Hooked(_, since) => (None, since.elapsed()),
            _ => (None, Duration::ZERO),
        };
        self.close_frame = close;
        if self.close_frame.as_ref().is_some_and(|close| !(self.retry_if)(close)) {
            self.state = State::Ended;
            return false;
        }
        let wait = match error {
            Some(error) if error.is_protocol() => None,
            _ => self.backoff.after_loss(lived, fastrand::f64()),
        };
        self.gives_up(wait)
    }

    /// Waits for so long next, or gives up.
    fn gives_up(&mut self, wait: Option<Duration>) -> bool {
        self.state = wait.map_or(State::Ended, |wait| State::Waiting(Box::pin(sleep(wait))));
        wait.is_none()
    }

    /// The server's last close as an error.
    fn last_close(&self) -> Error {
        self.close_frame.clone().map_or_else(|| Kind::Closed.into(), Error::from)
    }
}

impl Dialer {
    /// Creates a client that connects to a server's URL by this dialer, again and again.
    pub fn reconnecting(self, url: impl Into<String>, conf: ReconnectConf) -> Reconnecting {
        let url = url.into();
        Reconnecting::new(conf, move || {
            let (dialer, url) = (self.clone(), url.clone());
            async move { dialer.connect(url).await }
        })
    }
}

/// Whether a close with this code is no reason to stay away.
fn comes_back(code: CloseCode) -> bool {
    !matches!(code.0, 1000 | 1002 | 1003 | 1007..=1010 | 3000 | 3003 | 4000..=4999)
}

/// What a refusal's `Retry-After` says, RFC 9110 section 10.2.3: seconds, or a date.
fn retry_after(error: &ConnectError) -> Option<Duration> {
    let value = error.response()?.headers().get(RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    httpdate::parse_http_date(value).ok()?.duration_since(SystemTime::now()).ok()
}

/// Why a [`Reconnecting`] client has no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReconnectError {
    /// The last attempt to connect failed, and it has given up.
    Connect(ConnectError),
    /// The last connection is lost. It has given up, unless a [`send`](Reconnecting::send) says so.
    Socket(Error),
}

impl fmt::Display for ReconnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => error.fmt(f),
            Self::Socket(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReconnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connect(error) => error.source(),
            Self::Socket(error) => error.source(),
        }
    }
}

impl fmt::Debug for Reconnecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconnecting").field("is_connected", &self.is_connected()).finish_non_exhaustive()
    }
}
