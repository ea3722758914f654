use std::cell::Cell;
use std::fmt;
use std::io::Write;

use jiff::Timestamp;
use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::conf::{LogConf, LogFieldKeysConf};

/// Writes each event as a line of JSON with go-zero's keys: the event's fields beside them, and those of its spans that it
/// does not have itself, the nearest span's first.
///
/// Text is formatted straight into the line, and escaped afterwards where it has to be, which it hardly ever has. A
/// line costs one allocation, however many fields it has.
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
    fn head<'k>(&'k self, line: &mut Line<'_, 'k>, metadata: &Metadata<'_>, message: &[u8]) {
        let keys = &self.keys;
        line.json.push(b'{');
        line.text(&keys.timestamp_key, format_args!("{:.6}", Timestamp::now()));
        line.str(&keys.level_key, lowercase(*metadata.level()));
        if let (Some(file), Some(number)) = (metadata.file(), metadata.line()) {
            line.text(&keys.caller_key, format_args!("{}:{number}", short(file)));
        }
        let limit = self.max_content_length;
        // What is escaped is not shorter than what it says.
        match message {
            json if limit > 0 && json.len() > limit => {
                let mut content: String = serde_json::from_slice(json).unwrap_or_default();
                if content.len() > limit {
                    content.truncate(content.floor_char_boundary(limit));
                    if !line.keys.contains(&keys.truncated_key.as_str()) {
                        line.value(&keys.truncated_key, b"true");
                    }
                }
                line.str(&keys.content_key, &content);
            }
            json => line.value(&keys.content_key, if json.is_empty() { b"\"\"" } else { json }),
        }
    }

    /// Adds what a span has and the line does not.
    fn put<'k>(&'k self, line: &mut Line<'_, 'k>, fields: &Fields) {
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
        let mut fields = FIELDS_OF_SPAN.take();
        attributes.record(&mut fields);
        if let Some(span) = ctx.span(id) {
            span.extensions_mut().insert(fields.clone()); // which holds no more than it has to, perhaps for days
        }
        fields.clear();
        FIELDS_OF_SPAN.set(fields);
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, ctx: Context<'_, S>) {
        if let Some(span) = ctx.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            record.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        // A value that logs while it is formatted finds none, and makes its own.
        let mut buffers = BUFFERS.take();
        let Buffers { line, fields, message } = &mut buffers;
        let mut own =
            Own { layer: self, fields: Line { json: fields, keys: Vec::with_capacity(FIELDS) }, message };
        event.record(&mut own);

        let keys = own.fields.keys;
        let mut line = Line { json: line, keys };
        self.head(&mut line, event.metadata(), message);
        line.json.extend_from_slice(fields);
        for span in ctx.event_scope(event).into_iter().flatten() {
            if let Some(fields) = span.extensions().get() {
                self.put(&mut line, fields);
            }
        }
        line.json.extend_from_slice(b"}\n");
        // Whoever logs cannot do anything about it either.
        let _ = self.writer.make_writer_for(event.metadata()).write_all(line.json);
        buffers.give_back();
    }
}

/// What lines are put together in, one after the other, so that none allocates for it.
#[derive(Default)]
struct Buffers {
    line: Vec<u8>,
    /// The event's fields, and its message.
    fields: Vec<u8>,
    message: Vec<u8>,
}

thread_local! {
    static BUFFERS: Cell<Buffers> = Cell::default();
    /// What a span's fields are gathered in.
    static FIELDS_OF_SPAN: Cell<Fields> = Cell::default();
}

impl Buffers {
    /// Leaves them to the next line, unless this one was so long that they would hold much for nothing.
    fn give_back(mut self) {
        for buffer in [&mut self.line, &mut self.fields, &mut self.message] {
            buffer.clear();
            buffer.shrink_to(MOST_KEPT);
        }
        BUFFERS.set(self);
    }
}

/// Writes the fields of an event, each after a comma, and its message apart from them.
struct Own<'b, 'k, W> {
    layer: &'k JsonLayer<W>,
    fields: Line<'b, 'k>,
    message: &'b mut Vec<u8>,
}

impl<W> Own<'_, '_, W> {
    fn put(&mut self, field: &Field, write: impl FnOnce(&mut Vec<u8>)) {
        if field.name() == MESSAGE {
            self.message.clear();
            write(self.message);
        } else if let Some(key) = self.layer.key(field.name()) {
            self.fields.json.push(b',');
            self.fields.key(key);
            write(self.fields.json);
        }
    }
}

impl<W> Visit for Own<'_, '_, W> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, |json| write_value(json, value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, |json| write_value(json, value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, |json| write_value(json, value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, |json| write_value(json, value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, |json| write_str(json, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, |json| write_text(json, format_args!("{value:?}")));
    }
}

/// A line, as far as it is written, and the keys that it has.
struct Line<'b, 'k> {
    json: &'b mut Vec<u8>,
    keys: Vec<&'k str>,
}

impl<'k> Line<'_, 'k> {
    fn value(&mut self, key: &'k str, json: &[u8]) {
        self.begin(key);
        self.json.extend_from_slice(json);
    }

    fn text(&mut self, key: &'k str, value: fmt::Arguments<'_>) {
        self.begin(key);
        write_text(self.json, value);
    }

    fn str(&mut self, key: &'k str, value: &str) {
        self.begin(key);
        write_str(self.json, value);
    }

    fn begin(&mut self, key: &'k str) {
        if self.json.len() > 1 {
            self.json.push(b',');
        }
        self.key(key);
    }

    fn key(&mut self, key: &'k str) {
        write_str(self.json, key);
        self.json.push(b':');
        self.keys.push(key);
    }
}

/// The fields of a span: their names, and their values as JSON, one after the other.
#[derive(Clone, Default)]
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
        write_value(&mut self.json, value);
        self.names.push((field.name(), self.json.len()));
    }

    /// Leaves its memory to the next span, unless that was much.
    fn clear(&mut self) {
        self.names.clear();
        self.json.clear();
        self.json.shrink_to(MOST_KEPT);
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
        write_str(&mut self.json, value);
        self.names.push((field.name(), self.json.len()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write_text(&mut self.json, format_args!("{value:?}"));
        self.names.push((field.name(), self.json.len()));
    }
}

/// Writes a number or a boolean.
fn write_value(json: &mut Vec<u8>, value: impl Serialize) {
    serde_json::to_writer(json, &value).expect("plain values are JSON, and memory takes them");
}

/// Writes what a value says as a text of JSON.
fn write_text(json: &mut Vec<u8>, value: fmt::Arguments<'_>) {
    let begin = json.len();
    json.push(b'"');
    // Its author's `fmt` may fail: the rest of the line is still worth having.
    if fmt::write(&mut Text(json), value).is_err() {
        json.truncate(begin + 1);
    }
    if is_plain(&json[begin + 1..]) {
        return json.push(b'"');
    }
    let text = String::from_utf8_lossy(&json[begin + 1..]).into_owned();
    json.truncate(begin);
    write_escaped(json, &text);
}

/// A buffer that takes what is formatted.
struct Text<'b>(&'b mut Vec<u8>);

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Writes a text as one of JSON.
fn write_str(json: &mut Vec<u8>, text: &str) {
    if !is_plain(text.as_bytes()) {
        return write_escaped(json, text);
    }
    json.push(b'"');
    json.extend_from_slice(text.as_bytes());
    json.push(b'"');
}

fn write_escaped(json: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(json, text).expect("a text is JSON, and memory takes it");
}

/// Whether JSON has a text as it is. All bytes are looked at, as that is quicker than to stop at the first.
fn is_plain(text: &[u8]) -> bool {
    text.iter().fold(true, |plain, byte| plain & (*byte >= 0x20) & (*byte != b'"') & (*byte != b'\\'))
}

fn lowercase(level: Level) -> &'static str {
    match level {
        Level::TRACE => "trace",
        Level::DEBUG => "debug",
        Level::INFO => "info",
        Level::WARN => "warn",
        Level::ERROR => "error",
    }
}

/// The last two parts of a path, as go-zero has it.
fn short(file: &str) -> &str {
    let mut slashes = file.rmatch_indices(['/', '\\']);
    slashes.nth(1).map_or(file, |(at, slash)| &file[at + slash.len()..])
}

const MESSAGE: &str = "message";
/// How many fields a line of the access log has; others may have more.
const FIELDS: usize = 20;
/// How much a buffer keeps that a longer line had.
const MOST_KEPT: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use super::{short, write_str, write_text};

    #[test]
    fn what_is_written_is_read_again_whatever_it_is() {
        for text in
            ["", "plain", "a \"quote\"", "back\\slash", "line\nbreak\u{0}\u{1f}", "\u{7f}ünï \u{1f600}"]
        {
            for write in
                [write_str, |json: &mut Vec<u8>, text: &str| write_text(json, format_args!("{text}"))]
            {
                let mut json = Vec::new();
                write(&mut json, text);
                assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), text, "{}", json.escape_ascii());
            }
        }
    }

    #[test]
    fn a_value_that_cannot_be_written_leaves_the_line_whole() {
        struct Broken;
        impl std::fmt::Display for Broken {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("half \"")?;
                Err(std::fmt::Error)
            }
        }
        let mut json = b"1,".to_vec();
        write_text(&mut json, format_args!("{Broken}"));
        assert_eq!(json, b"1,\"\"");
    }

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
