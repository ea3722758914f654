//! How a connection ends, as its client is told.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::code::EndCode;
use super::json::{millis, text};
use crate::error::{Cause, Evicted};

/// How a connection ends from the server's side: a code for the program, a text for the person, and perhaps when to return.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct End {
    code: EndCode,
    message: Cow<'static, str>,
    retry_after: Option<Duration>,
}

impl End {
    /// An end. The text is sent to the client.
    pub fn new(code: EndCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), retry_after: None }
    }

    /// The same, with the time before which the client should not come back.
    #[must_use]
    pub fn retry_after(self, after: Duration) -> Self {
        Self { retry_after: Some(after), ..self }
    }

    pub(super) fn too_many_refused() -> Self {
        Self::new(EndCode::Abuse, "too many commands in a row were refused")
    }

    pub(super) fn hub_closed() -> Self {
        Self::new(EndCode::Draining, "the hub is closed")
    }

    /// What it is, for a program.
    #[must_use]
    pub fn code(&self) -> EndCode {
        self.code
    }

    /// What it is, for a person.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Before which time the client should not come back, if that is known.
    #[must_use]
    pub fn when_again(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The `end` object that says so.
    #[must_use]
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Object<'a> {
            r#type: &'static str,
            code: &'static str,
            message: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            retry_after_ms: Option<u64>,
        }
        text(&Object {
            r#type: "end",
            code: self.code.as_str(),
            message: &self.message,
            retry_after_ms: self.retry_after.map(millis),
        })
    }
}

impl From<Evicted> for End {
    fn from(evicted: Evicted) -> Self {
        let code = match evicted.cause() {
            Cause::TooSlow | Cause::TooMuchDirect | Cause::Gap | Cause::Unsubscribed => EndCode::TooSlow,
            Cause::Replaced => EndCode::Replaced,
            Cause::Kicked => EndCode::Kicked,
            Cause::Draining(after) => {
                return Self::new(EndCode::Draining, evicted.to_string()).retry_after(after);
            }
        };
        Self::new(code, evicted.to_string())
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl Error for End {}
