//! Gives errors of handlers, extractors and layers the body that the engine's clients know, and values of
//! [`OkJson`](crate::OkJson) theirs.
//!
//! It stands around the handler and around the user's layers, so that these see the body that is sent, and may still make
//! another one of it. Headers stay, but those that describe the body.
//!
//! - **Switch**: none, it is always there.
//! - **Config**: [`Engine::on_error`](crate::Engine::on_error) and [`Engine::on_ok`](crate::Engine::on_ok), of one engine.
//! - **Limits**: none; a body is written anew, not read.
//! - **Answers**: those below it, in other words.
//! - **Metric**: none.
//! - **go-zero**: `httpx.SetErrorHandler` and `SetOkHandler` are the process's, and replace the timeout's answer too.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{StatusCode, header};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::extract::Json;
use crate::failure::ErrorBody;
use crate::response::Written;
use crate::{IntoResponse, RawJson, Request, Response};

/// The bodies that an engine's clients know.
#[derive(Clone)]
pub(crate) struct BodiesLayer {
    error: Arc<dyn Fn(StatusCode, ErrorBody) -> Response + Send + Sync>,
    ok: Option<Arc<dyn Fn(StatusCode, Box<RawJson>) -> Response + Send + Sync>>,
}

impl BodiesLayer {
    pub(crate) fn on_error<R: IntoResponse>(
        &mut self,
        write: impl Fn(StatusCode, ErrorBody) -> R + Send + Sync + 'static,
    ) {
        self.error = Arc::new(move |status, body| write(status, body).into_response());
    }

    pub(crate) fn on_ok<R: IntoResponse>(
        &mut self,
        write: impl Fn(StatusCode, Box<RawJson>) -> R + Send + Sync + 'static,
    ) {
        self.ok = Some(Arc::new(move |status, json| write(status, json).into_response()));
    }

    fn apply(&self, mut response: Response) -> Response {
        if let Some(body) = response.extensions_mut().remove::<ErrorBody>() {
            return rewrite(response, |status| (self.error)(status, body));
        }
        if let Some(Written(json)) = response.extensions_mut().remove()
            && let Some(ok) = &self.ok
        {
            return rewrite(response, |status| ok(status, json));
        }
        response
    }
}

/// Replaces a body, and what describes it.
fn rewrite(response: Response, write: impl FnOnce(StatusCode) -> Response) -> Response {
    let (mut parts, _text) = response.into_parts();
    let (written, body) = write(parts.status).into_parts();
    parts.status = written.status;
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.remove(header::CONTENT_TYPE);
    parts.headers.extend(written.headers);
    Response::from_parts(parts, body)
}

impl Default for BodiesLayer {
    fn default() -> Self {
        let error = |status, body| (status, Json(body)).into_response();
        Self { error: Arc::new(error), ok: None }
    }
}

#[derive(Clone)]
pub(crate) struct Bodies<T> {
    layer: BodiesLayer,
    inner: T,
}

impl<T> Layer<T> for BodiesLayer {
    type Service = Bodies<T>;

    fn layer(&self, inner: T) -> Bodies<T> {
        Bodies { layer: self.clone(), inner }
    }
}

impl<T> Service<Request> for Bodies<T>
where
    T: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = ResponseFuture<T::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        ResponseFuture { answer: self.inner.call(request), layer: self.layer.clone() }
    }
}

pin_project! {
    pub(crate) struct ResponseFuture<F> {
        #[pin]
        answer: F,
        layer: BodiesLayer,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for ResponseFuture<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.answer.poll(cx))?;
        Poll::Ready(Ok(this.layer.apply(response)))
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;
    use crate::extract::Path;
    use crate::middleware::{Next, from_fn};
    use crate::{Body, Engine, Error, OkJson, RestConf, Route};

    async fn number(Path(number): Path<u8>) -> Result<String, Error> {
        match number {
            0 => Err(Error::new(StatusCode::CONFLICT, "it is \"zero\"").code(10_409)),
            1 => Err("not a number".parse::<u8>().unwrap_err())?,
            _ => Ok(number.to_string()),
        }
    }

    fn engine() -> Engine {
        let mut engine = Engine::new(RestConf::default());
        engine.add_route(Route::get("/:number", number));
        engine
    }

    async fn answer(engine: Engine, path: &str) -> (u16, String, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = engine.into_service().unwrap().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let content_type = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, content_type, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn every_refusal_has_a_code_and_a_message_in_json() {
        for (path, status, body) in [
            ("/0", 409, r#"{"code":10409,"msg":"it is \"zero\""}"#),
            ("/1", 500, r#"{"code":500,"msg":"Internal Server Error"}"#),
            ("/x", 400, r#"{"code":400,"msg":"the path's number must be u8"}"#),
        ] {
            let json = "application/json; charset=utf-8".to_owned();
            assert_eq!(answer(engine(), path).await, (status, json, body.to_owned()), "{path}");
        }
        assert_eq!(answer(engine(), "/2").await.2, "2");
    }

    #[tokio::test]
    async fn an_engine_may_say_it_otherwise() {
        let mut engine = engine();
        engine.on_error(|status, body| (StatusCode::OK, format!("{status}: {body}")));
        let (status, content_type, body) = answer(engine, "/0").await;
        assert_eq!((status, content_type.as_str()), (200, "text/plain; charset=utf-8"));
        assert_eq!(body, "409 Conflict: it is \"zero\"");
    }

    #[tokio::test]
    async fn a_layer_sees_what_is_sent_and_its_own_refusals_are_written_too() {
        let mut outer = engine();
        outer.layer(from_fn(async |request, next: Next| {
            let body = next.run(request).await.into_body().collect().await.unwrap().to_bytes();
            String::from_utf8(body.to_vec()).unwrap()
        }));
        assert_eq!(answer(outer, "/0").await.2, r#"{"code":10409,"msg":"it is \"zero\""}"#);

        let mut refusing = engine();
        refusing.layer(from_fn(async |_, _: Next| Error::new(StatusCode::FORBIDDEN, "not you")));
        assert_eq!(answer(refusing, "/2").await.2, r#"{"code":403,"msg":"not you"}"#);
    }

    async fn ids() -> (StatusCode, [(header::HeaderName, &'static str); 1], OkJson<[u8; 2]>) {
        (StatusCode::CREATED, [(header::ETAG, "\"1\"")], OkJson([1, 2]))
    }

    #[tokio::test]
    async fn an_engine_may_say_what_is_well_in_its_own_way() {
        let json = "application/json; charset=utf-8".to_owned();
        let mut engine = Engine::new(RestConf::default());
        engine.add_route(Route::get("/", ids));
        assert_eq!(answer(engine, "/").await, (201, json.clone(), "[1,2]".to_owned()));

        let mut engine = Engine::new(RestConf::default());
        engine.add_route(Route::get("/", ids)).add_route(Route::get("/json", async || Json([3])));
        engine.on_ok(|status, data| (status, Json(std::collections::BTreeMap::from([("data", data)]))));
        let service = engine.into_service().unwrap();
        for (path, body) in [("/", r#"{"data":[1,2]}"#), ("/json", "[3]")] {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let response = service.clone().oneshot(request).await.unwrap();
            assert_eq!(response.headers().get(header::ETAG).is_some(), path == "/", "headers stay");
            assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), body, "{path}");
        }
    }
}
