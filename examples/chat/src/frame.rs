//! A message as it goes out: as one of the protocol's objects, and as a line of text for those who have no protocol.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use ws::Prepared;

use crate::room::{Profile, Said};

/// One of the protocol's objects for both kinds of clients: each form is made once, by whoever needs it first, and shared.
#[derive(Clone)]
pub(crate) struct Frame(Arc<Forms>);

struct Forms {
    json: String,
    object: OnceLock<Prepared>,
    line: OnceLock<Option<Prepared>>,
}

impl Frame {
    /// The line that plain clients are sent; `None` for what they are not told.
    pub(crate) fn line(&self) -> Option<Prepared> {
        let Forms { json, line, .. } = &*self.0;
        line.get_or_init(|| {
            let object: Object<'_> = serde_json::from_str(json).ok()?;
            object.line().map(Prepared::text)
        })
        .clone()
    }
}

impl From<String> for Frame {
    fn from(json: String) -> Self {
        Self(Arc::new(Forms { json, object: OnceLock::new(), line: OnceLock::new() }))
    }
}

impl From<Frame> for Prepared {
    fn from(Frame(forms): Frame) -> Self {
        forms.object.get_or_init(|| Self::text(&forms.json)).clone()
    }
}

/// What there are lines for.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Object<'a> {
    Message {
        #[serde(borrow)]
        from: Option<Author<'a>>,
        #[serde(borrow)]
        data: Said<'a>,
    },
    #[serde(alias = "left")]
    Error {
        message: Cow<'a, str>,
        retry_after_ms: Option<u64>,
    },
    Gap {
        from: u64,
        to: u64,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Author<'a> {
    #[serde(borrow)]
    info: Option<Profile<'a>>,
}

impl Object<'_> {
    fn line(self) -> Option<String> {
        Some(match self {
            Self::Message { from, data: Said { text: Some(text), action, .. } } => {
                let text = text.replace(['\n', '\t'], " ");
                match from.and_then(|from| from.info) {
                    Some(Profile { name, .. }) if action => format!("* {name} {text}"),
                    Some(Profile { name, plain: false }) => format!("{name}: {text}"),
                    // Who is plain has no name but a number: the room is theirs as if nobody had one.
                    _ => text,
                }
            }
            Self::Error { message, retry_after_ms: Some(wait) } => {
                format!("* {message}: wait {:.1} s", wait.max(100) as f64 / 1000.0)
            }
            Self::Error { message, .. } => format!("* {message}"),
            Self::Gap { from, to } => format!("* {} messages are lost", to.saturating_sub(from) + 1),
            Self::Message { .. } | Self::Other => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_clients_get_lines_of_what_is_said_and_of_what_went_wrong() {
        let message = |from: &str, data: &str| {
            format!(r#"{{"type":"message","topic":"lobby","offset":1,{from}"at":7,"data":{data}}}"#)
        };
        let ann = r#""from":{"client":"1","user":"u","info":{"name":"Ann \"A\""}},"#;
        let guest = r#""from":{"client":"1","user":"u","info":{"name":"guest 2","plain":true}},"#;
        for (json, line) in [
            (message(ann, r#"{"text":"one\ntwo"}"#), Some("Ann \"A\": one two")),
            (message(ann, r#"{"text":"waves","action":true}"#), Some("* Ann \"A\" waves")),
            (message(guest, r#"{"text":"hi"}"#), Some("hi")),
            (message("", r#"{"text":"from the server"}"#), Some("from the server")),
            (message(ann, r#"{"typing":true}"#), None),
            (r#"{"type":"presence","topic":"lobby","offset":1,"version":1,"left":["u"]}"#.into(), None),
            (r#"{"type":"ok","id":1}"#.into(), None),
            (r#"{"type":"gap","topic":"lobby","from":3,"to":5}"#.into(), Some("* 3 messages are lost")),
            (
                r#"{"type":"error","code":"rate_limited","message":"too fast","retry_after_ms":1234}"#.into(),
                Some("* too fast: wait 1.2 s"),
            ),
        ] {
            assert_eq!(Frame::from(json.clone()).line(), line.map(Prepared::text), "{json}");
        }
    }

    #[test]
    fn each_form_is_made_once_and_shared() {
        let frame = Frame::from(r#"{"type":"error","message":"no"}"#.to_owned());
        let same = frame.clone();
        let forms = |frame: &Frame| {
            let _: (Prepared, Option<Prepared>) = (frame.clone().into(), frame.line());
            let Forms { object, line, .. } = &*frame.0;
            (std::ptr::from_ref(object.get().unwrap()), std::ptr::from_ref(line.get().unwrap()))
        };
        assert_eq!(forms(&frame), forms(&same));
    }
}
