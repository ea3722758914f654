use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tower::{Layer, Service};

use crate::route_service::RouteService;
use crate::{IntoResponse, Request, Response};

/// Makes a layer of an async function that gets each request, and what comes [next](Next).
///
/// The function may change the request, answer instead, or change the response. Among layers it stands as any other, see
/// [`Engine::layer`](crate::Engine::layer) and [`RouteGroup::layer`](crate::RouteGroup::layer).
///
/// ```
/// use rest::middleware::{Next, from_fn};
/// use rest::{Engine, Request, Response, RestConf, header};
///
/// async fn stamp(request: Request, next: Next) -> Response {
///     let mut response = next.run(request).await;
///     response.headers_mut().insert(header::SERVER, header::HeaderValue::from_static("chat"));
///     response
/// }
///
/// let mut engine = Engine::new(RestConf::default());
/// engine.layer(from_fn(stamp));
/// ```
pub fn from_fn<F, Fut, R>(function: F) -> FromFnLayer<F, R>
where
    F: FnOnce(Request, Next) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = R> + Send + 'static,
    R: IntoResponse,
{
    FromFnLayer { function, response: PhantomData }
}

/// What comes after a [function](from_fn) in the chain: the other layers and the handler.
#[derive(Clone, Debug)]
pub struct Next(RouteService);

impl Next {
    /// Lets it answer a request.
    pub async fn run(mut self, request: Request) -> Response {
        match self.0.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// The layer that [`from_fn`] makes.
pub struct FromFnLayer<F, R> {
    function: F,
    response: PhantomData<fn() -> R>,
}

/// The service of a [`FromFnLayer`].
pub struct FromFn<F, R> {
    function: F,
    response: PhantomData<fn() -> R>,
    next: Next,
}

impl<F: Clone, R> Layer<RouteService> for FromFnLayer<F, R> {
    type Service = FromFn<F, R>;

    fn layer(&self, inner: RouteService) -> FromFn<F, R> {
        FromFn { function: self.function.clone(), response: PhantomData, next: Next(inner) }
    }
}

impl<F, Fut, R> Service<Request> for FromFn<F, R>
where
    F: FnOnce(Request, Next) -> Fut + Clone,
    Fut: Future<Output = R> + Send + 'static,
    R: IntoResponse,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let answer = (self.function.clone())(request, self.next.clone());
        Box::pin(async move { Ok(answer.await.into_response()) })
    }
}

impl<F: Clone, R> Clone for FromFnLayer<F, R> {
    fn clone(&self) -> Self {
        Self { function: self.function.clone(), response: PhantomData }
    }
}

impl<F: Clone, R> Clone for FromFn<F, R> {
    fn clone(&self) -> Self {
        Self { function: self.function.clone(), response: PhantomData, next: self.next.clone() }
    }
}

impl<F, R> fmt::Debug for FromFnLayer<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFnLayer").finish_non_exhaustive()
    }
}

impl<F, R> fmt::Debug for FromFn<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFn").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;
    use crate::extract::Extension;
    use crate::{Body, Engine, RestConf, Route};

    #[derive(Clone)]
    struct Name(String);

    async fn name(mut request: Request, next: Next) -> Result<Response, StatusCode> {
        let name = request.uri().query().ok_or(StatusCode::BAD_REQUEST)?.to_owned();
        request.extensions_mut().insert(Name(name));
        Ok(next.run(request).await)
    }

    async fn answer(uri: &str) -> (StatusCode, String) {
        let mut engine = Engine::new(RestConf::default());
        let end = "!".to_owned();
        engine.layer(from_fn(async move |request, next: Next| {
            let body = next.run(request).await.into_body().collect().await.unwrap().to_bytes();
            format!("{}{end}", String::from_utf8_lossy(&body))
        }));
        engine.layer(from_fn(name));
        engine.add_route(Route::get("/", async |Extension(Name(name)): Extension<Name>| {
            format!("Hello, {name}")
        }));
        let request = Request::get(uri).body(Body::empty()).unwrap();
        let response = engine.into_service().unwrap().oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_function_changes_request_and_response() {
        assert_eq!(answer("/?Ann").await, (StatusCode::OK, "Hello, Ann!".to_owned()));
    }

    #[tokio::test]
    async fn a_function_may_answer_instead() {
        assert_eq!(
            answer("/").await,
            (StatusCode::OK, "!".to_owned()),
            "the outer one makes its own of the 400"
        );
    }
}
