//! Why something was not done, as the one who asked is told.

use http::StatusCode;
use hub::Error as HubError;
use rest::Error;

/// What the hub says, with the status for it.
pub(super) fn refuse(error: HubError) -> Error {
    let status = match error {
        HubError::BadName(_) => StatusCode::BAD_REQUEST,
        HubError::TooHeavy => StatusCode::PAYLOAD_TOO_LARGE,
        HubError::Insufficient(position) => {
            let msg = format!("{error}: it is at offset {}, epoch {}", position.offset, position.epoch);
            return Error::new(StatusCode::GONE, msg);
        }
        HubError::NoMoreTopics
        | HubError::Closed
        | HubError::Draining(_)
        | HubError::Full
        | HubError::Unavailable
        | HubError::Overloaded
        | HubError::Unanswered { .. } => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::CONFLICT,
    };
    Error::new(status, error.to_string())
}

/// The request does not say what it must.
pub(super) fn bad(msg: impl Into<String>) -> Error {
    Error::new(StatusCode::BAD_REQUEST, msg)
}
