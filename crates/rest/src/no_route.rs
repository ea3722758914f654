//! What is answered where no route takes a request.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::{HeaderValue, StatusCode, header};
use tower::Service;

use crate::cors::Cors;
use crate::route_service::RouteService;
use crate::{IntoResponse, Request, Response};

/// Why no route took a request; travels to [`NoRoute`] as an extension.
#[derive(Clone)]
pub(crate) enum Miss {
    Route,
    Method(String),
    /// It asks whether it might; the path has these methods.
    Preflight(Arc<Cors>, String),
    /// It asks what there is; the path has these methods.
    Options(String),
    Path,
    Host,
}

/// Answers what no route takes.
#[derive(Clone)]
pub(crate) struct NoRoute {
    /// The application's own answers.
    pub(crate) not_found: Option<RouteService>,
    pub(crate) not_allowed: Option<RouteService>,
}

impl NoRoute {
    async fn answer(self, mut request: Request) -> Response {
        match request.extensions_mut().remove() {
            Some(Miss::Method(allow)) => {
                let answer = instead(self.not_allowed, request, StatusCode::METHOD_NOT_ALLOWED).await;
                let mut answer = answer.unwrap_or_else(|| StatusCode::METHOD_NOT_ALLOWED.into_response());
                let allow = HeaderValue::try_from(allow).expect("methods are a header");
                answer.headers_mut().entry(header::ALLOW).or_insert(allow);
                answer
            }
            Some(Miss::Options(allow)) => (StatusCode::NO_CONTENT, [(header::ALLOW, allow)]).into_response(),
            Some(Miss::Preflight(cors, allow)) => cors.preflight(&allow),
            Some(Miss::Path) => {
                (StatusCode::BAD_REQUEST, "the path is not valid percent-encoded UTF-8\n").into_response()
            }
            Some(Miss::Host) => {
                let close = [(header::CONNECTION, "close")];
                (StatusCode::BAD_REQUEST, close, "a request has one Host, and a valid one\n").into_response()
            }
            Some(Miss::Route) | None => {
                let answer = instead(self.not_found, request, StatusCode::NOT_FOUND).await;
                answer.unwrap_or_else(|| (StatusCode::NOT_FOUND, "404 page not found\n").into_response())
            }
        }
    }
}

/// The application's answer, where it has one. What is no success must not look like one because nothing else was said.
async fn instead(own: Option<RouteService>, request: Request, status: StatusCode) -> Option<Response> {
    let mut answer = own?.call_boxed(request).await;
    if answer.status() == StatusCode::OK {
        *answer.status_mut() = status;
    }
    Some(answer)
}

impl Service<Request> for NoRoute {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let answer = self.clone().answer(request);
        Box::pin(async move { Ok(answer.await) })
    }
}
