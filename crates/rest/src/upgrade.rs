use std::any::Any;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum_core::extract::FromRequestParts;
use bytes::{Buf, Bytes};
use futures_util::FutureExt;
use futures_util::future::OptionFuture;
use http::header::{ALLOW, CONNECTION, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use hyper::ext::Protocol;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tracing::{Instrument, Span, field};

use crate::extract::{ClientIp, PeerAddr};
use crate::metrics::{LifeKind, Metrics};
use crate::middleware::panic_message;
use crate::serve::{Carrier, Socket, Stream};
use crate::shutdown::{Lifecycle, Stopping};
use crate::trace::{TraceContext, TraceId};
use crate::{Body, IntoResponse, Response};

/// The right to take over a request's connection: "answer 101, then run this task".
///
/// As an extractor it is there on HTTP/1.1 requests with an `Upgrade` header, and on HTTP/2 for extended CONNECT (RFC 8441),
/// where the answer is 200 and the connection is the request's stream. The router takes an extended CONNECT for a GET, so
/// that a route is the same on both. Upgrade does not judge the protocol, which on HTTP/2 is in the request's [`Protocol`];
/// for WebSocket, `ws` does.
///
/// ```
/// use rest::header::{HeaderMap, UPGRADE};
/// use rest::{Response, Upgrade};
/// use tokio::io::AsyncWriteExt;
///
/// async fn greet(upgrade: Upgrade) -> Response {
///     let headers = HeaderMap::from_iter([(UPGRADE, "greeting".parse().unwrap())]);
///     upgrade.on_upgrade(headers, |mut connection, _stopping| async move {
///         let _ = connection.write_all(b"Hello!").await;
///     })
/// }
/// ```
pub struct Upgrade {
    on_upgrade: OnUpgrade,
    /// What the answer's status is.
    status: StatusCode,
    /// What keeps the connection below, where the request has a stream of it only.
    carrier: Option<Carrier>,
    lifecycle: Lifecycle,
    peer: Option<SocketAddr>,
    trace: Option<TraceId>,
    client: Option<ClientIp>,
}

impl Upgrade {
    /// Answers 101 with these headers, or 200 on HTTP/2, and runs the task that `task` makes on the connection.
    ///
    /// The task starts when the answer is written. It belongs to the engine: stopping waits for it and drops it when the
    /// time is up, and a panic in it is logged and ends that task alone. Its span follows from the request's. It is not
    /// run where the response that leaves is another one, or the client is gone.
    pub fn on_upgrade<F, Fut>(self, headers: HeaderMap, task: F) -> Response
    where
        F: FnOnce(Connection, Stopping) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let span = tracing::info_span!(
            parent: None,
            "connection",
            peer = self.peer.map(field::display),
            trace = self.trace.map(field::display)
        );
        span.follows_from(Span::current());

        let accepted = Accepted { status: self.status, has_left: Arc::default() };
        let has_left = accepted.has_left.clone();
        let (on_upgrade, carrier, lifecycle) = (self.on_upgrade, self.carrier, self.lifecycle.clone());
        let opening = async move {
            match on_upgrade.await {
                Ok(upgraded) if has_left.load(Ordering::Acquire) => {
                    let open = lifecycle.metrics().http().living(LifeKind::Upgraded);
                    let carried = carrier.map(Carrier::hold);
                    let task = task(Connection::new(upgraded), lifecycle.stopping());
                    return Some(task.map(move |()| drop((open, carried))));
                }
                Ok(_) => tracing::debug!("the connection was not upgraded, another response was sent"),
                Err(error) => tracing::debug!(%error, "the connection was not upgraded"),
            }
            None
        };
        // What only the handshake needs is on the heap, and gone when the task runs, perhaps for days. Combinators and no async
        // block, which would keep room for all that is moved in it.
        let upgraded = Box::pin(opening).map(OptionFuture::from).flatten();
        let contained = AssertUnwindSafe(upgraded).catch_unwind().map(|end| {
            if let Err(panic) = end {
                tracing::error!(
                    panic = panic_message(&*panic as &(dyn Any + Send)),
                    "a connection's task panicked"
                );
            }
        });
        self.lifecycle.spawn(contained.instrument(span));

        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        if self.status == StatusCode::SWITCHING_PROTOCOLS {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        }
        response.extensions_mut().insert(accepted);
        response
    }

    /// Whether the engine has begun to stop, so that a new connection would not live long.
    pub fn is_stopping(&self) -> bool {
        self.lifecycle.stopping().has_begun()
    }

    /// The metrics of the engine, for what is to be counted of the connection.
    pub fn metrics(&self) -> &Metrics {
        self.lifecycle.metrics()
    }

    /// The address of the connection's other end, where it is known. Behind a proxy it is the proxy's.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// The address of the client, as [`ClientIp`] has it.
    pub fn client_ip(&self) -> Option<IpAddr> {
        self.client.map(|client| client.0)
    }
}

/// Whether the engine has let the answer go; travels with it as an extension.
///
/// To hyper a request is an upgrade: it hands the connection over when it is done with it, whatever the response was.
#[derive(Clone)]
struct Accepted {
    status: StatusCode,
    has_left: Arc<AtomicBool>,
}

/// Lets the task of an upgrade run, if its answer is the response that leaves the engine.
pub(crate) fn accept(response: &Response) {
    if let Some(accepted) = response.extensions().get::<Accepted>()
        && accepted.status == response.status()
    {
        accepted.has_left.store(true, Ordering::Release);
    }
}

/// Whether a request is an extended CONNECT, RFC 8441.
pub(crate) fn is_extended_connect<B>(request: &http::Request<B>) -> bool {
    *request.method() == Method::CONNECT && request.extensions().get::<Protocol>().is_some()
}

/// Refuses an extended CONNECT that a handler has answered as if it was a GET: to the client any success would be an open
/// stream.
pub(crate) fn refuse_unless_accepted(response: Response) -> Response {
    if !response.status().is_success() || response.extensions().get::<Accepted>().is_some() {
        return response;
    }
    (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET")], "this route has nothing to connect to\n")
        .into_response()
}

impl<S: Sync> FromRequestParts<S> for Upgrade {
    type Rejection = UpgradeRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, UpgradeRejection> {
        let lifecycle = parts.extensions.get::<Lifecycle>().cloned().ok_or(UpgradeRejection(()))?;
        let on_upgrade = parts.extensions.remove::<OnUpgrade>().ok_or(UpgradeRejection(()))?;
        let peer = parts.extensions.get::<PeerAddr>().map(|peer| peer.0);
        let trace = parts.extensions.get::<TraceContext>().map(TraceContext::trace_id);
        let is_stream = parts.version >= Version::HTTP_2;
        let status = if is_stream { StatusCode::OK } else { StatusCode::SWITCHING_PROTOCOLS };
        let carrier = parts.extensions.remove::<Carrier>();
        Ok(Self { on_upgrade, status, carrier, lifecycle, peer, trace, client: ClientIp::of(parts) })
    }
}

/// The connection cannot be upgraded: answered with 426 Upgrade Required.
#[derive(Debug)]
pub struct UpgradeRejection(());

impl fmt::Display for UpgradeRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this route needs a connection that can be upgraded")
    }
}

impl std::error::Error for UpgradeRejection {}

impl IntoResponse for UpgradeRejection {
    fn into_response(self) -> Response {
        (StatusCode::UPGRADE_REQUIRED, [(UPGRADE, "websocket"), (CONNECTION, "upgrade")], format!("{self}\n"))
            .into_response()
    }
}

/// An upgraded connection: bytes in, bytes out. What came before the upgrade was finished is read first.
pub struct Connection {
    early: Bytes,
    io: Io,
}

enum Io {
    /// Served by this crate: no indirection on the way to the socket.
    Own(Stream),
    /// A stream of an HTTP/2 connection, or served by other means, through [`EngineService`](crate::EngineService).
    Foreign(TokioIo<Upgraded>),
}

impl Connection {
    fn new(upgraded: Upgraded) -> Self {
        match upgraded.downcast::<TokioIo<Socket>>() {
            Ok(parts) => {
                let (early, stream) = parts.io.into_inner().into_parts();
                // Copied, as even an empty part of hyper's read buffer would keep the whole of it for the connection's life.
                Self { early: [&parts.read_buf[..], &early].concat().into(), io: Io::Own(stream) }
            }
            Err(upgraded) => Self { early: Bytes::new(), io: Io::Foreign(TokioIo::new(upgraded)) },
        }
    }
}

/// How much goes to hyper at once. It copies whatever it is given, and tells nothing of a stream's progress but when it takes
/// the next piece.
const PIECE: usize = 16 * 1024;

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.early.is_empty() {
            let n = self.early.len().min(buf.remaining());
            buf.put_slice(&self.early[..n]);
            self.early.advance(n);
            return Poll::Ready(Ok(()));
        }
        match &mut self.io {
            Io::Own(io) => Pin::new(io).poll_read(cx, buf),
            Io::Foreign(io) => Pin::new(io).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Own(io) => Pin::new(io).poll_write(cx, buf),
            Io::Foreign(io) => Pin::new(io).poll_write(cx, &buf[..buf.len().min(PIECE)]),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Own(io) => Pin::new(io).poll_write_vectored(cx, bufs),
            Io::Foreign(_) => {
                let first = bufs.iter().find(|buf| !buf.is_empty());
                self.poll_write(cx, first.map_or(&[][..], |buf| buf))
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Io::Own(io) => io.is_write_vectored(),
            Io::Foreign(_) => false,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Own(io) => Pin::new(io).poll_flush(cx),
            Io::Foreign(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Own(io) => Pin::new(io).poll_shutdown(cx),
            Io::Foreign(io) => Pin::new(io).poll_shutdown(cx),
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("early", &self.early.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrade").field("peer", &self.peer).finish_non_exhaustive()
    }
}
