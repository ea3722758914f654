use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::error::ProtocolError;

use crate::close::{CloseCode, CloseFrame};
use crate::end::End;

/// Why a socket ended, other than by the peer's orderly close.
///
/// It is for the author of a handler: it can be asked, and what it prints may change. A handler that returns it lets the
/// session close with the code of [`close_frame`](Self::close_frame). A handler that wants to end with a code of its own
/// makes one of a [`CloseFrame`].
pub struct Error(Box<Kind>);

pub(crate) enum Kind {
    /// The connection broke, or the peer went without a close.
    Lost(Option<io::Error>),
    /// The peer broke the protocol.
    Protocol(String),
    /// A text was not UTF-8.
    Utf8,
    /// Compressed data could not be inflated.
    Deflate,
    /// A message was over the limit, in bytes.
    TooBig(usize),
    /// The peer sent more frames than anybody needs.
    Flood(&'static str),
    /// The peer sent more messages than so many a second.
    Rate(u32),
    /// Something that [`End`] names took so long.
    Timeout(End, Duration),
    /// The connection has lived for its time.
    Aged,
    /// The token with which it was opened is over.
    Expired,
    /// The hub gave the client up.
    TooSlow(String),
    /// The hub was closed.
    HubClosed(&'static str),
    /// The engine stops.
    Stopping,
    /// The socket is closed already.
    Closed,
    /// The handler, or what is connected to the socket, wants the end.
    Ended(CloseFrame),
    /// What is connected to the socket failed.
    Peer(Box<dyn StdError + Send + Sync>),
    /// The handler panicked.
    Panicked,
}

impl Error {
    /// Makes an error of a peer's: of what a socket is connected to by [`relay`](crate::relay).
    pub fn peer(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Kind::Peer(error.into()).into()
    }

    /// Whether the connection is gone, so that nothing more can be said on it.
    pub fn is_closed(&self) -> bool {
        matches!(*self.0, Kind::Lost(_) | Kind::Closed)
    }

    /// Whether the peer was given up: it answered no ping, took no byte, did not finish a message or say anything, in time.
    pub fn is_timeout(&self) -> bool {
        matches!(*self.0, Kind::Timeout(..))
    }

    /// Whether the peer did what it must not: broke the protocol, sent invalid UTF-8 or compressed data, or too much.
    pub fn is_protocol(&self) -> bool {
        use Kind::{Deflate, Flood, Protocol, Rate, TooBig, Utf8};
        matches!(*self.0, Protocol(_) | Utf8 | Deflate | TooBig(_) | Flood(_) | Rate(_))
    }

    /// Whether the engine is stopping.
    pub fn is_stopping(&self) -> bool {
        matches!(*self.0, Kind::Stopping)
    }

    /// Which of the ways to end it is.
    pub fn end(&self) -> End {
        match *self.0 {
            Kind::Lost(_) => End::Lost,
            Kind::Protocol(_) => End::ProtocolError,
            Kind::Utf8 => End::InvalidUtf8,
            Kind::Deflate => End::InvalidDeflate,
            Kind::TooBig(_) => End::TooBig,
            Kind::Flood(_) => End::Flood,
            Kind::Rate(_) => End::MessageRate,
            Kind::Timeout(end, _) => end,
            Kind::Aged => End::MaxLifetime,
            Kind::Expired => End::TokenExpired,
            Kind::TooSlow(_) => End::TooSlow,
            Kind::HubClosed(_) => End::HubClosed,
            Kind::Stopping => End::Stopping,
            Kind::Closed => End::PeerClosed,
            Kind::Ended(_) => End::HandlerClosed,
            Kind::Peer(_) => End::HandlerFailed,
            Kind::Panicked => End::HandlerPanicked,
        }
    }

    /// What the peer is told; `None` when it cannot be told anything.
    pub fn close_frame(&self) -> Option<CloseFrame> {
        match &*self.0 {
            Kind::Ended(frame) => Some(frame.clone()),
            // What failed is for the log; the peer is not told.
            Kind::Peer(_) | Kind::Panicked => Some(CloseFrame::new(CloseCode::INTERNAL_ERROR, "")),
            _ => Some(CloseFrame::new(self.end().code()?, self.to_string())),
        }
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.0
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = self.end().reason();
        match &*self.0 {
            Kind::Lost(None) => f.write_str("the peer went without a close"),
            Kind::Lost(Some(_)) => f.write_str("the connection broke"),
            Kind::Protocol(reason) | Kind::TooSlow(reason) => f.write_str(reason),
            Kind::Flood(reason) | Kind::HubClosed(reason) => f.write_str(reason),
            Kind::TooBig(limit) => f.write_str(&reason.replace('…', &limit.to_string())),
            Kind::Rate(limit) => f.write_str(&reason.replace('…', &limit.to_string())),
            Kind::Timeout(_, time) => f.write_str(&reason.replace('…', &format!("{time:?}"))),
            Kind::Utf8 | Kind::Deflate | Kind::Aged | Kind::Expired | Kind::Stopping => f.write_str(reason),
            Kind::Closed => f.write_str("the socket is closed"),
            Kind::Ended(frame) => write!(f, "ended with {frame}"),
            Kind::Peer(_) => f.write_str("what the socket is connected to failed"),
            Kind::Panicked => f.write_str("the handler panicked"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &*self.0 {
            Kind::Lost(Some(error)) => Some(error),
            Kind::Peer(error) => Some(&**error),
            _ => None,
        }
    }
}

impl From<Kind> for Error {
    fn from(kind: Kind) -> Self {
        Self(Box::new(kind))
    }
}

impl From<CloseFrame> for Error {
    fn from(frame: CloseFrame) -> Self {
        Kind::Ended(frame).into()
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Kind::Lost(Some(error)).into()
    }
}

impl From<tungstenite::Error> for Error {
    fn from(error: tungstenite::Error) -> Self {
        match error {
            tungstenite::Error::Io(error) => error.into(),
            tungstenite::Error::Utf8(_) => Kind::Utf8.into(),
            tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
                Kind::Lost(None).into()
            }
            tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => Kind::Closed.into(),
            tungstenite::Error::Protocol(error) => Kind::Protocol(error.to_string()).into(),
            other => Kind::Protocol(other.to_string()).into(),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source() {
            Some(source) => write!(f, "Error({self}: {source})"),
            None => write!(f, "Error({self})"),
        }
    }
}
