//! Which trace a request belongs to, by the W3C recommendations [Trace Context](https://www.w3.org/TR/trace-context/) and
//! [Baggage](https://www.w3.org/TR/baggage/).
//!
//! [`TraceContext`] is an extractor. What a handler asks another service, it asks with the headers of
//! [`TraceContext::inject`]:
//!
//! ```
//! use rest::header::HeaderMap;
//! use rest::trace::TraceContext;
//!
//! async fn order(trace: TraceContext) -> String {
//!     let mut headers = HeaderMap::new();
//!     trace.inject(&mut headers); // for the call to the stock's service
//!     format!("ordered in trace {}", trace.trace_id())
//! }
//! ```

mod parent;

use std::borrow::Cow;
use std::fmt;

use axum_core::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;

use self::parent::Parent;
pub(crate) use self::parent::Written;
use crate::StatusCode;

/// The place of a request in its trace: the span of this server, and what travels along.
///
/// It is there where the middleware [trace](crate::middleware) is on and the route is not one of `TraceIgnorePaths`;
/// elsewhere the extractor answers 500, and `Option<Extension<TraceContext>>` is none.
#[derive(Clone)]
pub struct TraceContext {
    trace: TraceId,
    span: SpanId,
    /// The span of the caller.
    parent: Option<SpanId>,
    flags: u8,
    state: Option<HeaderValue>,
    baggage: Option<HeaderValue>,
    written: Written,
}

/// The number of a trace, in 32 hexadecimal digits.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct TraceId(pub(crate) u128);

/// The number of a span within a trace, in 16 hexadecimal digits.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct SpanId(pub(crate) u64);

impl TraceContext {
    /// Goes on with the caller's trace, or begins one, of which the part `sampler` is sampled.
    pub(crate) fn receive(headers: &HeaderMap, sampler: f64) -> Self {
        let baggage = combined(headers, BAGGAGE, MAX_BAGGAGE);
        let span = SpanId(fastrand::u64(1..));
        if let Some(Parent { trace, span: parent, flags }) = Parent::of(headers) {
            let state = combined(headers, TRACESTATE, MAX_STATE);
            let written = Written::new(trace, span, flags);
            return Self { trace, span, parent: Some(parent), flags, state, baggage, written };
        }
        let trace = TraceId(fastrand::u128(1..));
        let flags = if is_sampled(trace, sampler) { SAMPLED } else { 0 };
        let written = Written::new(trace, span, flags);
        Self { trace, span, parent: None, flags, state: None, baggage, written }
    }

    /// The trace.
    pub fn trace_id(&self) -> TraceId {
        self.trace
    }

    /// The span of this request in this server.
    pub fn span_id(&self) -> SpanId {
        self.span
    }

    /// What the tracing systems before this one have to say, where it is text.
    #[cfg(feature = "otlp")]
    pub(crate) fn state(&self) -> Option<&str> {
        self.state.as_ref()?.to_str().ok()
    }

    /// The caller's span, where there was one.
    pub fn parent_id(&self) -> Option<SpanId> {
        self.parent
    }

    /// Whether the trace is one that is kept: the caller's decision, or that of `Telemetry.Sampler`.
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The value of a key in the baggage, percent-decoded. Whoever calls can write anything there.
    pub fn baggage(&self, key: &str) -> Option<Cow<'_, str>> {
        let members = self.baggage.as_ref()?.to_str().ok()?.split(',');
        let mut pairs = members.filter_map(|member| member.split(';').next()?.split_once('='));
        let (_, value) = pairs.find(|(own, _)| own.trim() == key)?;
        Some(percent_decode_str(value.trim()).decode_utf8_lossy())
    }

    /// Adds the headers `traceparent`, `tracestate` and `baggage` to those of a call to another service.
    pub fn inject(&self, headers: &mut HeaderMap) {
        headers.insert(TRACEPARENT, self.traceparent());
        for (name, value) in [(TRACESTATE, &self.state), (BAGGAGE, &self.baggage)] {
            if let Some(value) = value {
                headers.insert(name, value.clone());
            }
        }
    }

    /// The header `traceparent` that names this server's span.
    pub(crate) fn traceparent(&self) -> HeaderValue {
        self.written.header()
    }

    /// The numbers of trace and span as text.
    pub(crate) fn written(&self) -> Written {
        self.written
    }
}

/// The lines of a header as one, or nothing where they are longer than is worth carrying.
fn combined(headers: &HeaderMap, name: HeaderName, max: usize) -> Option<HeaderValue> {
    let lines = headers.get_all(name);
    let first = lines.iter().next()?;
    let line = if lines.iter().nth(1).is_none() {
        first.clone()
    } else {
        let lines: Vec<_> = lines.iter().map(HeaderValue::as_bytes).collect();
        HeaderValue::try_from(lines.join(&b","[..])).ok()?
    };
    Some(line).filter(|line| !line.is_empty() && line.len() <= max)
}

/// OpenTelemetry's way, so that all services with one ratio keep the same traces: by the trace's number.
fn is_sampled(trace: TraceId, ratio: f64) -> bool {
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is what counts")]
    let lower = trace.0 as u64 >> 1;
    ratio >= 1.0 || (lower as f64) < ratio * (1_u64 << 63) as f64
}

impl<S: Sync> FromRequestParts<S> for TraceContext {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, StatusCode> {
        parts.extensions.get::<Self>().cloned().ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Without what travels along, which may be private.
impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceContext")
            .field("trace", &self.trace)
            .field("span", &self.span)
            .field("parent", &self.parent)
            .field("is_sampled", &self.is_sampled())
            .finish_non_exhaustive()
    }
}

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const BAGGAGE: HeaderName = HeaderName::from_static("baggage");
/// The flag of a trace that is kept.
const SAMPLED: u8 = 1;
/// How much of a `tracestate` is passed on; the recommendation wants 512 at least.
const MAX_STATE: usize = 4 << 10;
/// How much baggage is passed on: what the recommendation wants.
const MAX_BAGGAGE: usize = 8 << 10;

#[cfg(test)]
mod tests;
