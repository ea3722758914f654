//! The parameters of the route's path.

use std::fmt;

use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::path_de::{PathDeserializer, PathError};
use super::{deref, reject};
use crate::router::Params;

/// Extracts the parameters of the route's path, decoded, by serde.
///
/// One parameter goes into a plain type, several into a tuple in the order of the path, or by name into a struct or a map;
/// any number goes into a `Vec<(String, String)>`. A value is text, a number, a `bool`, a `char`, an enum without data, or
/// a type that reads itself from text.
///
/// A value may hold any text, also `/` and `..`, which come as `%2F` and so forth: never use it as a file's path unchecked.
///
/// ```
/// use rest::extract::Path;
/// use serde::Deserialize;
///
/// /// `/users/:id`
/// async fn user(Path(id): Path<u64>) {}
///
/// /// `/rooms/:room/lines/:number`
/// async fn line(Path((room, number)): Path<(String, u32)>) {}
///
/// #[derive(Deserialize)]
/// struct At {
///     room: String,
///     number: u32,
/// }
///
/// /// The same, by name.
/// async fn line_by_name(Path(At { room, number }): Path<At>) {}
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Path<T>(pub T);

deref!(Path);

impl<S, T> FromRequestParts<S> for Path<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = PathRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, PathRejection> {
        let params = parts.extensions.get::<Params>().ok_or(PathRejection::NoRoute)?;
        T::deserialize(PathDeserializer(params)).map(Self).map_err(|error| PathRejection::of(error, params))
    }
}

/// Why there is no [`Path`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PathRejection {
    /// A parameter is not what is wanted, for instance not a number: 400.
    Invalid {
        /// The parameter's name, as in `id` of `/users/:id`, or several names that do not go together.
        name: String,
        /// What is wanted, as in `u64`.
        expected: String,
    },
    /// The type does not fit the route's path: 500.
    Mismatch {
        /// How.
        reason: String,
    },
    /// The request was not routed, for instance in a mounted service: 500.
    NoRoute,
}

impl PathRejection {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Invalid { .. } => StatusCode::BAD_REQUEST,
            Self::Mismatch { .. } | Self::NoRoute => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn of(error: PathError, params: &Params) -> Self {
        // An error that is not of one parameter is of the only one, or of all together.
        let names: Vec<_> = params.iter().map(|(name, _)| name).collect();
        match error.at(&names.join(" and ")) {
            PathError::Value { name, expected } => Self::Invalid { name: name.unwrap_or_default(), expected },
            PathError::Mismatch(reason) => Self::Mismatch { reason },
        }
    }
}

impl std::error::Error for PathRejection {}

impl fmt::Display for PathRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { name, expected } => write!(f, "the path's {name} must be {expected}"),
            Self::Mismatch { reason } => write!(f, "the type in Path does not fit the route: {reason}"),
            Self::NoRoute => f.write_str("the request has no path parameters, as it was not routed"),
        }
    }
}

impl IntoResponse for PathRejection {
    fn into_response(self) -> Response {
        reject(self.status(), &self)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::fmt::Debug;
    use std::net::IpAddr;

    use http::Request;
    use http_body_util::BodyExt;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct At {
        room: String,
        number: Option<u32>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Size {
        Small,
        Large,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Id(u64);

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(try_from = "String")]
    struct Room(String);

    impl TryFrom<String> for Room {
        type Error = String;

        fn try_from(name: String) -> Result<Self, String> {
            if name.len() < 10 { Ok(Self(name)) } else { Err(format!("{name} is too long")) }
        }
    }

    async fn path<T: DeserializeOwned>(params: &[(&str, &str)]) -> Result<T, PathRejection> {
        let (mut parts, ()) = Request::builder().extension(Params::of(params)).body(()).unwrap().into_parts();
        Path::from_request_parts(&mut parts, &()).await.map(|Path(value)| value)
    }

    async fn check<T: Debug + DeserializeOwned + PartialEq>(params: &[(&str, &str)], expected: T) {
        assert_eq!(path::<T>(params).await, Ok(expected), "{params:?}");
    }

    #[tokio::test]
    async fn one_parameter_goes_into_a_plain_type() {
        let id = |value| [("id", value)];

        check(&id("a/b c"), "a/b c".to_owned()).await;
        check(&id("42"), 42_u8).await;
        check(&id("-42"), -42_i64).await;
        check(&id("1.5"), 1.5_f32).await;
        check(&id("true"), true).await;
        check(&id("ü"), 'ü').await;
        check(&id("7"), Id(7)).await;
        check(&id("7"), Some(7_u8)).await;
        check(&id("large"), Size::Large).await;
        check(&id("::1"), "::1".parse::<IpAddr>().unwrap()).await;
        check(&id("42"), (42_u8,)).await;
        check(&id("42"), u128::from(42_u8)).await;
    }

    #[tokio::test]
    async fn several_parameters_go_by_place_or_by_name() {
        let params = [("room", "lobby"), ("number", "7")];
        let pairs = params.map(|(name, value)| (name.to_owned(), value.to_owned()));

        check(&params, ("lobby".to_owned(), 7_u32)).await;
        check(&params, ("lobby".to_owned(), Id(7))).await;
        check(&params, At { room: "lobby".into(), number: Some(7) }).await;
        check(&params, HashMap::from(pairs.clone())).await;
        check(&params, pairs.to_vec()).await;
        check(&params, vec!["lobby".to_owned(), "7".to_owned()]).await;
        check(&params[..1], At { room: "lobby".into(), number: None }).await;
        check(&[("a", "small"), ("b", "large")], (Size::Small, Size::Large)).await;
        check(&[], Vec::<(String, String)>::new()).await;
        check(&[], ()).await;
    }

    #[tokio::test]
    async fn a_wrong_value_is_a_bad_request_that_names_the_parameter_only() {
        let room = |value| [("room", "lobby"), ("number", value)];
        for (rejection, expected) in [
            (path::<(String, u32)>(&room("secret")).await.unwrap_err(), "the path's number must be u32"),
            (path::<(String, u8)>(&room("256")).await.unwrap_err(), "the path's number must be u8"),
            (path::<At>(&room("-1")).await.map(drop).unwrap_err(), "the path's number must be u32"),
            (path::<HashMap<String, u8>>(&room("1")).await.unwrap_err(), "the path's room must be u8"),
            (path::<Vec<u8>>(&room("1")).await.unwrap_err(), "the path's room must be u8"),
            (path::<Vec<(String, u8)>>(&room("1")).await.unwrap_err(), "the path's room must be u8"),
            (path::<bool>(&[("on", "secret")]).await.unwrap_err(), "the path's on must be bool"),
            (
                path::<Size>(&[("size", "secret")]).await.unwrap_err(),
                "the path's size must be one of small, large",
            ),
            (path::<IpAddr>(&[("ip", "secret")]).await.unwrap_err(), "the path's ip must be valid"),
            (path::<Room>(&[("room", "a secret room")]).await.unwrap_err(), "the path's room must be valid"),
            (
                path::<(u8, Room)>(&[("a", "1"), ("b", "a secret room")]).await.map(drop).unwrap_err(),
                "the path's b must be valid",
            ),
            (path::<char>(&[("c", "ab")]).await.unwrap_err(), "the path's c must be char"),
        ] {
            assert_eq!(rejection.to_string(), expected);
            let response = rejection.into_response();
            assert_eq!(response.status(), StatusCode::BAD_REQUEST);
            assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), expected);
        }
    }

    #[tokio::test]
    async fn a_type_that_does_not_fit_the_route_is_our_mistake() {
        let two = [("a", "1"), ("b", "2")];
        for (rejection, expected) in [
            (path::<u8>(&two).await.unwrap_err(), "it takes 1 of the route's 2 parameters"),
            (path::<u8>(&[]).await.unwrap_err(), "it takes 1 of the route's 0 parameters"),
            (path::<(u8, u8, u8)>(&two).await.unwrap_err(), "it takes 3 of the route's 2 parameters"),
            (path::<(u8,)>(&two).await.unwrap_err(), "it takes 1 of the route's 2 parameters"),
            (path::<At>(&two).await.unwrap_err(), "the route has no parameter named room"),
            (path::<(u8, Vec<u8>)>(&two).await.unwrap_err(), "b cannot be a list or have fields"),
        ] {
            assert_eq!(rejection.to_string(), format!("the type in Path does not fit the route: {expected}"));
            let response = rejection.into_response();
            assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
            assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
        }

        let (mut parts, ()) = Request::new(()).into_parts();
        let rejection = Path::<u8>::from_request_parts(&mut parts, &()).await.unwrap_err();
        assert_eq!(rejection, PathRejection::NoRoute);
    }
}
