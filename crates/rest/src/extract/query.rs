//! The part of the request's target after `?`.

use std::fmt;

use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::{deref, reject};

/// Extracts the query string, by serde; without a query string it is as if it were empty.
///
/// A `Vec` takes all values of its name (`?id=1&id=2`); an empty value (`?limit=`) is `None` for an `Option`. What is not
/// asked for is ignored.
///
/// ```
/// use rest::extract::Query;
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Search {
///     text: String,
///     limit: Option<u32>,
///     #[serde(default)]
///     tag: Vec<String>,
/// }
///
/// async fn search(Query(search): Query<Search>) -> String {
///     format!("{} lines about {}", search.limit.unwrap_or(10), search.text)
/// }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<T>(pub T);

deref!(Query);

impl<S, T> FromRequestParts<S> for Query<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = QueryRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, QueryRejection> {
        let query = parts.uri.query().unwrap_or_default();
        serde_html_form::from_str(query).map(Self).map_err(|error| QueryRejection::of(&error.to_string()))
    }
}

/// Why there is no [`Query`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum QueryRejection {
    /// A field that must be there is not: 400.
    Missing {
        /// Its name.
        field: String,
    },
    /// A value is not what its field takes, for instance not a number: 400.
    Invalid,
}

impl QueryRejection {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Missing { .. } | Self::Invalid => StatusCode::BAD_REQUEST,
        }
    }

    /// Takes the cause out of serde's text; the rest of it may quote the client.
    fn of(error: &str) -> Self {
        match error.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
            Some(field) => Self::Missing { field: field.to_owned() },
            None => Self::Invalid,
        }
    }
}

impl std::error::Error for QueryRejection {}

impl fmt::Display for QueryRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { field } => write!(f, "the query string has no {field}"),
            Self::Invalid => f.write_str("the query string has a value that its field does not take"),
        }
    }
}

impl IntoResponse for QueryRejection {
    fn into_response(self) -> Response {
        reject(self.status(), &self)
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Search {
        text: String,
        limit: Option<u32>,
        #[serde(default)]
        tag: Vec<String>,
    }

    async fn query(uri: &str) -> Result<Search, QueryRejection> {
        let (mut parts, ()) = Request::builder().uri(uri).body(()).unwrap().into_parts();
        Query::from_request_parts(&mut parts, &()).await.map(|Query(search)| search)
    }

    fn search(text: &str, limit: Option<u32>, tag: &[&str]) -> Search {
        Search { text: text.into(), limit, tag: tag.iter().map(|&tag| tag.into()).collect() }
    }

    #[tokio::test]
    async fn a_query_string_is_read_as_a_form() {
        for (uri, expected) in [
            ("/?text=a+b%26c&limit=3", search("a b&c", Some(3), &[])),
            ("/?tag=x&text=&tag=y&other=z", search("", None, &["x", "y"])),
            ("/?text=a&limit=", search("a", None, &[])),
        ] {
            assert_eq!(query(uri).await.unwrap(), expected, "{uri}");
        }
    }

    #[tokio::test]
    async fn a_rejection_says_the_cause_and_not_the_value() {
        for (uri, expected) in [
            ("/", "the query string has no text"),
            ("/?limit=3", "the query string has no text"),
            ("/?text=a&limit=secret", "the query string has a value that its field does not take"),
        ] {
            let rejection = query(uri).await.unwrap_err();
            assert_eq!(rejection.to_string(), expected, "{uri}");
            assert_eq!(rejection.into_response().status(), StatusCode::BAD_REQUEST, "{uri}");
        }
    }
}
