//! What the server says that is for one connection alone.

use serde::Serialize;
use serde_json::value::RawValue;

use super::json::{millis, text};
use super::publication::User;
use super::refusal::Refusal;
use crate::presence::Snapshot;
use crate::receipt::Receipt;

/// The answer to a command that was done.
pub(super) fn ok(id: Option<u64>, result: &impl Serialize) -> String {
    #[derive(Serialize)]
    struct Answer<'a, R> {
        r#type: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        #[serde(flatten)]
        result: &'a R,
    }
    text(&Answer { r#type: "ok", id, result })
}

/// The answer to one that was not.
pub(super) fn error(id: Option<u64>, refusal: &Refusal) -> String {
    #[derive(Serialize)]
    struct Answer<'a> {
        r#type: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        code: &'static str,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    }
    text(&Answer {
        r#type: "error",
        id,
        code: refusal.code().as_str(),
        message: refusal.message(),
        retry_after_ms: refusal.when_again().map(millis),
    })
}

/// Messages are lost for this client.
pub(super) fn gap(topic: &str, from: u64, to: u64) -> String {
    #[derive(Serialize)]
    struct Gap<'a> {
        r#type: &'static str,
        topic: &'a str,
        from: u64,
        to: u64,
    }
    text(&Gap { r#type: "gap", topic, from, to })
}

/// A room is numbered anew.
pub(super) fn reset(topic: &str, position: crate::Position) -> String {
    #[derive(Serialize)]
    struct Reset<'a> {
        r#type: &'static str,
        topic: &'a str,
        position: Position,
    }
    text(&Reset { r#type: "reset", topic, position: position.into() })
}

/// The server took the client out of a room.
pub(super) fn left(topic: &str, code: &'static str, message: &str) -> String {
    #[derive(Serialize)]
    struct Left<'a> {
        r#type: &'static str,
        topic: &'a str,
        code: &'static str,
        message: &'a str,
    }
    text(&Left { r#type: "left", topic, code, message })
}

/// The token will be over.
pub(super) fn expiring(in_ms: u64) -> String {
    #[derive(Serialize)]
    struct Expiring {
        r#type: &'static str,
        in_ms: u64,
    }
    text(&Expiring { r#type: "expiring", in_ms })
}

#[derive(Serialize)]
pub(super) struct Nothing {}

#[derive(Serialize)]
pub(super) struct Connected<'a> {
    pub(super) client: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<&'a str>,
    pub(super) resume: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) previous: Option<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires_in_ms: Option<u64>,
}

/// How a connection ended.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(super) struct Reason {
    pub(super) code: &'static str,
    pub(super) message: String,
}

#[derive(Serialize)]
pub(super) struct Topic<'a> {
    pub(super) topic: &'a str,
}

#[derive(Serialize)]
pub(super) struct Joined<'a> {
    topic: &'a str,
    position: Position,
    recovered: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence: Option<Users<'a>>,
}

impl<'a> Joined<'a> {
    pub(super) fn new(topic: &'a str, joined: &'a crate::Joined) -> Self {
        let presence = joined.presence.as_ref().map(Users::from);
        Self { topic, position: joined.position.into(), recovered: joined.recovered, presence }
    }
}

#[derive(Serialize)]
pub(super) struct Published<'a> {
    topic: &'a str,
    position: Position,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    duplicate: bool,
}

impl<'a> Published<'a> {
    pub(super) fn new(topic: &'a str, receipt: Receipt) -> Self {
        Self { topic, position: receipt.position.into(), duplicate: receipt.duplicate }
    }
}

#[derive(Serialize)]
pub(super) struct Presence<'a> {
    topic: &'a str,
    presence: Users<'a>,
}

impl<'a> Presence<'a> {
    pub(super) fn new(topic: &'a str, snapshot: &'a Snapshot) -> Self {
        Self { topic, presence: snapshot.into() }
    }
}

#[derive(Serialize)]
pub(super) struct History<'a> {
    topic: &'a str,
    position: Position,
    messages: Vec<Box<RawValue>>,
}

impl<'a> History<'a> {
    /// The messages' texts are objects of the protocol already.
    pub(super) fn new(
        topic: &'a str,
        position: crate::Position,
        messages: impl Iterator<Item = String>,
    ) -> Self {
        let messages = messages.filter_map(|text| RawValue::from_string(text).ok()).collect();
        Self { topic, position: position.into(), messages }
    }
}

#[derive(Serialize)]
pub(super) struct Refreshed {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires_in_ms: Option<u64>,
}

#[derive(Serialize)]
struct Position {
    offset: u64,
    epoch: String,
}

impl From<crate::Position> for Position {
    fn from(position: crate::Position) -> Self {
        Self { offset: position.offset, epoch: position.epoch.to_string() }
    }
}

/// Who is in a room.
#[derive(Serialize)]
struct Users<'a> {
    version: u64,
    users: Vec<User<'a>>,
}

impl<'a> From<&'a Snapshot> for Users<'a> {
    fn from(snapshot: &'a Snapshot) -> Self {
        Self { version: snapshot.version, users: snapshot.users.iter().map(User::from).collect() }
    }
}
