//! The spans inside of a request's span.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::time::SystemTime;

use opentelemetry::trace::{Event, SpanKind, Status, TraceState};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::exporter::{Spans, id, place};
use super::server_span::ServerSpan;
use crate::trace::{SpanId, TraceId};

/// Sends the spans that are opened by `tracing` inside of a request, with the request's own.
///
/// It is a layer for the subscriber of a process, and serves all its engines: each span goes where its request's goes. A span
/// outside of requests is not sent, and neither is one of a trace that is not sampled. Events become events of their span, and
/// one of level `error` makes its span an error.
///
/// ```
/// use rest::conf::LogConf;
/// use rest::telemetry::SpansLayer;
/// use tracing_subscriber::Layer;
/// use tracing_subscriber::filter::LevelFilter;
/// use tracing_subscriber::layer::SubscriberExt;
///
/// # fn main() -> Result<(), rest::conf::ConfError> {
/// let log = tracing_subscriber::registry()
///     .with(LogConf::default().layer()?)
///     .with(SpansLayer::new().with_filter(LevelFilter::INFO));
/// tracing::subscriber::with_default(log, || tracing::info!("for this thread alone"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SpansLayer {}

impl SpansLayer {
    /// Creates the layer.
    pub fn new() -> Self {
        Self::default()
    }
}

/// Where a span stands, in a span's extensions: in a request's, and in all that are inside of it.
#[derive(Clone)]
pub(super) struct Inside {
    pub(super) spans: Spans,
    pub(super) trace: TraceId,
    pub(super) span: SpanId,
}

thread_local! {
    /// An argument for `on_new_span`, which `tracing` has no place for: set around the opening of a request's span, and empty
    /// at all other times.
    static REQUEST: RefCell<Option<Inside>> = const { RefCell::new(None) };
}

/// Opens the span by which `tracing` knows a request.
pub(crate) fn within<R>(span: Option<&ServerSpan>, open: impl FnOnce() -> R) -> R {
    REQUEST.set(span.map(ServerSpan::inside));
    let opened = open();
    REQUEST.take(); // where nobody wanted the span
    opened
}

impl<S> Layer<S> for SpansLayer
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        if let Some(request) = REQUEST.take() {
            return span.extensions_mut().insert(request);
        }
        let parent = span.parent().and_then(|parent| parent.extensions().get::<Inside>().cloned());
        let mut open = Open::new(span.name());
        attributes.record(&mut open);
        if let Some(parent) = parent {
            let mut extensions = span.extensions_mut();
            extensions.insert(open.inside(&parent));
            extensions.insert(open);
        } else {
            // It may yet follow from one that is inside: the life of an upgraded connection does from its handshake.
            span.extensions_mut().insert(open);
        }
    }

    fn on_follows_from(&self, id: &Id, from: &Id, ctx: Context<'_, S>) {
        let (Some(span), Some(from)) = (ctx.span(id), ctx.span(from)) else { return };
        let Some(from) = from.extensions().get::<Inside>().cloned() else { return };
        let mut extensions = span.extensions_mut();
        if extensions.get_mut::<Inside>().is_some() {
            return;
        }
        if let Some(inside) = extensions.get_mut::<Open>().map(|open| open.inside(&from)) {
            extensions.insert(inside);
        }
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<Open>() {
            record.record(open);
        }
    }

    fn on_event(&self, event: &tracing::Event<'_>, ctx: Context<'_, S>) {
        let Some(span) = ctx.event_span(event) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<Open>() {
            open.event(event);
        }
    }

    fn on_close(&self, id: Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(&id) else { return };
        let mut extensions = span.extensions_mut();
        if let (Some(inside), Some(open)) = (extensions.remove::<Inside>(), extensions.remove::<Open>()) {
            inside.spans.put(open.data(&inside));
        }
    }
}

/// A span that has not ended.
struct Open {
    name: &'static str,
    parent: Option<SpanId>,
    begin: SystemTime,
    attributes: Vec<KeyValue>,
    dropped_attributes: u32,
    events: SpanEvents,
    status: Status,
}

impl Open {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            parent: None,
            begin: SystemTime::now(),
            attributes: Vec::new(),
            dropped_attributes: 0,
            events: SpanEvents::default(),
            status: Status::Unset,
        }
    }

    /// Puts it below another one.
    fn inside(&mut self, parent: &Inside) -> Inside {
        self.parent = Some(parent.span);
        Inside { span: SpanId(fastrand::u64(1..)), ..parent.clone() }
    }

    fn event(&mut self, event: &tracing::Event<'_>) {
        let mut fields = Self::new("");
        event.record(&mut fields);
        let message = fields.attributes.iter().position(|attribute| attribute.key.as_str() == MESSAGE);
        let message =
            message.map(|at| fields.attributes.swap_remove(at).value.to_string()).unwrap_or_default();
        let level = *event.metadata().level();
        if level == Level::ERROR {
            self.status = Status::Error { description: Cow::Owned(message.clone()) };
        }
        if self.events.events.len() == MOST {
            self.events.dropped_count += 1;
            return;
        }
        fields.attributes.push(KeyValue::new("level", level.as_str()));
        self.events.events.push(Event::new(
            message,
            SystemTime::now(),
            fields.attributes,
            fields.dropped_attributes,
        ));
    }

    fn data(self, inside: &Inside) -> SpanData {
        SpanData {
            span_context: place(inside.trace, inside.span, TraceState::default()),
            parent_span_id: self.parent.map_or(opentelemetry::trace::SpanId::INVALID, id),
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: self.name.into(),
            start_time: self.begin,
            end_time: SystemTime::now(),
            attributes: self.attributes,
            dropped_attributes_count: self.dropped_attributes,
            events: self.events,
            links: SpanLinks::default(),
            status: self.status,
            instrumentation_scope: inside.spans.scope(),
        }
    }

    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        if let Some(known) = self.attributes.iter_mut().find(|known| known.key.as_str() == field.name()) {
            known.value = value.into();
        } else if self.attributes.len() < MOST {
            self.attributes.push(KeyValue::new(field.name(), value));
        } else {
            self.dropped_attributes += 1;
        }
    }
}

impl Visit for Open {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.put(field, value),
            Err(_) => self.put(field, value.to_string()), // OTLP has no larger number
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

const MESSAGE: &str = "message";
/// Attributes or events of one span: OpenTelemetry's default.
const MOST: usize = 128;
