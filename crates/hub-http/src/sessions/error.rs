use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;
use http::header::RETRY_AFTER;
use rest::{Error, IntoResponse, Response};

/// Why a session was not opened, or did not take what was said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SessionError {
    /// There are as many sessions as there may be: 503.
    TooMany,
    /// The request does not say which session it is for: 400.
    NoSession,
    /// The body is not UTF-8: 400.
    NotText,
    /// There is no such session, or no longer: 404.
    Unknown,
    /// Too much is waiting for it already: 429.
    Busy,
}

impl SessionError {
    /// Its word in the metrics.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::TooMany => "too_many",
            Self::NoSession => "no_session",
            Self::NotText => "not_text",
            Self::Unknown => "unknown",
            Self::Busy => "busy",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::TooMany => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoSession | Self::NotText => StatusCode::BAD_REQUEST,
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::Busy => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// After how many seconds there may be room.
    fn retry_after(self) -> Option<u64> {
        match self {
            Self::TooMany => Some(5),
            Self::Busy => Some(1),
            Self::NoSession | Self::NotText | Self::Unknown => None,
        }
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooMany => "there are too many sessions",
            Self::NoSession => "the header Hub-Session says which session this is for",
            Self::NotText => "commands are UTF-8",
            Self::Unknown => "there is no such session: open the events anew",
            Self::Busy => "too much is waiting already",
        })
    }
}

impl StdError for SessionError {}

impl IntoResponse for SessionError {
    fn into_response(self) -> Response {
        let mut response = Error::new(self.status(), self.to_string()).into_response();
        if let Some(seconds) = self.retry_after() {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}
