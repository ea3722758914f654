use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};

/// Why a client could not connect.
///
/// Opaque: it can be asked, and what it prints may change.
pub struct ConnectError(Box<Kind>);

pub(super) enum Kind {
    /// The URL leads nowhere.
    Url(&'static str),
    /// The dialer cannot make a request of what it was told.
    Request(&'static str),
    /// The server cannot be reached.
    Io(io::Error),
    /// The server is not whom it should be, or speaks no TLS.
    Tls(io::Error),
    /// The connection broke, or what came is no HTTP.
    Http(hyper::Error),
    /// The answer is another than 101.
    Refused(Response<Bytes>),
    /// The answer is 101, and not in order.
    Handshake(&'static str),
    /// It took longer than that.
    Timeout(Duration),
}

impl ConnectError {
    /// The server's answer, where it was another than 101: status, headers, and up to 4 KiB of the body.
    pub fn response(&self) -> Option<&Response<Bytes>> {
        match &*self.0 {
            Kind::Refused(response) => Some(response),
            _ => None,
        }
    }

    /// The status of that answer.
    pub fn status(&self) -> Option<StatusCode> {
        self.response().map(Response::status)
    }

    /// Whether it took too long.
    pub fn is_timeout(&self) -> bool {
        matches!(*self.0, Kind::Timeout(_))
    }

    /// Whether the server answered 101 against the rules, or with what was not offered.
    pub fn is_protocol(&self) -> bool {
        matches!(*self.0, Kind::Handshake(_))
    }

    /// Whether another attempt may end otherwise: the server could not be reached, was too slow, or says that it will be better
    /// later (408, 425, 429, 5xx but 501 and 505).
    pub fn is_transient(&self) -> bool {
        match &*self.0 {
            Kind::Io(_) | Kind::Http(_) | Kind::Timeout(_) => true,
            Kind::Refused(response) => match response.status().as_u16() {
                501 | 505 => false,
                408 | 425 | 429 => true,
                status => status >= 500,
            },
            Kind::Url(_) | Kind::Request(_) | Kind::Tls(_) | Kind::Handshake(_) => false,
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Url(why) => write!(f, "the URL cannot be used: {why}"),
            Kind::Request(why) => write!(f, "the request cannot be made: {why}"),
            Kind::Io(_) => f.write_str("the server cannot be reached"),
            Kind::Tls(_) => f.write_str("the server cannot be trusted"),
            Kind::Http(_) => f.write_str("the server did not answer with HTTP"),
            Kind::Refused(response) => write!(f, "the server refused with {}", response.status()),
            Kind::Handshake(why) => write!(f, "the handshake failed: {why}"),
            Kind::Timeout(time) => write!(f, "the server was not connected to within {time:?}"),
        }
    }
}

impl StdError for ConnectError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &*self.0 {
            Kind::Io(error) | Kind::Tls(error) => Some(error),
            Kind::Http(error) => Some(error),
            Kind::Url(_) | Kind::Request(_) | Kind::Refused(_) | Kind::Handshake(_) | Kind::Timeout(_) => {
                None
            }
        }
    }
}

impl From<Kind> for ConnectError {
    fn from(kind: Kind) -> Self {
        Self(Box::new(kind))
    }
}

impl fmt::Debug for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source() {
            Some(source) => write!(f, "ConnectError({self}: {source})"),
            None => write!(f, "ConnectError({self})"),
        }
    }
}
