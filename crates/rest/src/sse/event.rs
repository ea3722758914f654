use std::borrow::Cow;
use std::fmt::Write;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

/// One server-sent event: data, and what a browser is told with it.
///
/// ```
/// use rest::sse::Event;
///
/// let event = Event::new("Hello!\nHow are you?").name("greeting").id("7");
/// assert_eq!(event.to_bytes(), "event: greeting\nid: 7\ndata: Hello!\ndata: How are you?\n\n");
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Event {
    name: Option<String>,
    id: Option<String>,
    retry: Option<Duration>,
    data: String,
    /// All of it as it is sent, once it is prepared; the fields above have then what came after that.
    written: Option<Bytes>,
}

impl Event {
    /// Creates an event with this data, of any number of lines. Browsers get each end of a line as `\n`.
    pub fn new(data: impl Into<String>) -> Self {
        Self { data: data.into(), ..Self::default() }
    }

    /// Creates an event with this data, in JSON.
    ///
    /// # Errors
    ///
    /// The data cannot be written as JSON, such as a map whose keys are not text.
    pub fn json<T: Serialize>(data: &T) -> Result<Self, serde_json::Error> {
        serde_json::to_string(data).map(Self::new)
    }

    /// Gives it a name, which is the type that a browser's listener is for. Without one it is `message`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(one_line(name.into()));
        self
    }

    /// Gives it an id, which a browser that lost the connection comes back with as [`LastEventId`](super::LastEventId).
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(one_line(id.into()));
        self
    }

    /// Tells the browser how long to wait before it comes back, to the millisecond.
    pub fn retry(mut self, retry: Duration) -> Self {
        self.retry = Some(retry);
        self
    }

    /// Writes it as it is sent, so that its clones are sent without being written again: for many who get the same.
    ///
    /// A name, an id or a time that it does not have yet can be added still.
    pub fn prepared(self) -> Self {
        Self { written: Some(self.to_bytes()), ..Self::default() }
    }

    /// Writes it as it is sent.
    pub fn to_bytes(&self) -> Bytes {
        if let (Some(written), None, None, None) = (&self.written, &self.name, &self.id, self.retry) {
            return written.clone();
        }
        let mut text = String::with_capacity(self.data.len() + ROOM);
        for (field, value) in [("event", &self.name), ("id", &self.id)] {
            if let Some(value) = value {
                line(&mut text, field, value);
            }
        }
        if let Some(retry) = self.retry {
            line(&mut text, "retry", retry.as_millis());
        }
        if let Some(written) = &self.written {
            return [text.as_bytes(), written].concat().into();
        }
        let data = match self.data.contains('\r') {
            true => Cow::Owned(self.data.replace("\r\n", "\n").replace('\r', "\n")),
            false => Cow::Borrowed(&self.data),
        };
        for part in data.split('\n') {
            line(&mut text, "data", part);
        }
        text.push('\n');
        text.into()
    }
}

/// A prepared event with this data.
impl From<String> for Event {
    fn from(data: String) -> Self {
        Self::new(data).prepared()
    }
}

fn line(text: &mut String, field: &str, value: impl std::fmt::Display) {
    writeln!(text, "{field}: {value}").expect("a string takes text");
}

/// A name or an id with a line break in it would be another field; one with a NUL is ignored by browsers.
fn one_line(text: String) -> String {
    if text.contains(['\n', '\r', '\0']) { text.replace(['\n', '\r', '\0'], " ") } else { text }
}

/// For the names of the fields, mostly.
const ROOM: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_of_a_line_begins_a_line_of_data() {
        assert_eq!(Event::new("a\r\nb\rc\nd").to_bytes(), "data: a\ndata: b\ndata: c\ndata: d\n\n");
        assert_eq!(Event::new("").to_bytes(), "data: \n\n");
        assert_eq!(Event::new("a\n").to_bytes(), "data: a\ndata: \n\n");
    }

    #[test]
    fn nothing_can_be_slipped_in() {
        let event = Event::new("x\n\ndata: y").name("a\ndata: b").id("1\r\n2\0");
        assert_eq!(event.to_bytes(), "event: a data: b\nid: 1  2 \ndata: x\ndata: \ndata: data: y\n\n");
    }

    #[test]
    fn what_is_prepared_is_written_once_and_can_still_be_added_to() {
        let event = Event::new("a").prepared();
        let (first, second) = (event.to_bytes(), event.clone().to_bytes());
        assert_eq!(first, "data: a\n\n");
        assert_eq!(first.as_ptr(), second.as_ptr(), "they share it");
        assert_eq!(event.id("7").to_bytes(), "id: 7\ndata: a\n\n");
    }

    #[test]
    fn json_and_the_time_to_wait_are_written() {
        let event = Event::json(&[1, 2]).unwrap().retry(Duration::from_millis(1500));
        assert_eq!(event.to_bytes(), "retry: 1500\ndata: [1,2]\n\n");
    }
}
