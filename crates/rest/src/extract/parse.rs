//! The whole request as one struct.

mod sources;
mod value;
mod validate;

use std::error::Error;
use std::fmt;

use axum_core::extract::rejection::BytesRejection;
use axum_core::extract::{FromRequest, Request};
use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_json::{Map, Value};

pub use self::validate::{Invalid, Validate};
pub use self::value::FieldError;

use self::sources::{Sources, cleaned, pairs};
use super::json::is_json;
use super::multipart::{Multipart, MultipartError, boundary};
use super::{deref, reject, status_of};
use crate::router::Params;

/// Extracts a struct whose fields come from the path, the body, the query and the headers, and [validates](Validate) it.
///
/// A field is looked for by its name, in this order; the first place that has it counts:
///
/// 1. the parameters of the route's path;
/// 2. the body: an object of `application/json` or `…+json`, `application/x-www-form-urlencoded`, or those fields of
///    `multipart/form-data` that are no files, for which there is [`Multipart`](super::Multipart); others are left alone;
/// 3. the query string;
/// 4. the headers, where `_` stands for `-`: `user_agent` is `User-Agent`.
///
/// What comes as text is parsed as the field's type; a list takes all values of its name (also written `tag[]`), anything
/// else the first; an empty value in a form or query is none. So any field but those of the path can come from any of these
/// places, whoever the client is: where it matters from which, use [`Path`](super::Path), [`Json`](super::Json) and
/// [`Query`](super::Query). A struct with `#[serde(flatten)]` gets no headers.
///
/// ```
/// use rest::extract::{Invalid, Parse, Validate};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Say {
///     room: String,
///     text: String,
///     #[serde(default)]
///     tags: Vec<String>,
///     user_agent: Option<String>,
/// }
///
/// impl Validate for Say {
///     fn validate(&self) -> Result<(), Invalid> {
///         if self.text.len() > 500 {
///             return Err(Invalid::new("text", "must have at most 500 bytes"));
///         }
///         Ok(())
///     }
/// }
///
/// /// `POST /rooms/:room/lines?tags=a&tags=b` with `{"text": "Hello!"}`
/// async fn say(Parse(say): Parse<Say>) -> String {
///     format!("{} in {}", say.text, say.room)
/// }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Parse<T>(pub T);

deref!(Parse);

impl<S, T> FromRequest<S> for Parse<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Validate,
{
    type Rejection = ParseRejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, ParseRejection> {
        let (mut parts, body) = request.into_parts();
        let params = parts.extensions.remove::<Params>();
        let (is_json, is_form) = (is_json(&parts.headers), is_form(&parts.headers));
        let mut multipart = Vec::new();
        let body = if let Some(boundary) = boundary(&parts.headers) {
            let form = Multipart::new(body, boundary);
            multipart = form.texts(MAX_VALUES).await.map_err(ParseRejection::Multipart)?;
            Bytes::new()
        } else if is_json || is_form {
            let mut request = Request::new(body);
            *request.extensions_mut() = parts.extensions; // with the limit
            Bytes::from_request(request, state).await.map_err(ParseRejection::Body)?
        } else {
            Bytes::new()
        };
        let json = if is_json && !body.is_empty() { object(&body)? } else { Map::new() };
        let form = if is_form { pairs(&body) } else { cleaned(multipart) };
        let query = pairs(parts.uri.query().unwrap_or_default().as_bytes());
        if form.len() + query.len() > MAX_VALUES {
            return Err(ParseRejection::TooMany);
        }
        let sources = Sources {
            params: params.as_ref(),
            json: &json,
            form: &form,
            query: &query,
            headers: &parts.headers,
        };
        let value = T::deserialize(sources).map_err(ParseRejection::Field)?;
        value.validate().map_err(ParseRejection::Invalid)?;
        Ok(Self(value))
    }
}

fn object(body: &[u8]) -> Result<Map<String, Value>, ParseRejection> {
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => ParseRejection::NoObject,
        Category::Syntax | Category::Eof | Category::Io => {
            ParseRejection::Syntax { line: error.line(), column: error.column() }
        }
    })
}

fn is_form(headers: &http::HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = value.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// How many values a form and a query may have together, go-zero's.
const MAX_VALUES: usize = 2048;

/// Why there is no [`Parse`]. It names the field and never says what was sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum ParseRejection {
    /// The body could not be read: 413 if it is too large, 400 otherwise.
    Body(BytesRejection),
    /// The form cannot be read.
    Multipart(MultipartError),
    /// The body is not JSON: 400.
    Syntax {
        /// Where it stops being JSON, from 1.
        line: usize,
        /// The same within the line, in bytes.
        column: usize,
    },
    /// The body is JSON, but no object: 400.
    NoObject,
    /// Form and query have more than 2048 values: 400.
    TooMany,
    /// A field is missing, or is not what is wanted: 400.
    Field(FieldError),
    /// It is what is wanted, but not allowed: 400.
    Invalid(Invalid),
}

impl ParseRejection {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Body(rejection) => status_of(rejection),
            Self::Multipart(error) => error.status(),
            Self::Syntax { .. } | Self::NoObject | Self::TooMany | Self::Field(_) | Self::Invalid(_) => {
                StatusCode::BAD_REQUEST
            }
        }
    }
}

impl fmt::Display for ParseRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(_) if self.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                f.write_str("the body is too large")
            }
            Self::Body(_) if self.status() == StatusCode::REQUEST_TIMEOUT => {
                f.write_str("the body has paused for too long")
            }
            Self::Body(_) => f.write_str("the body could not be read"),
            Self::Multipart(error) => error.fmt(f),
            Self::Syntax { line, column } => {
                write!(f, "the body is not JSON, at line {line} column {column}")
            }
            Self::NoObject => f.write_str("the body must be a JSON object"),
            Self::TooMany => f.write_str("there are too many values"),
            Self::Field(error) => error.fmt(f),
            Self::Invalid(invalid) => invalid.fmt(f),
        }
    }
}

impl Error for ParseRejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Body(rejection) => Some(rejection),
            Self::Multipart(error) => Some(error),
            Self::Syntax { .. } | Self::NoObject | Self::TooMany | Self::Field(_) | Self::Invalid(_) => None,
        }
    }
}

impl IntoResponse for ParseRejection {
    fn into_response(self) -> Response {
        reject(self.status(), &self)
    }
}

#[cfg(test)]
mod tests;
