use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use pin_project_lite::pin_project;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::Service;

use super::activity::Activity;
use super::socket::{Socket, Stream};
use crate::extract::PeerAddr;
use crate::service::{EngineService, ResponseFuture};
use crate::shutdown::{Lifecycle, Stopping};
use crate::{Body, Response, RestConf};

/// Serves one connection until it ends, its time is up, or it was upgraded.
pub(super) async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    conf: Arc<RestConf>,
    service: EngineService,
) {
    let activity = Arc::new(Activity::new(conf.header_timeout, conf.idle_timeout));
    let mut stopping = service.lifecycle().stopping();
    let stream = match tls {
        None => Stream::Plain(stream),
        Some(tls) => match handshake(&tls, stream, &conf, &mut stopping).await {
            Ok(stream) => Stream::Tls(Box::new(stream)),
            Err(error) => return tracing::debug!(%error, %peer, "no TLS handshake"),
        },
    };

    let http = http(&conf, service.lifecycle().clone());
    let socket = TokioIo::new(Socket::new(stream, activity.clone()));
    let requests = Requests { service, peer, activity: activity.clone() };
    let mut connection = pin!(http.serve_connection_with_upgrades(socket, requests));
    let mut check = pin!(sleep_until(Instant::now()));
    let mut is_ending = false;
    loop {
        tokio::select! {
            end = connection.as_mut() => {
                if let Err(error) = end {
                    tracing::debug!(error, %peer, "the connection ended early");
                }
                return;
            }
            () = stopping.draining(), if !is_ending => {}
            () = check.as_mut() => match activity.next_check(Instant::now()) {
                Some(next) => {
                    check.as_mut().reset(next);
                    continue;
                }
                None if is_ending => return,
                None => {}
            }
        }
        is_ending = true;
        activity.farewell();
        connection.as_mut().graceful_shutdown();
        check.as_mut().reset(Instant::now());
    }
}

/// Does the server's part of the TLS handshake, for which the time of a request's head must do.
async fn handshake(
    tls: &TlsAcceptor,
    stream: TcpStream,
    conf: &RestConf,
    stopping: &mut Stopping,
) -> io::Result<TlsStream<TcpStream>> {
    let limit = Some(conf.header_timeout).filter(|limit| !limit.is_zero()).unwrap_or(Duration::MAX);
    tokio::select! {
        done = timeout(limit, tls.accept(stream)) => done.unwrap_or_else(|late| Err(late.into())),
        () = stopping.draining() => Err(io::Error::other("the server is stopping")),
    }
}

fn http(conf: &RestConf, lifecycle: Lifecycle) -> auto::Builder<Lifecycle> {
    let mut http = auto::Builder::new(lifecycle);
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None) // `Activity` has it
        .max_buf_size(conf.max_header_bytes.max(LEAST_BUFFER));
    http.http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(conf.max_header_bytes).unwrap_or(u32::MAX));
    http
}

/// What hyper must have; a config that was not loaded may say less.
const LEAST_BUFFER: usize = 8 << 10;

impl<F> Executor<F> for Lifecycle
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.spawn(task);
    }
}

/// The engine's service as hyper wants it, for the requests of one connection.
#[derive(Clone)]
struct Requests {
    service: EngineService,
    peer: SocketAddr,
    activity: Arc<Activity>,
}

impl hyper::service::Service<http::Request<Incoming>> for Requests {
    type Response = http::Response<InFlight<Body>>;
    type Error = Infallible;
    type Future = InFlight<ResponseFuture>;

    fn call(&self, mut request: http::Request<Incoming>) -> Self::Future {
        self.activity.begin(request.version());
        let in_flight = Guard { activity: self.activity.clone() };
        request.extensions_mut().insert(PeerAddr(self.peer));
        InFlight { inner: self.service.clone().call(request), guard: Some(in_flight) }
    }
}

/// Ends a request's time in flight when it is dropped.
struct Guard {
    activity: Arc<Activity>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.activity.end();
    }
}

pin_project! {
    /// A response on its way, and then its body: the request is in flight until both are gone.
    struct InFlight<T> {
        #[pin]
        inner: T,
        guard: Option<Guard>,
    }
}

impl Future for InFlight<ResponseFuture> {
    type Output = Result<http::Response<InFlight<Body>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response: Response = ready!(this.inner.poll(cx))?;
        let guard = this.guard.take();
        Poll::Ready(Ok(response.map(|inner| InFlight { inner, guard })))
    }
}

impl HttpBody for InFlight<Body> {
    type Data = Bytes;
    type Error = axum_core::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.project().inner.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
