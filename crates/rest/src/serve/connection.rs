use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Version};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::Service;
use tower_http::timeout::TimeoutBody;

use super::activity::{Activity, Carrier, Check, InFlight};
use super::connections::Slot;
use super::host;
use super::http::Http;
use super::socket::{Socket, Stream};
use super::wire::Wire;
use crate::awaited::Awaited;
use crate::extract::PeerAddr;
use crate::service::{EngineService, ResponseFuture};
use crate::shutdown::{Lifecycle, Stopping};
use crate::{Body, Response, RestConf};

/// Serves one connection until it ends, its time is up, or it was upgraded.
pub(super) async fn serve_connection(
    tcp: TcpStream,
    slot: Slot,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    conf: Arc<RestConf>,
    service: EngineService,
) {
    let activity = Arc::new(Activity::new(&conf));
    let metrics = slot.metrics();
    let wire = Wire::new(tcp, activity.clone(), slot);
    let mut stopping = service.lifecycle().stopping();
    let stream = match tls {
        None => Stream::Plain(wire),
        // On the heap: it is long, and most connections have none, or a proxy in front of them has it.
        Some(tls) => match Box::pin(handshake(&tls, wire, &conf, &mut stopping)).await {
            Ok(stream) => Stream::Tls(Box::new(stream)),
            Err(error) => return tracing::debug!(%error, %peer, "no TLS handshake"),
        },
    };

    let lifecycle = service.lifecycle().clone();
    let socket = Socket::new(stream, activity.clone());
    let requests = Requests { service, peer, body_timeout: conf.body_timeout, activity: activity.clone() };
    let mut connection = Http::new(socket, requests, &conf);
    let mut draining = pin!(Awaited::new(stopping.draining()));
    let mut check = pin!(Awaited::new(sleep_until(Instant::now())));
    let mut is_ending = false;
    loop {
        let next = poll_fn(|cx| {
            if let Poll::Ready(end) = connection.poll(cx) {
                return Poll::Ready(Next::End(end));
            }
            if !is_ending && draining.as_mut().poll(cx, lifecycle.is_stopping()).is_ready() {
                return Poll::Ready(Next::Drain);
            }
            let is_due = check.get().is_elapsed();
            check.as_mut().poll(cx, is_due).map(|()| Next::Check)
        });
        match next.await {
            Next::End(end) => {
                if let Err(error) = end {
                    tracing::debug!(error, %peer, "the connection ended early");
                }
                return;
            }
            Next::Drain => {}
            Next::Check => match activity.check(Instant::now()) {
                Check::Again(at) => {
                    check.as_mut().change(|sleep| sleep.reset(at));
                    continue;
                }
                Check::Stalled => {
                    metrics.stalled.inc();
                    return tracing::debug!(%peer, "the client takes nothing, the connection is cut");
                }
                Check::Over if is_ending => return,
                Check::Over => {}
            },
        }
        is_ending = true;
        activity.farewell();
        connection.graceful_shutdown();
        check.as_mut().change(|sleep| sleep.reset(Instant::now()));
    }
}

/// What there is to do about a connection.
enum Next<T> {
    /// It has ended.
    End(T),
    /// The engine stops.
    Drain,
    /// One of its times may be over.
    Check,
}

/// Does the server's part of the TLS handshake, for which the time of a request's head must do.
async fn handshake(
    tls: &TlsAcceptor,
    wire: Wire,
    conf: &RestConf,
    stopping: &mut Stopping,
) -> io::Result<TlsStream<Wire>> {
    let limit = Some(conf.header_timeout).filter(|limit| !limit.is_zero()).unwrap_or(Duration::MAX);
    tokio::select! {
        done = timeout(limit, tls.accept(wire)) => done.unwrap_or_else(|late| Err(late.into())),
        () = stopping.draining() => Err(io::Error::other("the server is stopping")),
    }
}

/// The engine's service as hyper wants it, for the requests of one connection.
#[derive(Clone)]
pub(super) struct Requests {
    service: EngineService,
    peer: SocketAddr,
    body_timeout: Duration,
    activity: Arc<Activity>,
}

impl Requests {
    pub(super) fn lifecycle(&self) -> &Lifecycle {
        self.service.lifecycle()
    }
}

impl hyper::service::Service<http::Request<Incoming>> for Requests {
    type Response = http::Response<Guarded<Body>>;
    type Error = Infallible;
    type Future = Guarded<ResponseFuture>;

    fn call(&self, mut request: http::Request<Incoming>) -> Self::Future {
        let carrier = Carrier { activity: self.activity.clone(), version: request.version() };
        if *request.method() == Method::CONNECT {
            request.extensions_mut().insert(carrier.clone());
        }
        let is_http2 = request.version() == Version::HTTP_2;
        let guard = Guard { in_flight: carrier.hold(), is_http2, is_waiting: false };
        request.extensions_mut().insert(PeerAddr(self.peer));
        let mut service = self.service.clone();
        if !host::is_clear(request.version(), request.headers()) {
            return Guarded { inner: service.refuse_host(request), guard: Some(guard) };
        }
        let inner = match self.body_timeout {
            limit if limit.is_zero() || request.body().is_end_stream() => service.call(request),
            limit => service.call(request.map(|body| TimeoutBody::new(limit, body))),
        };
        Guarded { inner, guard: Some(guard) }
    }
}

/// A request in flight.
struct Guard {
    in_flight: InFlight,
    is_http2: bool,
    /// Whether a frame of the response was taken, and no further one asked for.
    is_waiting: bool,
}

impl Guard {
    /// Notes that hyper asks for a frame.
    fn go_on(&mut self) {
        if mem::take(&mut self.is_waiting) {
            self.in_flight.activity().go_on();
        }
    }

    /// Notes that hyper has got one. On HTTP/1.1 that says nothing: there it is the socket that does not take any more.
    fn wait(&mut self) {
        if self.is_http2 {
            self.is_waiting = true;
            self.in_flight.activity().wait();
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.go_on();
    }
}

pin_project! {
    /// A response on its way, and then its body: the request is in flight until both are gone.
    pub(super) struct Guarded<T> {
        #[pin]
        inner: T,
        guard: Option<Guard>,
    }
}

impl Future for Guarded<ResponseFuture> {
    type Output = Result<http::Response<Guarded<Body>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response: Response = ready!(this.inner.poll(cx))?;
        let guard = this.guard.take();
        Poll::Ready(Ok(response.map(|inner| Guarded { inner, guard })))
    }
}

impl HttpBody for Guarded<Body> {
    type Data = Bytes;
    type Error = axum_core::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.project();
        if let Some(guard) = this.guard {
            guard.go_on();
        }
        let frame = ready!(this.inner.poll_frame(cx));
        if let (Some(guard), Some(Ok(_))) = (this.guard, &frame) {
            guard.wait();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
