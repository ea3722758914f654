use std::fmt;

use axum_core::BoxError;
use http::StatusCode;
use serde::Serialize;

use crate::{IntoResponse, Response};

/// Why a handler did not do what was asked: a status and a message for the client, and a source for the log alone.
///
/// Any error becomes one by `?`: a 500, whose source is logged and never sent.
///
/// ```
/// use rest::extract::Path;
/// use rest::{Error, StatusCode};
///
/// async fn quota(Path(user): Path<String>) -> Result<String, Error> {
///     if user == "nobody" {
///         return Err(Error::new(StatusCode::NOT_FOUND, "there is no such user").code(10_404));
///     }
///     let quota: u64 = std::fs::read_to_string("quota.txt")?.trim().parse()?; // 500, should one of them fail
///     Ok(quota.to_string())
/// }
/// ```
#[derive(Debug)]
pub struct Error {
    status: StatusCode,
    body: ErrorBody,
    source: Option<BoxError>,
}

impl Error {
    /// Creates an error with a message that is sent to the client.
    pub fn new(status: StatusCode, msg: impl Into<String>) -> Self {
        Self { status, body: ErrorBody { code: status.as_u16().into(), msg: msg.into() }, source: None }
    }

    /// Sends this code of one's own in the body. Without it, it is the status.
    pub fn code(mut self, code: i64) -> Self {
        self.body.code = code;
        self
    }

    /// Logs this when it is sent.
    pub fn source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl<E: Into<BoxError>> From<E> for Error {
    fn from(source: E) -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self::new(status, status.canonical_reason().unwrap_or_default()).source(source)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if let Some(source) = &self.source {
            let source = &**source as &dyn std::error::Error;
            if self.status.is_server_error() {
                tracing::error!(error = source, "a handler failed");
            } else {
                tracing::info!(error = source, "a handler refused");
            }
        }
        refuse(self.status, self.body)
    }
}

/// What a client is told of an error: `{"code": 404, "msg": "there is no such user"}`, unless
/// [`Engine::on_error`](crate::Engine::on_error) says it otherwise.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ErrorBody {
    /// The status, or a code of the [error's own](Error::code).
    pub code: i64,
    /// The message.
    pub msg: String,
}

impl fmt::Display for ErrorBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.msg)
    }
}

/// Makes a response that says this: as text, which the engine turns into what it says errors in.
pub(crate) fn refuse(status: StatusCode, body: ErrorBody) -> Response {
    let mut response = (status, body.msg.clone()).into_response();
    response.extensions_mut().insert(body);
    response
}
