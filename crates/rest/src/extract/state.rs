//! The engine's state.

use std::convert::Infallible;

use axum_core::extract::{FromRef, FromRequestParts};
use http::request::Parts;

use super::deref;

/// Extracts the engine's state, or a part of it that [`FromRef`] makes of it.
///
/// It is cloned for each request, so that what is large goes behind an `Arc`.
///
/// ```
/// use std::sync::Arc;
///
/// use rest::extract::{FromRef, State};
///
/// #[derive(Clone)]
/// struct App {
///     name: Arc<str>,
/// }
///
/// impl FromRef<App> for Arc<str> {
///     fn from_ref(app: &App) -> Self {
///         app.name.clone()
///     }
/// }
///
/// async fn whole(State(app): State<App>) -> String {
///     app.name.to_string()
/// }
///
/// async fn part(State(name): State<Arc<str>>) -> String {
///     name.to_string()
/// }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct State<T>(pub T);

deref!(State);

impl<S, T> FromRequestParts<S> for State<T>
where
    S: Send + Sync,
    T: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Self(T::from_ref(state)))
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[derive(Clone)]
    struct App {
        port: u16,
    }

    impl FromRef<App> for u16 {
        fn from_ref(app: &App) -> Self {
            app.port
        }
    }

    #[tokio::test]
    async fn the_state_is_there_in_whole_and_in_parts() {
        let (mut parts, ()) = Request::new(()).into_parts();
        let app = App { port: 80 };

        let State(whole) = State::<App>::from_request_parts(&mut parts, &app).await.unwrap();
        let State(part) = State::<u16>::from_request_parts(&mut parts, &app).await.unwrap();

        assert_eq!((whole.port, part), (80, 80));
    }
}
