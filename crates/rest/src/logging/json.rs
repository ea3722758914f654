use std::fmt;
use std::io::Write;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
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
///
/// Text is escaped while it is formatted, straight into the line: a line costs a request three allocations, however many
/// fields it has.
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

    /// What a field is called in a line; `None` where the line itself says something by that name.
    fn key(&self, name: &'static str) -> Option<&str> {
        let keys = &self.keys;
        let key = match name {
            "duration" => &keys.duration_key,
            "span" => &keys.span_key,
            "trace" => &keys.trace_key,
            other => other,
        };
        let own = [&keys.content_key, &keys.timestamp_key, &keys.level_key, &keys.caller_key];
        (!own.into_iter().any(|own| own == key)).then_some(key)
    }

    /// Begins a line with what every one has.
    fn head(&self, metadata: &Metadata<'_>, message: Option<&[u8]>) -> Line<'_> {
        let keys = &self.keys;
        let mut line = Line { json: Vec::with_capacity(LINE), keys: Vec::with_capacity(FIELDS) };
        line.json.push(b'{');
        line.text(&keys.timestamp_key, &format_args!("{:.6}", Timestamp::now()));
        line.text(&keys.level_key, &Lowercase(metadata.level().as_str()));
        if let (Some(file), Some(number)) = (metadata.file(), metadata.line()) {
            line.text(&keys.caller_key, &format_args!("{}:{number}", short(file)));
        }
        let limit = self.max_content_length;
        // What is escaped is not shorter than what it says.
        match message {
            Some(json) if limit > 0 && json.len() > limit => {
                let mut content: String = serde_json::from_slice(json).unwrap_or_default();
                if content.len() > limit {
                    content.truncate(content.floor_char_boundary(limit));
                    line.value(&keys.truncated_key, b"true");
                }
                line.text(&keys.content_key, &content);
            }
            message => line.value(&keys.content_key, message.unwrap_or(b"\"\"")),
        }
        line
    }

    fn put<'k>(&'k self, line: &mut Line<'k>, fields: &Fields) {
        for (name, value) in fields.latest() {
            if name != MESSAGE
                && let Some(key) = self.key(name)
                && !line.keys.contains(&key)
            {
                line.value(key, value);
            }
        }
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
        let message = fields.latest().find(|(name, _)| *name == MESSAGE).map(|(_, value)| value);
        let mut line = self.head(event.metadata(), message);
        self.put(&mut line, &fields);
        for span in ctx.event_scope(event).into_iter().flatten() {
            if let Some(fields) = span.extensions().get() {
                self.put(&mut line, fields);
            }
        }
        line.json.extend_from_slice(b"}\n");
        // Whoever logs cannot do anything about it either.
        let _ = self.writer.make_writer_for(event.metadata()).write_all(&line.json);
    }
}

/// A line, as far as it is written, and the keys that it has.
struct Line<'k> {
    json: Vec<u8>,
    keys: Vec<&'k str>,
}

impl<'k> Line<'k> {
    fn value(&mut self, key: &'k str, json: &[u8]) {
        self.begin(key);
        self.json.extend_from_slice(json);
    }

    fn text(&mut self, key: &'k str, value: &(impl fmt::Display + ?Sized)) {
        self.begin(key);
        write_text(&mut self.json, value);
    }

    fn begin(&mut self, key: &'k str) {
        if !self.keys.is_empty() {
            self.json.push(b',');
        }
        write_text(&mut self.json, key);
        self.json.push(b':');
        self.keys.push(key);
    }
}

/// The fields of an event, or of a span: their names, and their values as JSON, one after the other.
struct Fields {
    /// With the end of each one's value.
    names: Vec<(&'static str, usize)>,
    json: Vec<u8>,
}

impl Fields {
    /// Each name with its value. A span's field may be there several times, of which the last counts.
    fn latest(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        self.names.iter().enumerate().filter_map(|(index, &(name, end))| {
            if self.names[index + 1..].iter().any(|(later, _)| *later == name) {
                return None;
            }
            let begin = index.checked_sub(1).map_or(0, |before| self.names[before].1);
            Some((name, &self.json[begin..end]))
        })
    }

    fn put(&mut self, field: &Field, value: impl Serialize) {
        serde_json::to_writer(&mut self.json, &value).expect("plain values are JSON, and memory takes them");
        self.names.push((field.name(), self.json.len()));
    }
}

impl Default for Fields {
    fn default() -> Self {
        Self { names: Vec::with_capacity(FIELDS / 2), json: Vec::with_capacity(LINE / 2) }
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
        write_text(&mut self.json, &format_args!("{value:?}"));
        self.names.push((field.name(), self.json.len()));
    }
}

/// Writes what a value says as a text of JSON.
fn write_text(json: &mut Vec<u8>, value: &(impl fmt::Display + ?Sized)) {
    let begin = json.len();
    if serde_json::Serializer::new(&mut *json).collect_str(value).is_err() {
        // Its author's `fmt` failed: the rest of the line is still worth having.
        json.truncate(begin);
        json.extend_from_slice(b"\"\"");
    }
}

/// A text in ASCII, in small letters.
struct Lowercase(&'static str);

impl fmt::Display for Lowercase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| fmt::Write::write_char(f, c.to_ascii_lowercase()))
    }
}

/// The last two parts of a path, as go-zero has it.
fn short(file: &str) -> &str {
    let mut slashes = file.rmatch_indices(['/', '\\']);
    slashes.nth(1).map_or(file, |(at, slash)| &file[at + slash.len()..])
}

const MESSAGE: &str = "message";
/// What a line of the access log needs, in bytes and in fields; others may need more.
const LINE: usize = 512;
const FIELDS: usize = 16;

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
