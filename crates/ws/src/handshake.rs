use std::fmt;
use std::time::Duration;

use data_encoding::BASE64;
use http::header::{
    ALLOW, CONNECTION, CONTENT_LENGTH, ORIGIN, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use rest::{IntoResponse, Protocol, Response, TokenClaims};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::compression::Agreed;
use crate::extensions::extensions;
use crate::header::{has_token, only};
use crate::subprotocol;
use crate::upgrader::Upgrader;

/// What a request may have that RFC 6455 section 4.2.1 wants: the answer's headers, and what is in them.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) headers: HeaderMap,
    pub(crate) subprotocol: Option<String>,
    pub(crate) agreed: Option<Agreed>,
    /// How long the request's token is good, if it has one that ends.
    pub(crate) token: Option<Duration>,
}

/// Judges an opening handshake. The first clause that is broken is the answer.
pub(crate) fn judge(parts: &Parts, upgrader: &Upgrader) -> Result<Accepted, HandshakeError> {
    let headers = &parts.headers;
    let key = if parts.version < Version::HTTP_2 {
        Some(upgrade_key(parts)?)
    } else {
        judge_connect(parts)?;
        None
    };
    if headers.contains_key(ORIGIN) {
        let origin = only(headers, ORIGIN).filter(|origin| upgrader.origins().allows(origin, parts));
        origin.ok_or(HandshakeError::Origin)?;
    }
    let subprotocol = subprotocol::pick(headers, upgrader.supported_subprotocols())?;
    if subprotocol.is_none() && upgrader.requires_subprotocol() {
        return Err(HandshakeError::NoSubprotocol);
    }
    let offers = extensions(headers).ok_or(HandshakeError::MalformedExtensions)?;
    let agreed = upgrader.compression(parts).and_then(|conf| Agreed::first(&offers, conf));
    let token = parts.extensions.get().and_then(TokenClaims::expires_in);
    Ok(Accepted { token, ..Accepted::new(key, subprotocol, agreed) })
}

/// Judges what HTTP/1.1 has for an upgrade, RFC 6455 section 4.2.1; returns the client's key.
fn upgrade_key(parts: &Parts) -> Result<&str, HandshakeError> {
    let headers = &parts.headers;
    if parts.method == Method::HEAD {
        return Err(HandshakeError::Upgrade); // as to a GET that does not upgrade, RFC 9110 section 9.3.2
    }
    if parts.method != Method::GET {
        return Err(HandshakeError::Method);
    }
    if parts.version < Version::HTTP_11 {
        return Err(HandshakeError::OldHttp);
    }
    let length = headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0");
    if length || headers.contains_key(TRANSFER_ENCODING) {
        return Err(HandshakeError::Body);
    }
    if !has_token(headers, UPGRADE, "websocket") {
        return Err(HandshakeError::Upgrade);
    }
    if !has_token(headers, CONNECTION, "upgrade") {
        return Err(HandshakeError::Connection);
    }
    if only(headers, SEC_WEBSOCKET_VERSION) != Some("13") {
        return Err(HandshakeError::Version);
    }
    only(headers, SEC_WEBSOCKET_KEY).filter(|key| is_key(key)).ok_or(HandshakeError::Key)
}

/// Judges what HTTP/2 has instead, RFC 8441 section 5: the protocol is a pseudo-header, and there is no key, as no cache takes
/// such a stream for anything else. What follows the head are frames, and never a body.
fn judge_connect(parts: &Parts) -> Result<(), HandshakeError> {
    let protocol = parts.extensions.get::<Protocol>().filter(|_| parts.method == Method::CONNECT);
    let protocol = protocol.ok_or(HandshakeError::NotConnect)?;
    if protocol.as_str() != "websocket" {
        return Err(HandshakeError::Protocol);
    }
    if only(&parts.headers, SEC_WEBSOCKET_VERSION) != Some("13") {
        return Err(HandshakeError::ConnectVersion);
    }
    Ok(())
}

/// Whether the text is base64 of 16 bytes, in the one form that it has.
fn is_key(key: &str) -> bool {
    key.len() == 24 && BASE64.decode(key.as_bytes()).is_ok_and(|nonce| nonce.len() == 16)
}

impl Accepted {
    /// `key` is that of HTTP/1.1.
    fn new(key: Option<&str>, subprotocol: Option<&str>, agreed: Option<Agreed>) -> Self {
        let mut headers = HeaderMap::new();
        if let Some(key) = key {
            let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes())).expect("base64 is ASCII");
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        if let Some(subprotocol) = subprotocol {
            let subprotocol = HeaderValue::from_str(subprotocol).expect("it equals one that the client sent");
            headers.insert(SEC_WEBSOCKET_PROTOCOL, subprotocol);
        }
        if let Some(agreed) = &agreed {
            let extensions = HeaderValue::try_from(agreed.to_header()).expect("tokens are ASCII");
            headers.insert(SEC_WEBSOCKET_EXTENSIONS, extensions);
        }
        Self { headers, subprotocol: subprotocol.map(str::to_owned), agreed, token: None }
    }
}

/// Why a handshake was refused. The client gets the status and the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The method is not GET on HTTP/1.1: 405. HEAD is a GET that does not upgrade.
    Method,
    /// The request is older than HTTP/1.1: 426.
    OldHttp,
    /// The request is HTTP/2 and no extended CONNECT: 405.
    NotConnect,
    /// The `:protocol` of an extended CONNECT is not `websocket`: 501.
    Protocol,
    /// `Sec-WebSocket-Version` is not 13 on HTTP/2, where nothing can be upgraded: 400.
    ConnectVersion,
    /// The request has a body, whose bytes could be taken for frames: 400.
    Body,
    /// `Upgrade` does not list `websocket`: 426.
    Upgrade,
    /// `Connection` does not list `upgrade`: 400.
    Connection,
    /// `Sec-WebSocket-Version` is not 13 on HTTP/1.1: 426.
    Version,
    /// `Sec-WebSocket-Key` is not one value of 16 bytes: 400.
    Key,
    /// The page is from another site: 403.
    Origin,
    /// `Sec-WebSocket-Protocol` is not a list of different tokens: 400.
    MalformedSubprotocol,
    /// No offered subprotocol is supported, and the route requires one: 400.
    NoSubprotocol,
    /// `Sec-WebSocket-Extensions` is not a list of offers: 400.
    MalformedExtensions,
    /// The server is stopping: 503.
    Stopping,
    /// There are [as many connections](crate::WsConf::max_connections) as there may be: 503.
    TooMany,
    /// There are [as many](crate::WsConf::max_connections_per_route) as there may be on this route: 503.
    TooManyOnRoute,
    /// There are [as many](crate::WsConf::max_connections_per_ip) as there may be from this address: 429.
    TooManyFromAddress,
}

impl HandshakeError {
    /// The status of the answer.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Method | Self::NotConnect => StatusCode::METHOD_NOT_ALLOWED,
            Self::OldHttp | Self::Upgrade | Self::Version => StatusCode::UPGRADE_REQUIRED,
            Self::Protocol => StatusCode::NOT_IMPLEMENTED,
            Self::Origin => StatusCode::FORBIDDEN,
            Self::Stopping | Self::TooMany | Self::TooManyOnRoute => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooManyFromAddress => StatusCode::TOO_MANY_REQUESTS,
            Self::ConnectVersion
            | Self::Body
            | Self::Connection
            | Self::Key
            | Self::MalformedSubprotocol
            | Self::NoSubprotocol
            | Self::MalformedExtensions => StatusCode::BAD_REQUEST,
        }
    }

    /// What the metric `ws_handshakes_refused_total` calls it.
    pub fn cause(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::OldHttp => "old_http",
            Self::NotConnect => "not_connect",
            Self::Protocol => "protocol",
            Self::ConnectVersion => "connect_version",
            Self::Body => "body",
            Self::Upgrade => "upgrade",
            Self::Connection => "connection",
            Self::Version => "version",
            Self::Key => "key",
            Self::Origin => "origin",
            Self::MalformedSubprotocol => "malformed_subprotocol",
            Self::NoSubprotocol => "no_subprotocol",
            Self::MalformedExtensions => "malformed_extensions",
            Self::Stopping => "stopping",
            Self::TooMany => "too_many",
            Self::TooManyOnRoute => "too_many_on_route",
            Self::TooManyFromAddress => "too_many_from_address",
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Method => "a WebSocket handshake is a GET",
            Self::OldHttp => "a WebSocket handshake is an HTTP/1.1 request",
            Self::NotConnect => "a WebSocket handshake on HTTP/2 is an extended CONNECT",
            Self::Protocol => "the :protocol of a WebSocket handshake is websocket",
            Self::Body => "a WebSocket handshake has no body",
            Self::Upgrade => "this is a WebSocket route: the Upgrade header must list websocket",
            Self::Connection => "the Connection header must list upgrade",
            Self::Version | Self::ConnectVersion => "the Sec-WebSocket-Version header must be 13",
            Self::Key => "the Sec-WebSocket-Key header must be the base64 of 16 bytes",
            Self::Origin => "pages of this origin may not connect",
            Self::MalformedSubprotocol => "the Sec-WebSocket-Protocol header must list different tokens",
            Self::NoSubprotocol => "none of the offered subprotocols is supported",
            Self::MalformedExtensions => "the Sec-WebSocket-Extensions header cannot be read",
            Self::Stopping => "the server is stopping",
            Self::TooMany | Self::TooManyOnRoute => "there are too many connections",
            Self::TooManyFromAddress => "there are too many connections from this address",
        })
    }
}

impl std::error::Error for HandshakeError {}

impl IntoResponse for HandshakeError {
    fn into_response(self) -> Response {
        let mut response = (self.status(), format!("{self}\n")).into_response();
        let headers = response.headers_mut();
        let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
        match self {
            Self::Method => {
                set(ALLOW, "GET");
            }
            Self::NotConnect => {
                set(ALLOW, "CONNECT");
            }
            Self::ConnectVersion => {
                set(SEC_WEBSOCKET_VERSION, "13");
            }
            Self::OldHttp | Self::Upgrade | Self::Connection => {
                set(UPGRADE, "websocket");
                set(CONNECTION, "upgrade");
            }
            Self::Version => {
                set(UPGRADE, "websocket");
                set(CONNECTION, "upgrade");
                set(SEC_WEBSOCKET_VERSION, "13");
            }
            Self::Stopping => {
                set(RETRY_AFTER, "1");
                set(CONNECTION, "close");
            }
            Self::TooMany | Self::TooManyOnRoute | Self::TooManyFromAddress => {
                set(RETRY_AFTER, "5");
            }
            // What follows a request that cannot be trusted must not be read as the next one.
            Self::Body => {
                set(CONNECTION, "close");
            }
            Self::Protocol
            | Self::Key
            | Self::Origin
            | Self::MalformedSubprotocol
            | Self::NoSubprotocol
            | Self::MalformedExtensions => {}
        }
        response
    }
}
