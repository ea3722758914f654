use http::header::CONTENT_TYPE;

use crate::{Body, IntoResponse, Response};

/// A response of type `text/html; charset=utf-8`.
#[derive(Clone, Copy, Debug)]
pub struct Html<T>(pub T);

impl<T: Into<Body>> IntoResponse for Html<T> {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, "text/html; charset=utf-8")], self.0.into()).into_response()
    }
}
