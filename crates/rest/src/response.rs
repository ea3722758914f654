use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Serialize;
/// JSON as it is written; serde's types keep it as it is.
pub use serde_json::value::RawValue as RawJson;

use crate::{Body, IntoResponse, Response};

/// A response of type `text/html; charset=utf-8`.
#[derive(Clone, Copy, Debug)]
pub struct Html<T>(pub T);

impl<T: Into<Body>> IntoResponse for Html<T> {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, "text/html; charset=utf-8")], self.0.into()).into_response()
    }
}

/// A value as JSON, in the words that [`Engine::on_ok`](crate::Engine::on_ok) has for what is well; go-zero's `httpx.OkJson`.
///
/// Without such words it is as [`Json`](crate::extract::Json). A value that cannot be written is a 500.
#[derive(Clone, Copy, Debug)]
pub struct OkJson<T>(pub T);

impl<T: Serialize> IntoResponse for OkJson<T> {
    fn into_response(self) -> Response {
        let json = match serde_json::value::to_raw_value(&self.0) {
            Ok(json) => json,
            Err(error) => {
                tracing::error!(%error, "a response cannot be written as JSON");
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
        };
        let body = json.get().to_owned();
        let mut response = ([(CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response();
        response.extensions_mut().insert(Written(json));
        response
    }
}

/// What an [`OkJson`] holds, on its way to the engine.
#[derive(Clone)]
pub(crate) struct Written(pub(crate) Box<RawJson>);
