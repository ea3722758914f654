//! The span of a request, by OpenTelemetry's conventions for HTTP servers.

use std::borrow::Cow;
use std::time::SystemTime;

use http::header::{HOST, USER_AGENT};
use http::{StatusCode, Version};
use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanId, SpanKind, Status};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::exporter::{Spans, id, place};
use super::layer::Inside;
use crate::Request;
use crate::extract::PeerAddr;
use crate::trace::TraceContext;

/// A request's span. It ends when it is dropped, so that also a request has one whose client went away.
pub(crate) struct ServerSpan {
    spans: Spans,
    context: TraceContext,
    /// `None` once it has ended.
    data: Option<Box<SpanData>>,
    status: Option<StatusCode>,
}

impl Spans {
    /// Begins the span of a request to this route; `None` is what no route takes.
    pub(crate) fn begin(&self, request: &Request, context: &TraceContext, route: Option<&str>) -> ServerSpan {
        let state = context.state().and_then(|state| state.parse().ok()).unwrap_or_default();
        let now = SystemTime::now();
        let data = SpanData {
            span_context: place(context.trace_id(), context.span_id(), state),
            parent_span_id: context.parent_id().map_or(SpanId::INVALID, id),
            parent_span_is_remote: context.parent_id().is_some(),
            span_kind: SpanKind::Server,
            // A path that no route takes is not a name: there are as many as clients can think of.
            name: route.map_or_else(|| request.method().to_string(), str::to_owned).into(),
            start_time: now,
            end_time: now,
            attributes: attributes(request, route),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: self.scope(),
        };
        ServerSpan { spans: self.clone(), context: context.clone(), data: Some(Box::new(data)), status: None }
    }
}

impl ServerSpan {
    /// Ends it with the answer's status.
    pub(crate) fn end(mut self, status: StatusCode) {
        self.status = Some(status);
    }

    /// What spans inside of it need to know.
    pub(super) fn inside(&self) -> Inside {
        Inside { spans: self.spans.clone(), trace: self.context.trace_id(), span: self.context.span_id() }
    }
}

impl Drop for ServerSpan {
    fn drop(&mut self) {
        let Some(mut data) = self.data.take() else { return };
        // As the log has it: a panic is on its way to the outermost recover, and 499 is a client that went away.
        let unanswered = if std::thread::panicking() { 500 } else { 499 };
        let code = self.status.map_or(unanswered, |status| status.as_u16());
        data.end_time = SystemTime::now();
        data.attributes.push(KeyValue::new("http.response.status_code", i64::from(code)));
        if code >= 500 {
            data.attributes.push(KeyValue::new("error.type", code.to_string()));
            data.status = Status::Error { description: Cow::Borrowed("") };
        }
        self.spans.put(*data);
    }
}

fn attributes(request: &Request, route: Option<&str>) -> Vec<KeyValue> {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let version = match request.version() {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    };
    let mut attributes = vec![
        KeyValue::new("http.request.method", request.method().to_string()),
        KeyValue::new("url.path", request.uri().path().to_owned()),
        KeyValue::new("network.protocol.version", version),
    ];
    attributes.extend(route.map(|route| KeyValue::new("http.route", route.to_owned())));
    let host = request
        .uri()
        .host()
        .or_else(|| text(HOST))
        .map(|host| KeyValue::new("server.address", host.to_owned()));
    attributes.extend(host);
    attributes.extend(text(USER_AGENT).map(|agent| KeyValue::new("user_agent.original", agent.to_owned())));
    if let Some(PeerAddr(peer)) = request.extensions().get() {
        attributes.push(KeyValue::new("network.peer.address", peer.ip().to_string()));
        attributes.push(KeyValue::new("network.peer.port", i64::from(peer.port())));
    }
    attributes
}
