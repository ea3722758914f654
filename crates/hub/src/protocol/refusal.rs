//! Why a command is not done, as its client is told.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use super::code::ErrorCode;
use crate::error::Error;

/// Why a command is not done: a code for the program, a text for the person, and perhaps when to try again.
///
/// ```
/// use hub::protocol::{ErrorCode, Refusal};
///
/// let refusal = Refusal::new(ErrorCode::Forbidden, "this room is for moderators");
/// assert_eq!(refusal.to_string(), "forbidden: this room is for moderators");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    code: ErrorCode,
    message: Cow<'static, str>,
    retry_after: Option<Duration>,
}

impl Refusal {
    /// A refusal. The text is sent to the client.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), retry_after: None }
    }

    /// The application does not want it, and says why: [`ErrorCode::Rejected`].
    pub fn rejected(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Rejected, message)
    }

    /// The same, with the time after which it may be tried again.
    #[must_use]
    pub fn retry_after(self, after: Duration) -> Self {
        Self { retry_after: Some(after), ..self }
    }

    /// What it is, for a program.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// What it is, for a person.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// When it may be tried again, if that is known.
    #[must_use]
    pub fn when_again(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl StdError for Refusal {}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let code = match error {
            Error::BadName(_) => ErrorCode::BadTopic,
            Error::AlreadyJoined => ErrorCode::AlreadyJoined,
            Error::NotJoined => ErrorCode::NotJoined,
            Error::TooManyTopics => ErrorCode::TooManyTopics,
            Error::TooManyClients => ErrorCode::TooManyConnections,
            Error::TooHeavy => ErrorCode::TooLarge,
            Error::Insufficient(_) => ErrorCode::Insufficient,
            Error::Draining(after) => {
                return Self::new(ErrorCode::Draining, error.to_string()).retry_after(after);
            }
            Error::NoMoreTopics
            | Error::Full
            | Error::Ended(_)
            | Error::Closed
            | Error::Unavailable
            | Error::Overloaded
            | Error::Unanswered { .. } => ErrorCode::Unavailable,
        };
        Self::new(code, error.to_string())
    }
}
