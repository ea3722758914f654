use std::error::Error;
use std::fmt;
use std::io;

use axum_core::BoxError;
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http_body_util::LengthLimitError;
use tower_http::timeout::TimeoutError;

use super::pieces::HeadTooLarge;
use crate::extract::reject;

/// Why a [form](super::Multipart) cannot be read. It names the field and never says what was sent in it.
#[derive(Debug)]
#[non_exhaustive]
pub enum MultipartError {
    /// It is not `multipart/form-data` with a boundary: 415.
    NoForm,
    /// A field has more bytes than its limit: 413.
    TooLarge {
        /// Its name.
        field: String,
        /// The limit.
        max: u64,
    },
    /// The form has more fields than its limit: 413.
    TooMany {
        /// The limit.
        max: usize,
    },
    /// The whole body is over `MaxBytes`: 413.
    BodyTooLarge,
    /// A field has no name: 400.
    Nameless,
    /// A field is not UTF-8, and is to be text: 400.
    NoText {
        /// Its name.
        field: String,
    },
    /// The form ends within a field: 400.
    Incomplete {
        /// Its name; empty between two fields.
        field: String,
    },
    /// The form is not what a form looks like: 400.
    Syntax,
    /// The body has paused for too long: 408.
    Paused,
    /// The body cannot be read, as the client has gone away: 400.
    Body(BoxError),
    /// What was read cannot be written: 500.
    Write(io::Error),
}

impl MultipartError {
    /// Answers 500 because of a file of ours.
    pub fn write(error: io::Error) -> Self {
        Self::Write(error)
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NoForm => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge { .. } | Self::TooMany { .. } | Self::BodyTooLarge => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::Paused => StatusCode::REQUEST_TIMEOUT,
            Self::Write(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Nameless | Self::NoText { .. } | Self::Incomplete { .. } | Self::Syntax | Self::Body(_) => {
                StatusCode::BAD_REQUEST
            }
        }
    }

    pub(super) fn of(error: multer::Error, field: &str) -> Self {
        match error {
            multer::Error::IncompleteFieldData { .. }
            | multer::Error::IncompleteHeaders
            | multer::Error::IncompleteStream => Self::Incomplete { field: shown(field) },
            multer::Error::StreamReadFailed(source) => Self::of_body(source),
            _ => Self::Syntax,
        }
    }

    /// Looks through the boxes that limits and unpacking put around each other's errors.
    fn of_body(source: BoxError) -> Self {
        let mut error: Option<&(dyn Error + 'static)> = Some(&*source);
        while let Some(it) = error {
            if it.is::<LengthLimitError>() {
                return Self::BodyTooLarge;
            }
            if it.is::<TimeoutError>() {
                return Self::Paused;
            }
            if it.is::<HeadTooLarge>() {
                return Self::Syntax;
            }
            error = it.source();
        }
        Self::Body(source)
    }
}

/// A field's name as it can be shown: it is the client's.
pub(super) fn shown(name: &str) -> String {
    let is_plain = |c: &char| c.is_alphanumeric() || "_-.[]".contains(*c);
    name.chars().filter(is_plain).take(MAX_NAME).collect()
}

const MAX_NAME: usize = 64;

impl fmt::Display for MultipartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoForm => f.write_str("the body must be multipart/form-data with a boundary"),
            Self::TooLarge { field, max } => write!(f, "{field} must have at most {max} bytes"),
            Self::TooMany { max } => write!(f, "the form must have at most {max} fields"),
            Self::BodyTooLarge => f.write_str("the body is too large"),
            Self::Nameless => f.write_str("a field of the form has no name"),
            Self::NoText { field } => write!(f, "{field} must be text in UTF-8"),
            Self::Incomplete { field } if !field.is_empty() => write!(f, "{field} has no end"),
            Self::Incomplete { .. } => f.write_str("the form has no end"),
            Self::Syntax => f.write_str("the form is malformed"),
            Self::Paused => f.write_str("the body has paused for too long"),
            Self::Body(_) => f.write_str("the body could not be read"),
            Self::Write(_) => f.write_str("a file could not be written"),
        }
    }
}

impl Error for MultipartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Body(source) => Some(&**source),
            Self::Write(source) => Some(source),
            _ => None,
        }
    }
}

impl IntoResponse for MultipartError {
    fn into_response(self) -> Response {
        if let Self::Write(error) = &self {
            tracing::error!(error = error as &dyn Error, "a field cannot be written");
        }
        reject(self.status(), &self)
    }
}
