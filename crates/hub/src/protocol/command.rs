//! Commands: what a client may ask, read strictly.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::code::ErrorCode;
use super::refusal::Refusal;

/// A command, and the number that its answer carries.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) id: Option<u64>,
    /// An error if the command cannot be read, though its number could.
    pub(super) command: Result<Command<'a>, Refusal>,
}

/// What a client may ask. The fields are those of docs/PROTOCOL.md.
#[derive(Debug)]
pub(super) enum Command<'a> {
    Connect(Connect<'a>),
    Join(Join<'a>),
    Leave(Leave<'a>),
    Publish(Publish<'a>),
    Presence(Presence<'a>),
    History(History<'a>),
    Refresh(Refresh<'a>),
    Ping,
}

impl<'a> Request<'a> {
    /// Reads a command in two steps, so that a command with a slip is still answered by its number.
    pub(super) fn parse(text: &'a str, max_bytes: usize) -> Self {
        if text.len() > max_bytes {
            let refusal =
                Refusal::new(ErrorCode::TooLarge, format!("a command is at most {max_bytes} bytes long"));
            return Self { id: None, command: Err(refusal) };
        }
        let head: Head<'a> = match serde_json::from_str(text) {
            Ok(head) => head,
            Err(error) => return Self { id: None, command: Err(unreadable(&error)) },
        };
        match head.id {
            Some(id) if id > MAX_ID => {
                let refusal = Refusal::new(ErrorCode::BadRequest, "an id is at most 2^53 - 1");
                Self { id: None, command: Err(refusal) }
            }
            id => Self { id, command: Command::parse(&head.kind, text) },
        }
    }
}

impl<'a> Command<'a> {
    fn parse(kind: &str, text: &'a str) -> Result<Self, Refusal> {
        let command = match kind {
            "connect" => serde_json::from_str(text).map(Self::Connect),
            "join" => serde_json::from_str(text).map(Self::Join),
            "leave" => serde_json::from_str(text).map(Self::Leave),
            "publish" => serde_json::from_str(text).map(Self::Publish),
            "presence" => serde_json::from_str(text).map(Self::Presence),
            "history" => serde_json::from_str(text).map(Self::History),
            "refresh" => serde_json::from_str(text).map(Self::Refresh),
            "ping" => serde_json::from_str(text).map(|Bare { .. }| Self::Ping),
            _ => return Err(Refusal::new(ErrorCode::UnknownCommand, "no such type of command")),
        };
        command.map_err(|error| unreadable(&error))
    }
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    id: Option<u64>,
}

/// A position in a room, as the protocol writes it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct Since<'a> {
    pub(super) offset: u64,
    #[serde(borrow)]
    pub(super) epoch: Cow<'a, str>,
}

/// Declares a command's fields. The two that every command has are read with its head.
macro_rules! fields {
    ($(#[$doc:meta])* $name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name<'a> {
            #[serde(rename = "type")]
            _kind: IgnoredAny,
            #[serde(default, rename = "id")]
            _id: IgnoredAny,
            #[serde(skip)]
            _text: std::marker::PhantomData<&'a str>,
            $($(#[$attribute])* pub(super) $field: $type,)*
        }
    };
}

fields!(Connect {
    #[serde(borrow, default)]
    token: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    resume: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
});
fields!(Join {
    #[serde(borrow)]
    topic: Cow<'a, str>,
    history: Option<usize>,
    #[serde(borrow, default)]
    since: Option<Since<'a>>,
});
fields!(Leave {
    #[serde(borrow)]
    topic: Cow<'a, str>,
});
fields!(Publish {
    #[serde(borrow)]
    topic: Cow<'a, str>,
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(borrow, default)]
    key: Option<Cow<'a, str>>,
});
fields!(Presence {
    #[serde(borrow)]
    topic: Cow<'a, str>,
});
fields!(History {
    #[serde(borrow)]
    topic: Cow<'a, str>,
    limit: usize,
    #[serde(borrow, default)]
    since: Option<Since<'a>>,
});
fields!(Refresh {
    #[serde(borrow)]
    token: Cow<'a, str>,
});
fields!(Bare {});

/// Says what is wrong, in bounded length: serde's texts quote names that the client chose.
fn unreadable(error: &serde_json::Error) -> Refusal {
    let text: String = error.to_string().chars().take(MAX_MESSAGE).collect();
    Refusal::new(ErrorCode::BadRequest, text)
}

/// What a double holds exactly, as JSON's numbers are doubles in most clients.
const MAX_ID: u64 = (1 << 53) - 1;

/// So many characters of an error are told.
const MAX_MESSAGE: usize = 200;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 100_000;

    fn refused(text: &str) -> (Option<u64>, ErrorCode, String) {
        let request = Request::parse(text, LIMIT);
        let refusal = request.command.unwrap_err();
        (request.id, refusal.code(), refusal.message().to_owned())
    }

    #[test]
    fn a_publish_borrows_its_data_as_it_came() {
        let request = Request::parse(
            r#"{"type":"publish","id":3,"topic":"lobby","data":{"a": [1,  2]},"key":"k"}"#,
            LIMIT,
        );
        let Ok(Command::Publish(publish)) = request.command else { panic!("{:?}", request.command) };
        assert_eq!(request.id, Some(3));
        assert_eq!((&*publish.topic, publish.data.get()), ("lobby", r#"{"a": [1,  2]}"#));
        assert_eq!(publish.key.as_deref(), Some("k"));
    }

    #[test]
    fn a_join_has_a_count_or_a_position() {
        let request = Request::parse(
            r#"{"type":"join","id":1,"topic":"a\"b","since":{"offset":7,"epoch":"8f"}}"#,
            LIMIT,
        );
        let Ok(Command::Join(join)) = request.command else { panic!("{:?}", request.command) };
        assert_eq!(join.topic, "a\"b");
        assert_eq!(join.since, Some(Since { offset: 7, epoch: "8f".into() }));
        assert_eq!(join.history, None);
    }

    #[test]
    fn what_cannot_be_read_is_still_answered_by_its_number() {
        let (id, code, message) = refused(r#"{"type":"leave","id":8}"#);
        assert_eq!((id, code), (Some(8), ErrorCode::BadRequest));
        assert!(message.contains("missing field `topic`"), "{message}");
    }

    #[test]
    fn a_field_that_is_not_known_is_refused_by_name() {
        let (_, code, message) = refused(r#"{"type":"ping","id":8,"topik":"lobby"}"#);
        assert_eq!(code, ErrorCode::BadRequest);
        assert!(message.contains("`topik`"), "{message}");
    }

    #[test]
    fn a_type_that_is_not_known_has_a_code_of_its_own() {
        assert_eq!(refused(r#"{"type":"shout","id":8}"#).1, ErrorCode::UnknownCommand);
    }

    #[test]
    fn a_number_beyond_the_exact_ones_is_refused() {
        assert_eq!(refused(r#"{"type":"ping","id":9007199254740992}"#).0, None);
        assert!(Request::parse(r#"{"type":"ping","id":9007199254740991}"#, LIMIT).command.is_ok());
    }

    #[test]
    fn a_command_that_is_too_long_is_not_looked_at() {
        let request = Request::parse(r#"{"type":"ping","id":1}"#, 10);
        assert_eq!(request.command.unwrap_err().code(), ErrorCode::TooLarge);
    }

    #[test]
    fn an_error_does_not_grow_with_what_was_sent() {
        let long = format!(r#"{{"type":"ping","id":1,"{}":1}}"#, "x".repeat(10_000));
        assert!(refused(&long).2.len() <= MAX_MESSAGE);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r#"[\[\]{}":,a-z0-9\\. -]{0,60}|.{0,60}"#) {
            let _ = Request::parse(&text, LIMIT);
        }
    }
}
