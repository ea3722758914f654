//! What the request's token says.

use std::fmt;

use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{deref, reject};
use crate::middleware::TokenClaims;

/// Extracts the claims of the token that let the request into its [group](crate::RouteGroup::jwt), by serde.
///
/// ```
/// use rest::conf::JwtConf;
/// use rest::extract::Claims;
/// use rest::{Route, RouteGroup};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct User {
///     sub: String,
/// }
///
/// async fn whoami(Claims(user): Claims<User>) -> String {
///     user.sub
/// }
///
/// let group: RouteGroup =
///     RouteGroup::new().jwt(JwtConf::new("a long and random secret")).route(Route::get("/whoami", whoami));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Claims<T>(pub T);

deref!(Claims);

impl<S, T> FromRequestParts<S> for Claims<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = ClaimsRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ClaimsRejection> {
        let claims = parts.extensions.get::<TokenClaims>().ok_or(ClaimsRejection::NoToken)?;
        let claims = Value::Object((**claims).clone());
        T::deserialize(claims).map(Self).map_err(|_| ClaimsRejection::Mismatch)
    }
}

/// Why there are no [`Claims`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ClaimsRejection {
    /// The route is in no group that asks for a token: 500.
    NoToken,
    /// The token is valid, but claims are missing or of another type: 401.
    Mismatch,
}

impl ClaimsRejection {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NoToken => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Mismatch => StatusCode::UNAUTHORIZED,
        }
    }
}

impl std::error::Error for ClaimsRejection {}

impl fmt::Display for ClaimsRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoToken => "the request has no claims, as its route is in no group with JWT",
            Self::Mismatch => "the token has not the claims that are wanted",
        })
    }
}

impl IntoResponse for ClaimsRejection {
    fn into_response(self) -> Response {
        reject(self.status(), &self)
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct User {
        sub: String,
        admin: Option<bool>,
    }

    async fn user(claims: Option<Value>) -> Result<User, ClaimsRejection> {
        let (mut parts, ()) = Request::new(()).into_parts();
        if let Some(Value::Object(claims)) = claims {
            parts.extensions.insert(TokenClaims::new(claims));
        }
        Claims::from_request_parts(&mut parts, &()).await.map(|Claims(user)| user)
    }

    #[tokio::test]
    async fn claims_are_read_into_a_type() {
        let claims = json!({"sub": "ann", "exp": 1});
        assert_eq!(user(Some(claims)).await, Ok(User { sub: "ann".into(), admin: None }));
    }

    #[tokio::test]
    async fn claims_of_another_type_are_not_authorized() {
        for claims in [json!({}), json!({"sub": 5})] {
            assert_eq!(user(Some(claims)).await, Err(ClaimsRejection::Mismatch));
        }
        assert_eq!(ClaimsRejection::Mismatch.into_response().status(), StatusCode::UNAUTHORIZED);
    }

    #[tokio::test]
    async fn a_route_without_jwt_is_our_mistake() {
        assert_eq!(user(None).await, Err(ClaimsRejection::NoToken));
        assert_eq!(ClaimsRejection::NoToken.into_response().status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
