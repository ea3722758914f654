use std::future::Future;

use axum_core::extract::{FromRequest, FromRequestParts};

use crate::{IntoResponse, Request, Response};

/// An async function of extractors that returns a response.
///
/// Implemented for functions of 0 to 16 arguments. Each argument but the last implements
/// [`FromRequestParts`], the last one [`FromRequest`]; the output implements [`IntoResponse`]. Arguments are
/// extracted from left to right, and the first rejection is the answer.
///
/// ```
/// use rest::extract::{Json, Path, State};
/// use rest::{Engine, RestConf, Route, StatusCode};
///
/// async fn rename(State(greeting): State<String>, Path(id): Path<u64>, Json(name): Json<String>) -> StatusCode {
///     println!("{greeting}, {name}! You are number {id}.");
///     StatusCode::NO_CONTENT
/// }
///
/// let mut engine = Engine::with_state(RestConf::default(), "Hello".to_owned());
/// engine.add_route(Route::put("/names/:id", rename));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    note = "a handler is an async fn whose arguments are extractors (see `rest::extract`; only the last may read the body) \
            and whose output implements `IntoResponse`"
)]
pub trait Handler<T, S>: Clone + Send + Sync + Sized + 'static {
    /// Answers one request.
    fn call(self, request: Request, state: S) -> impl Future<Output = Response> + Send;
}

impl<F, Fut, S> Handler<((),), S> for F
where
    F: FnOnce() -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output: IntoResponse> + Send,
    S: Send + 'static,
{
    async fn call(self, _request: Request, _state: S) -> Response {
        self().await.into_response()
    }
}

macro_rules! handler {
    ($($part:ident)* ; $last:ident) => {
        #[expect(non_snake_case, reason = "the extracted values take the names of their types")]
        impl<F, Fut, S, M, $($part,)* $last> Handler<(M, $($part,)* $last,), S> for F
        where
            F: FnOnce($($part,)* $last) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output: IntoResponse> + Send,
            S: Send + Sync + 'static,
            $($part: FromRequestParts<S> + Send,)*
            $last: FromRequest<S, M> + Send,
        {
            async fn call(self, request: Request, state: S) -> Response {
                #[allow(unused_mut, clippy::allow_attributes, reason = "unused where there is one extractor only")]
                let (mut parts, body) = request.into_parts();
                $(
                    let $part = match $part::from_request_parts(&mut parts, &state).await {
                        Ok(value) => value,
                        Err(rejection) => return rejection.into_response(),
                    };
                )*
                let request = Request::from_parts(parts, body);
                let $last = match $last::from_request(request, &state).await {
                    Ok(value) => value,
                    Err(rejection) => return rejection.into_response(),
                };
                self($($part,)* $last).await.into_response()
            }
        }
    };
}

handler!(; T1);
handler!(T1 ; T2);
handler!(T1 T2 ; T3);
handler!(T1 T2 T3 ; T4);
handler!(T1 T2 T3 T4 ; T5);
handler!(T1 T2 T3 T4 T5 ; T6);
handler!(T1 T2 T3 T4 T5 T6 ; T7);
handler!(T1 T2 T3 T4 T5 T6 T7 ; T8);
handler!(T1 T2 T3 T4 T5 T6 T7 T8 ; T9);
handler!(T1 T2 T3 T4 T5 T6 T7 T8 T9 ; T10);
handler!(T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 ; T11);
handler!(T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 ; T12);
handler!(T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12 ; T13);
handler!(T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12 T13 ; T14);
handler!(T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12 T13 T14 ; T15);
handler!(T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12 T13 T14 T15 ; T16);
