//! Why an engine did not do something.

use std::error::Error as StdError;
use std::fmt;

use crate::error::Error;

/// Why an engine did not do what it was asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum EngineError {
    /// It is not connected, or gave no answer in time: the call may have been carried out.
    Unavailable,
    /// More is under way than it takes at once. The call was not carried out.
    Overloaded,
    /// The message is longer than the engine takes. It was not published.
    TooLarge,
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unavailable => "the backplane is not available",
            Self::Overloaded => "the backplane is overloaded",
            Self::TooLarge => "the message is too large for the backplane",
        })
    }
}

impl StdError for EngineError {}

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Unavailable => Self::Unavailable,
            EngineError::Overloaded => Self::Overloaded,
            EngineError::TooLarge => Self::TooHeavy,
        }
    }
}
