use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Method, StatusCode};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::{Layer, Service};
use tracing::Instrument;
use tracing::Span;
use tracing::instrument::Instrumented;

use crate::extract::PeerAddr;
use crate::{Request, Response};

/// Writes one line per request: method, path, status, latency, peer. Opens the request's span.
///
/// What might be secret is never written: no query, no header, no body. The latency is the one to the response's head.
#[derive(Clone)]
pub(crate) struct LogLayer {
    pub(crate) on: bool,
}

#[derive(Clone)]
pub(crate) struct Log<T> {
    on: bool,
    inner: T,
}

impl<T> Layer<T> for LogLayer {
    type Service = Log<T>;

    fn layer(&self, inner: T) -> Log<T> {
        Log { on: self.on, inner }
    }
}

impl<T> Service<Request> for Log<T>
where
    T: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = ResponseFuture<T::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let line = self.on.then(|| Line::begin(&request));
        let span = line.as_ref().map_or_else(Span::none, Line::span);
        let answer = span.in_scope(|| self.inner.call(request)).instrument(span.clone());
        ResponseFuture { answer, line }
    }
}

pin_project! {
    pub(crate) struct ResponseFuture<F> {
        #[pin]
        answer: Instrumented<F>,
        line: Option<Line>,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for ResponseFuture<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut line = this.line.take(); // so that a panic drops it here
        let Poll::Ready(response) = this.answer.poll(cx)? else {
            *this.line = line;
            return Poll::Pending;
        };
        if let Some(line) = &mut line {
            line.status = Some(response.status());
        }
        Poll::Ready(Ok(response))
    }
}

/// A line of the access log. It is written on drop, so that also a request is logged whose client went away.
struct Line {
    method: Method,
    path: String,
    peer: Option<SocketAddr>,
    begin: Instant,
    /// `None` while there is no response, and for ever when the client does not wait for it.
    status: Option<StatusCode>,
}

impl Line {
    fn begin(request: &Request) -> Self {
        Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            peer: request.extensions().get::<PeerAddr>().map(|peer| peer.0),
            begin: Instant::now(),
            status: None,
        }
    }

    fn span(&self) -> Span {
        tracing::info_span!("http", method = %self.method, path = %self.path)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // 499 is nginx's and go-zero's word for a client that closed before the answer. A panic is on its way to the outermost
        // recover, which makes a 500 of it.
        let unanswered = if std::thread::panicking() { 500 } else { 499 };
        let status = self.status.map_or(unanswered, |status| status.as_u16());
        let (method, path, latency) = (&self.method, &self.path, self.begin.elapsed());
        let peer = self.peer.map(tracing::field::display);
        if status >= 500 {
            tracing::error!(%method, path, status, ?latency, peer, "request");
        } else {
            tracing::info!(%method, path, status, ?latency, peer, "request");
        }
    }
}
