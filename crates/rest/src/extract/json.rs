//! A body in JSON, of requests and of responses.

use std::error::Error;
use std::fmt;

use axum_core::extract::rejection::BytesRejection;
use axum_core::extract::{FromRequest, Request};
use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::{deref, reject, status_of};

/// Extracts the body as JSON; as a response, writes it.
///
/// The request must have a `Content-Type` of `application/json` or `application/…+json`, and nothing after the value. The
/// whole body is read first, within the route's limit, whether it comes with a length or in chunks.
///
/// As a response it has `Content-Type: application/json; charset=utf-8`, go-zero's. A value that cannot be written, such
/// as a map whose keys are not text, is answered 500, and goes to the log.
///
/// ```
/// use rest::extract::Json;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Deserialize)]
/// struct Sum {
///     of: Vec<i64>,
/// }
///
/// #[derive(Serialize)]
/// struct Total {
///     total: i64,
/// }
///
/// async fn sum(Json(sum): Json<Sum>) -> Json<Total> {
///     Json(Total { total: sum.of.iter().sum() })
/// }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Json<T>(pub T);

deref!(Json);

impl<S, T> FromRequest<S> for Json<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = JsonRejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, JsonRejection> {
        if !is_json(request.headers()) {
            return Err(JsonRejection::ContentType);
        }
        let body = Bytes::from_request(request, state).await.map_err(JsonRejection::Body)?;
        serde_json::from_slice(&body).map(Self).map_err(|error| JsonRejection::of(&error))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(CONTENT_TYPE, JSON)], body).into_response(),
            Err(error) => {
                tracing::error!(%error, "a response cannot be written as JSON");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

/// Why there is no [`Json`].
#[derive(Debug)]
#[non_exhaustive]
pub enum JsonRejection {
    /// The `Content-Type` is missing or another one: 415.
    ContentType,
    /// The body could not be read: 413 if it is too large, 400 otherwise.
    Body(BytesRejection),
    /// The body is not JSON: 400.
    Syntax {
        /// Where it stops being JSON, from 1.
        line: usize,
        /// The same within the line, in bytes.
        column: usize,
    },
    /// The body is JSON, but a value in it is not what is wanted there, or is missing: 422.
    Data {
        /// Where, from 1; for a missing value, where its object ends.
        line: usize,
        /// The same within the line, in bytes.
        column: usize,
    },
}

impl JsonRejection {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Body(rejection) => status_of(rejection),
            Self::Syntax { .. } => StatusCode::BAD_REQUEST,
            Self::Data { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    /// Takes what can be shown out of an error; its text quotes the body.
    fn of(error: &serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        match error.classify() {
            Category::Data => Self::Data { line, column },
            Category::Syntax | Category::Eof | Category::Io => Self::Syntax { line, column },
        }
    }
}

impl Error for JsonRejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Body(rejection) => Some(rejection),
            Self::ContentType | Self::Syntax { .. } | Self::Data { .. } => None,
        }
    }
}

impl fmt::Display for JsonRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ContentType => f.write_str("the Content-Type must be application/json"),
            Self::Body(_) if self.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                f.write_str("the body is too large")
            }
            Self::Body(_) if self.status() == StatusCode::REQUEST_TIMEOUT => {
                f.write_str("the body has paused for too long")
            }
            Self::Body(_) => f.write_str("the body could not be read"),
            Self::Syntax { line, column } => {
                write!(f, "the body is not JSON, at line {line} column {column}")
            }
            Self::Data { line, column } => {
                write!(
                    f,
                    "the body has not the fields and types that are wanted, at line {line} column {column}"
                )
            }
        }
    }
}

impl IntoResponse for JsonRejection {
    fn into_response(self) -> Response {
        reject(self.status(), &self)
    }
}

/// `application/json` or `application/…+json`, in any case and with any parameters.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let media_type = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let Some(subtype) = media_type.strip_prefix("application/") else {
        return false;
    };
    subtype == "json" || subtype.ends_with("+json")
}

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::convert::Infallible;

    use axum_core::body::Body;
    use axum_core::extract::DefaultBodyLimit;
    use futures_util::stream;
    use http_body_util::BodyExt;
    use http_body_util::StreamBody;
    use hyper::body::Frame;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq, Serialize)]
    struct Line {
        text: String,
        number: u8,
    }

    fn request(content_type: &str, body: impl Into<Body>) -> Request {
        Request::builder().header(CONTENT_TYPE, content_type).body(body.into()).unwrap()
    }

    async fn json(request: Request) -> Result<Line, JsonRejection> {
        Json::from_request(request, &()).await.map(|Json(line)| line)
    }

    #[tokio::test]
    async fn a_body_is_read_with_a_length_and_in_chunks() {
        let line = Line { text: "hi".into(), number: 3 };
        let (head, tail) = (r#"{"text": "hi", "#, r#""number": 3} "#);
        assert_eq!(json(request("application/json", [head, tail].concat())).await.unwrap(), line);

        let chunks =
            [head, tail].map(|chunk| Ok::<_, Infallible>(Frame::data(Bytes::from_static(chunk.as_bytes()))));
        let chunked = Body::new(StreamBody::new(stream::iter(chunks)));
        assert_eq!(json(request("application/json", chunked)).await.unwrap(), line);
    }

    #[tokio::test]
    async fn a_content_type_of_json_is_wanted() {
        let body = r#"{"text": "hi", "number": 3}"#;
        for good in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/problem+json",
            "application/json;x",
        ] {
            assert!(json(request(good, body)).await.is_ok(), "{good}");
        }
        for bad in [
            "",
            "text/json",
            "text/plain",
            "application/jsonp",
            "application/x-json-not",
            "json",
            "text/plain;application/json",
        ] {
            let rejection = json(request(bad, body)).await.unwrap_err();
            assert_eq!(rejection.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{bad}");
        }
        let missing = json(Request::new(Body::from(body))).await.unwrap_err();
        assert_eq!(missing.to_string(), "the Content-Type must be application/json");
    }

    #[tokio::test]
    async fn a_rejection_says_where_and_never_what() {
        for (body, status, at) in [
            ("", 400, "line 1 column 0"),
            ("{\"text\": secret}", 400, "line 1 column 10"),
            ("{\"text\": \"secret\"", 400, "line 1 column 17"),
            ("{\"text\": \"secret\", \"number\": 3} secret", 400, "line 1 column 33"),
            ("{\"text\": \"hi\",\n \"number\": \"secret\"}", 422, "line 2 column 19"),
            ("{\"text\": \"secret\",\n \"number\": 256}", 422, "line 2 column 14"),
            ("{\"secret\": 1}", 422, "line 1 column 13"),
            ("[\"secret\"]", 422, "line 1 column 10"),
        ] {
            let response = json(request("application/json", body)).await.unwrap_err().into_response();
            assert_eq!(response.status(), status, "{body}");
            let text = response.into_body().collect().await.unwrap().to_bytes();
            let text = str::from_utf8(&text).unwrap();
            assert!(text.ends_with(at) && !text.contains("secret"), "{body}: {text}");
        }
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_too_large() {
        let mut request = request("application/json", format!("{:100}", "{}"));
        DefaultBodyLimit::max(50).apply(&mut request);

        let rejection = json(request).await.unwrap_err();

        assert_eq!(rejection.to_string(), "the body is too large");
        assert_eq!(rejection.into_response().status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn a_response_is_json_or_an_error_without_details() {
        let response = Json(Line { text: "<hi>".into(), number: 3 }).into_response();
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json; charset=utf-8");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, r#"{"text":"<hi>","number":3}"#);

        let response = Json(HashMap::from([(vec![1], 2)])).into_response();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
    }
}
