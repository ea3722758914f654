use std::fmt;
use std::io::Write;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::conf::{LogConf, LogFieldKeysConf};

/// Writes each event as a line of JSON with go-zero's keys: the event's fields beside them, and those of its spans that it
/// does not have itself, the nearest span's first.
pub(super) struct JsonLayer<W> {
    keys: LogFieldKeysConf,
    /// Zero is no limit.
    max_content_length: usize,
    writer: W,
}

impl<W> JsonLayer<W> {
    pub(super) fn new(conf: &LogConf, writer: W) -> Self {
        let mut keys = conf.field_keys.clone();
        let default = LogFieldKeysConf::default();
        for (key, default) in [
            (&mut keys.caller_key, default.caller_key),
            (&mut keys.content_key, default.content_key),
            (&mut keys.duration_key, default.duration_key),
            (&mut keys.level_key, default.level_key),
            (&mut keys.span_key, default.span_key),
            (&mut keys.timestamp_key, default.timestamp_key),
            (&mut keys.trace_key, default.trace_key),
            (&mut keys.truncated_key, default.truncated_key),
        ] {
            if key.is_empty() {
                *key = default;
            }
        }
        let max_content_length = usize::try_from(conf.max_content_length).unwrap_or(usize::MAX);
        Self { keys, max_content_length, writer }
    }

    fn line(&self, metadata: &Metadata<'_>, mut fields: Map<String, Value>) -> Vec<u8> {
        let keys = &self.keys;
        let mut content = match fields.remove("message") {
            Some(Value::String(message)) => message,
            _ => String::new(),
        };
        for (name, key) in
            [("duration", &keys.duration_key), ("span", &keys.span_key), ("trace", &keys.trace_key)]
        {
            if let Some(value) = fields.remove(name) {
                fields.insert(key.clone(), value);
            }
        }
        if self.max_content_length > 0 && content.len() > self.max_content_length {
            content.truncate(content.floor_char_boundary(self.max_content_length));
            fields.insert(keys.truncated_key.clone(), true.into());
        }
        fields.insert(keys.content_key.clone(), content.into());
        fields.insert(keys.timestamp_key.clone(), format!("{:.6}", Timestamp::now()).into());
        fields.insert(keys.level_key.clone(), metadata.level().as_str().to_ascii_lowercase().into());
        if let (Some(file), Some(line)) = (metadata.file(), metadata.line()) {
            fields.insert(keys.caller_key.clone(), format!("{}:{line}", short(file)).into());
        }
        let mut line = Value::Object(fields).to_string().into_bytes();
        line.push(b'\n');
        line
    }
}

impl<S, W> Layer<S> for JsonLayer<W>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    W: for<'w> MakeWriter<'w> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = ctx.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, ctx: Context<'_, S>) {
        if let Some(span) = ctx.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            record.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        for span in ctx.event_scope(event).into_iter().flatten() {
            if let Some(Fields(of_span)) = span.extensions().get() {
                for (key, value) in of_span {
                    fields.0.entry(key).or_insert_with(|| value.clone());
                }
            }
        }
        let line = self.line(event.metadata(), fields.0);
        // Whoever logs cannot do anything about it either.
        let _ = self.writer.make_writer_for(event.metadata()).write_all(&line);
    }
}

/// The fields of an event, or of a span.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

/// The last two parts of a path, as go-zero has it.
fn short(file: &str) -> &str {
    let mut slashes = file.rmatch_indices(['/', '\\']);
    slashes.nth(1).map_or(file, |(at, slash)| &file[at + slash.len()..])
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn a_caller_has_two_parts() {
        for (file, expected) in [
            ("crates/rest/src/middleware/log.rs", "middleware/log.rs"),
            ("src/main.rs", "src/main.rs"),
            ("a", "a"),
        ] {
            assert_eq!(short(file), expected);
        }
    }
}
