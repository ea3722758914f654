//! The opening handshake, the client's side: RFC 6455 section 4.1, and RFC 8441 section 5 over HTTP/2.

use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use data_encoding::BASE64;
use futures_util::future::{Either, select};
use http::header::{
    CONNECTION, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::ext::Protocol;
use hyper::upgrade::Upgraded;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::Dialer;
use super::error::{ConnectError, Kind};
use super::target::Target;
use crate::compression::{Agreed, offer};
use crate::conf::Compression;
use crate::extensions::extensions;
use crate::header::{has_token, only};

/// A request, and what an answer to it must say.
pub(super) struct Opening {
    request: Request<Empty<Bytes>>,
    offered: Offered,
}

impl Opening {
    /// Over HTTP/1.1.
    pub(super) fn new(target: &Target, dialer: &Dialer) -> Result<Self, ConnectError> {
        let key = BASE64.encode(&rand::random::<[u8; 16]>());
        let mut opening = Self::offer(dialer, Some(derive_accept_key(key.as_bytes())))?;
        *opening.request.uri_mut() = target.path().clone().into();
        let headers = opening.request.headers_mut();
        if !headers.contains_key(HOST) {
            headers.insert(HOST, value(target.authority())?); // one of the user's goes before ours
        }
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(SEC_WEBSOCKET_KEY, value(&key)?);
        Ok(opening)
    }

    /// Over HTTP/2: an extended CONNECT.
    pub(super) fn new_http2(target: &Target, dialer: &Dialer) -> Result<Self, ConnectError> {
        let mut opening = Self::offer(dialer, None)?;
        let scheme = if target.is_tls() { "https" } else { "http" };
        let uri =
            Uri::builder().scheme(scheme).authority(target.authority()).path_and_query(target.path().clone());
        *opening.request.uri_mut() =
            uri.build().map_err(|_| Kind::Url("it cannot be asked for over HTTP/2"))?;
        *opening.request.method_mut() = Method::CONNECT;
        *opening.request.version_mut() = Version::HTTP_2;
        opening.request.extensions_mut().insert(Protocol::from_static("websocket"));
        Ok(opening)
    }

    /// What both say.
    fn offer(dialer: &Dialer, accept: Option<String>) -> Result<Self, ConnectError> {
        let subprotocols = dialer.offered_subprotocols()?.to_vec();
        let compression = Some(&dialer.conf.compression).filter(|conf| conf.enabled).cloned();
        let mut request = Request::new(Empty::new());
        let headers = request.headers_mut();
        headers.extend(dialer.own_headers()?.clone());
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        if !subprotocols.is_empty() {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, value(&subprotocols.join(", "))?);
        }
        if let Some(conf) = &compression {
            headers.insert(SEC_WEBSOCKET_EXTENSIONS, value(&offer(conf))?);
        }
        Ok(Self { request, offered: Offered { accept, subprotocols, compression } })
    }
}

fn value(text: &str) -> Result<HeaderValue, ConnectError> {
    HeaderValue::from_str(text).map_err(|_| Kind::Url("its host is not ASCII").into())
}

/// What the server may choose from.
#[derive(Clone, Debug)]
struct Offered {
    /// What HTTP/1.1 wants for our key.
    accept: Option<String>,
    subprotocols: Vec<String>,
    /// `None` where no compression is offered.
    compression: Option<Compression>,
}

/// What the server chose.
#[derive(Debug, PartialEq, Eq)]
struct Chosen {
    subprotocol: Option<String>,
    agreed: Option<Agreed>,
}

/// The connection behind the 101, or the stream behind the 200.
pub(super) struct Opened {
    pub(super) io: TokioIo<Upgraded>,
    pub(super) subprotocol: Option<String>,
    pub(super) agreed: Option<Agreed>,
}

impl Opening {
    /// Sends the request, and takes the connection over when the answer is in order.
    pub(super) async fn run(
        self,
        io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Result<Opened, ConnectError> {
        let mut builder = http1::Builder::new();
        builder.max_buf_size(MAX_HEAD);
        let (mut sender, connection) = builder.handshake(TokioIo::new(io)).await.map_err(Kind::Http)?;
        let connection = pin!(connection.with_upgrades());
        let exchange = pin!(async {
            let response = sender.send_request(self.request).await.map_err(Kind::Http)?;
            if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                return Err(Kind::Refused(read(response).await).into());
            }
            let chosen = self.offered.judge(response.version(), response.headers());
            let Chosen { subprotocol, agreed } = chosen.map_err(Kind::Handshake)?;
            let upgraded = hyper::upgrade::on(response).await.map_err(Kind::Http)?;
            Ok(Opened { io: TokioIo::new(upgraded), subprotocol, agreed })
        });
        match select(exchange, connection).await {
            Either::Left((opened, _)) => opened,
            // It has handed the connection over, or told the exchange why not.
            Either::Right((_, exchange)) => exchange.await,
        }
    }

    /// The same on a connection that speaks HTTP/2, of which this takes the one stream.
    pub(super) async fn run_http2(
        self,
        io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Result<Opened, ConnectError> {
        let (mut sender, mut connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await.map_err(Kind::Http)?;
        // RFC 8441 section 3: nothing is asked before the server has said that it may be. hyper does not wake who waits for it.
        while !connection.is_extended_connect_protocol_enabled() {
            if let Ok(ended) = timeout(SETTINGS_INTERVAL, &mut connection).await {
                ended.map_err(Kind::Http)?;
                return Err(Kind::Handshake("the server does not speak HTTP/2").into());
            }
        }
        tokio::spawn(connection); // ends with its one stream, and if this future is dropped
        let response = sender.send_request(self.request).await.map_err(Kind::Http)?;
        if !response.status().is_success() {
            return Err(Kind::Refused(read(response).await).into());
        }
        let Chosen { subprotocol, agreed } =
            self.offered.choose(response.headers()).map_err(Kind::Handshake)?;
        let upgraded = hyper::upgrade::on(response).await.map_err(Kind::Http)?;
        Ok(Opened { io: TokioIo::new(upgraded), subprotocol, agreed })
    }
}

impl Offered {
    /// Judges a 101. The first clause that is broken is the error.
    fn judge(&self, version: Version, headers: &HeaderMap) -> Result<Chosen, &'static str> {
        if version != Version::HTTP_11 {
            return Err("the answer is not HTTP/1.1");
        }
        if !only(headers, UPGRADE).is_some_and(|upgrade| upgrade.eq_ignore_ascii_case("websocket")) {
            return Err("the answer's Upgrade is not websocket");
        }
        if !has_token(headers, CONNECTION, "upgrade") {
            return Err("the answer's Connection does not list upgrade");
        }
        if only(headers, SEC_WEBSOCKET_ACCEPT) != self.accept.as_deref() {
            return Err("the answer's Sec-WebSocket-Accept does not fit the key");
        }
        self.choose(headers)
    }

    /// Judges what the server has chosen.
    fn choose(&self, headers: &HeaderMap) -> Result<Chosen, &'static str> {
        let subprotocol = match headers.contains_key(SEC_WEBSOCKET_PROTOCOL) {
            true => {
                Some(self.subprotocol(headers).ok_or("the answer has a subprotocol that was not offered")?)
            }
            false => None,
        };
        let extensions = extensions(headers).ok_or("the answer's Sec-WebSocket-Extensions cannot be read")?;
        let agreed = match (&extensions[..], &self.compression) {
            ([answer], Some(conf)) => Agreed::from_answer(answer, conf),
            _ => None,
        };
        if agreed.is_none() && !extensions.is_empty() {
            return Err("the answer has an extension that was not offered so");
        }
        Ok(Chosen { subprotocol, agreed })
    }

    fn subprotocol(&self, headers: &HeaderMap) -> Option<String> {
        let chosen = only(headers, SEC_WEBSOCKET_PROTOCOL)?;
        self.subprotocols.iter().find(|offered| *offered == chosen).cloned()
    }
}

/// Reads a refusal, with as much of its body as comes soon.
async fn read(response: Response<Incoming>) -> Response<Bytes> {
    let (parts, mut body) = response.into_parts();
    let mut bytes = BytesMut::new();
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            let data = frame.into_data().unwrap_or_default();
            let room = MAX_BODY - bytes.len();
            bytes.extend_from_slice(&data[..data.len().min(room)]);
            if bytes.len() == MAX_BODY {
                break;
            }
        }
    };
    // What did not come by then is left out: the status is what counts.
    let _ = timeout(BODY_TIMEOUT, reading).await;
    Response::from_parts(parts, bytes.freeze())
}

/// How often it is looked for the server's settings, which it sends first of all.
const SETTINGS_INTERVAL: Duration = Duration::from_millis(1);

/// The longest head of an answer.
const MAX_HEAD: usize = 64 * 1024;

/// How much of a refusal's body is kept.
const MAX_BODY: usize = 4 * 1024;

/// How long a refusal's body is waited for.
const BODY_TIMEOUT: Duration = Duration::from_secs(1);
