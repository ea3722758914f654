//! Puts each request into its trace.
//!
//! It reads `traceparent`, `tracestate` and `baggage`, goes on with the caller's trace or begins one, opens the request's
//! span, which every line of the log stands in, and names that span in the response's `traceparent`, as go-zero does. What
//! handlers send on is [`TraceContext`].
//!
//! - **Switch**: `Middlewares.Trace`, on; `Telemetry.Disabled`, no.
//! - **Config**: `Telemetry.Sampler`, 1, is the part of the traces that is sampled, of those that begin here;
//!   `TraceIgnorePaths`, none, are the paths of routes that are left out.
//! - **Limits**: a `tracestate` over 4 KiB and a `baggage` over 8 KiB are not passed on.
//! - **Answers**: none of its own. A wrong `traceparent` begins a new trace.
//! - **Metric**: none.
//! - **go-zero**: the span of an upgrade ends with its 101, and the connection has one of its own; there it lasts as long as the
//!   handler, and says 200. What no route takes is traced if the switch is on; there always.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::HeaderValue;
use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tracing::Instrument;
use tracing::instrument::Instrumented;

use crate::telemetry::{ServerSpan, Spans, within};
use crate::trace::{TRACEPARENT, TraceContext};
use crate::{Request, Response, RestConf};

#[derive(Clone)]
pub(crate) struct TraceLayer(Option<Arc<Tracing>>);

/// What one route's tracing knows.
struct Tracing {
    /// The route's path; `None` for what no route takes.
    route: Option<String>,
    sampler: f64,
    /// Where there is no route, the paths that are not traced.
    ignored: Vec<String>,
    /// Where spans are sent to.
    spans: Option<Spans>,
}

impl TraceLayer {
    pub(crate) fn new(conf: &RestConf, route: Option<&str>, spans: Option<Spans>) -> Self {
        let is_ignored = route.is_some_and(|route| conf.trace_ignore_paths.iter().any(|it| it == route));
        let is_on = conf.middlewares.trace && !conf.telemetry.disabled && !is_ignored;
        Self(is_on.then(|| {
            Arc::new(Tracing {
                route: route.map(str::to_owned),
                sampler: conf.telemetry.sampler,
                ignored: if route.is_none() { conf.trace_ignore_paths.clone() } else { Vec::new() },
                spans,
            })
        }))
    }
}

impl TraceLayer {
    /// Whether there is a span around what is below. A path that is ignored only at the request has none.
    pub(crate) fn opens_span(&self) -> bool {
        self.0.is_some()
    }
}

impl Tracing {
    /// Whether a request is to be traced here, and not in an engine around this one.
    fn wants(&self, request: &Request) -> bool {
        request.extensions().get::<TraceContext>().is_none()
            && (self.route.is_some() || !self.ignored.iter().any(|path| path == request.uri().path()))
    }
}

#[derive(Clone)]
pub(crate) struct Trace<T> {
    tracing: Option<Arc<Tracing>>,
    inner: T,
}

impl<T> Layer<T> for TraceLayer {
    type Service = Trace<T>;

    fn layer(&self, inner: T) -> Trace<T> {
        Trace { tracing: self.0.clone(), inner }
    }
}

impl<T> Service<Request> for Trace<T>
where
    T: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = ResponseFuture<T::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let Some(tracing) = self.tracing.as_deref().filter(|tracing| tracing.wants(&request)) else {
            return ResponseFuture::Plain { answer: self.inner.call(request) };
        };
        let context = TraceContext::receive(request.headers(), tracing.sampler);
        let spans = tracing.spans.as_ref().filter(|_| context.is_sampled());
        let sent = spans.map(|spans| spans.begin(&request, &context, tracing.route.as_deref()));
        let written = context.written();
        let span = within(sent.as_ref(), || {
            tracing::info_span!(
                "http",
                method = %request.method().as_str(),
                path = request.uri().path(),
                trace = %written.trace(),
                span = %written.span(),
            )
        });
        let traceparent = Some(context.traceparent());
        request.extensions_mut().insert(context);
        let answer = span.in_scope(|| self.inner.call(request)).instrument(span);
        ResponseFuture::Traced { answer, traceparent, sent }
    }
}

pin_project! {
    #[project = Projected]
    pub(crate) enum ResponseFuture<F> {
        Plain { #[pin] answer: F },
        Traced { #[pin] answer: Instrumented<F>, traceparent: Option<HeaderValue>, sent: Option<ServerSpan> },
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for ResponseFuture<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Projected::Plain { answer } => answer.poll(cx),
            Projected::Traced { answer, traceparent, sent } => {
                let span = sent.take(); // so that a panic drops it here
                let Poll::Ready(response) = answer.poll(cx)? else {
                    *sent = span;
                    return Poll::Pending;
                };
                let mut response = response;
                if let Some(span) = span {
                    span.end(response.status());
                }
                if let Some(traceparent) = traceparent.take() {
                    response.headers_mut().insert(TRACEPARENT, traceparent);
                }
                Poll::Ready(Ok(response))
            }
        }
    }
}
