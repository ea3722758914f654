//! What a middleware has left in the request.

use std::any::type_name;
use std::convert::Infallible;
use std::fmt;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use super::{deref, reject};

/// Extracts a value that a middleware has put into the request's extensions.
///
/// It is cloned. `Option<Extension<T>>` is `None` when there is none, `Extension<T>` is rejected with 500: that is a mistake
/// in the program, and goes to the log.
///
/// ```
/// use rest::extract::Extension;
///
/// #[derive(Clone)]
/// struct User {
///     name: String,
/// }
///
/// async fn greet(user: Option<Extension<User>>) -> String {
///     user.map_or("Who are you?".to_owned(), |Extension(user)| format!("Hello, {}!", user.name))
/// }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Extension<T>(pub T);

deref!(Extension);

impl<S, T> FromRequestParts<S> for Extension<T>
where
    S: Send + Sync,
    T: Clone + Send + Sync + 'static,
{
    type Rejection = ExtensionRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ExtensionRejection> {
        let value = parts.extensions.get().cloned();
        value.map(Self).ok_or(ExtensionRejection::Missing { type_name: type_name::<T>() })
    }
}

impl<S, T> OptionalFromRequestParts<S> for Extension<T>
where
    S: Send + Sync,
    T: Clone + Send + Sync + 'static,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get().cloned().map(Self))
    }
}

/// Why there is no [`Extension`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ExtensionRejection {
    /// No middleware has put one into the request: 500.
    Missing {
        /// The type that was looked for.
        type_name: &'static str,
    },
}

impl ExtensionRejection {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Missing { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl std::error::Error for ExtensionRejection {}

impl fmt::Display for ExtensionRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { type_name } => write!(f, "no middleware has put a {type_name} into the request"),
        }
    }
}

impl IntoResponse for ExtensionRejection {
    fn into_response(self) -> Response {
        reject(self.status(), &self)
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[tokio::test]
    async fn an_extension_is_there_when_it_was_put_there() {
        let (mut parts, ()) = Request::builder().extension(7_u8).body(()).unwrap().into_parts();

        let found =
            <Extension<u8> as FromRequestParts<()>>::from_request_parts(&mut parts, &()).await.unwrap();
        let missing =
            <Extension<u16> as FromRequestParts<()>>::from_request_parts(&mut parts, &()).await.unwrap_err();
        let optional =
            <Option<Extension<u16>> as FromRequestParts<()>>::from_request_parts(&mut parts, &()).await;

        assert_eq!(*found, 7);
        assert_eq!(missing.to_string(), "no middleware has put a u16 into the request");
        assert_eq!(missing.into_response().status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(optional.unwrap().is_none());
    }
}
