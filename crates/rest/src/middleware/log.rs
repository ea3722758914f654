//! Writes one line per request, and another one for a slow one.
//!
//! | field | what it is |
//! |---|---|
//! | `status` | the answer's; 101 for an upgrade, 200 for one on HTTP/2, 499 where the client did not wait for one |
//! | `method`, `path` | the request's, without its query |
//! | `peer` | the other end of the connection |
//! | `forwarded` | `X-Forwarded-For` as it came: whoever calls can write anything there |
//! | `agent` | `User-Agent` |
//! | `duration` | the time to the response's head |
//! | `rejected` | who answered [instead of the handler](crate::RejectedBy) |
//! | `trace`, `span` | the [trace](crate::trace), where it is on |
//!
//! The level is `info`, and `error` from 500 on. A request that took longer than `SlowThreshold` has a second line, at
//! `warn`, in the file `slow.log` where there are files. A connection that stays is never slow by that: of an upgrade and of a stream of events the time is that of the
//! handshake, and their life has a closing line of its own, from `ws` and from [`sse`](crate::sse).
//!
//! What might be secret is never written: no query, no `Authorization`, no cookie, no subprotocol, no body.
//!
//! - **Switch**: `Middlewares.Log`, on.
//! - **Config**: `SlowThreshold`, 500 ms; 0 is never.
//! - **Limits**: 256 bytes of `agent` and of `forwarded`.
//! - **Answers**: none of its own.
//! - **Metric**: none; [prometheus](super::prometheus) counts.
//! - **go-zero**: writes the query, and with a 500 the whole request with its `Authorization`; tells what is slow by one
//!   threshold of the process, which every WebSocket is over.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::USER_AGENT;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::{Layer, Service};
use tracing::field;
use tracing::instrument::Instrumented;
use tracing::{Instrument, Level, Span};

use crate::extract::PeerAddr;
use crate::logging::SLOW;
use crate::trace::{TraceContext, Written};
use crate::{RejectedBy, Request, Response};

#[derive(Clone)]
pub(crate) struct LogLayer {
    pub(crate) on: bool,
    /// Whether it opens the request's span, as no trace does.
    pub(crate) opens_span: bool,
    /// From when on a request is slow; zero is never.
    pub(crate) slow: Duration,
}

#[derive(Clone)]
pub(crate) struct Log<T> {
    layer: LogLayer,
    inner: T,
}

impl<T> Layer<T> for LogLayer {
    type Service = Log<T>;

    fn layer(&self, inner: T) -> Log<T> {
        Log { layer: self.clone(), inner }
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
        let span = match self.layer.opens_span {
            true => tracing::info_span!("http", method = %request.method(), path = request.uri().path()),
            false => Span::none(), // the trace's stays the current one
        };
        let line = self.layer.on.then(|| Line::begin(&request, self.layer.slow));
        let answer = span.in_scope(|| self.inner.call(request)).instrument(span);
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
            line.rejected = response.extensions().get::<RejectedBy>().copied();
        }
        Poll::Ready(Ok(response))
    }
}

/// A line of the access log. It is written on drop, so that also a request is logged whose client went away.
struct Line {
    method: Method,
    path: String,
    peer: Option<SocketAddr>,
    forwarded: Option<HeaderValue>,
    agent: Option<HeaderValue>,
    ids: Option<Written>,
    begin: Instant,
    slow: Duration,
    /// `None` while there is no response, and for ever when the client does not wait for it.
    status: Option<StatusCode>,
    rejected: Option<RejectedBy>,
}

impl Line {
    fn begin(request: &Request, slow: Duration) -> Self {
        let trace = request.extensions().get::<TraceContext>();
        Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            peer: request.extensions().get::<PeerAddr>().map(|peer| peer.0),
            forwarded: request.headers().get(X_FORWARDED_FOR).cloned(),
            agent: request.headers().get(USER_AGENT).cloned(),
            ids: trace.map(TraceContext::written),
            begin: Instant::now(),
            slow,
            status: None,
            rejected: None,
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // 499 is nginx's and go-zero's word for a client that closed before the answer. A panic is on its way to the outermost
        // recover, which makes a 500 of it.
        let unanswered = if std::thread::panicking() { 500 } else { 499 };
        let status = self.status.map_or(unanswered, |status| status.as_u16());
        let duration = self.begin.elapsed();
        let peer = self.peer.map(field::display);
        let (trace, span) =
            self.ids.as_ref().map(|ids| (field::display(ids.trace()), field::display(ids.span()))).unzip();
        // Outside of the request's span, whose fields it has already.
        macro_rules! line {
            ($target:expr, $level:expr, $what:literal) => {
                tracing::event!(
                    target: $target,
                    parent: None,
                    $level,
                    status,
                    method = %self.method.as_str(),
                    path = self.path,
                    peer,
                    forwarded = self.forwarded.as_ref().map(shortened),
                    agent = self.agent.as_ref().map(shortened),
                    ?duration,
                    rejected = self.rejected.map(|by| by.0),
                    trace,
                    span,
                    $what
                )
            };
        }
        if status >= 500 {
            line!(module_path!(), Level::ERROR, "request");
        } else {
            line!(module_path!(), Level::INFO, "request");
        }
        if duration > self.slow && !self.slow.is_zero() {
            line!(SLOW, Level::WARN, "slow request");
        }
    }
}

/// What a client may write into a line, and how much of it.
fn shortened(value: &HeaderValue) -> &str {
    let text = value.to_str().unwrap_or("(not a text)");
    text.get(..MAX_TEXT).unwrap_or(text)
}

const MAX_TEXT: usize = 256;
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
