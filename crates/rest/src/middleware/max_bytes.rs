//! Answers 413 where a request's body is over the limit.
//!
//! A declared length is judged at once. Any other body is cut off at the limit while it is read, and the extractor that
//! reads it rejects with 413.
//!
//! - **Switch**: `Middlewares.MaxBytes`, on.
//! - **Config**: `MaxBytes`, 1 MiB; [`RouteGroup::max_bytes`](crate::RouteGroup::max_bytes) for the routes of a group. 0 is no
//!   limit, in a group too.
//! - **Limits**: the limit is the body's as it comes; [gunzip](super::gunzip) has it a second time, for what comes out.
//! - **Answers**: 413, empty, with `Connection: close`, rejected by `max_bytes`; or the extractor's 413.
//! - **Metric**: `http_server_requests_rejected_total`, of those that declared it.
//! - **go-zero**: judges a declared length alone, so that a body in chunks has no limit; and a group cannot switch it off.

use std::convert::Infallible;
use std::task::{Context, Poll};

use axum_core::extract::DefaultBodyLimit;
use futures_util::future::{Either, Ready, ready};
use http::{StatusCode, header};
use http_body::Body as _;
use http_body_util::Limited;
use tower::{Layer, Service};

use crate::{Body, IntoResponse, RejectedBy, Request, Response};

#[derive(Clone)]
pub(crate) struct MaxBytesLayer {
    max: Option<usize>,
}

impl MaxBytesLayer {
    pub(crate) fn new(max: Option<u64>) -> Self {
        Self { max: max.map(|max| usize::try_from(max).unwrap_or(usize::MAX)) }
    }
}

#[derive(Clone)]
pub(crate) struct MaxBytes<T> {
    max: Option<usize>,
    inner: T,
}

impl<T> Layer<T> for MaxBytesLayer {
    type Service = MaxBytes<T>;

    fn layer(&self, inner: T) -> MaxBytes<T> {
        MaxBytes { max: self.max, inner }
    }
}

impl<T> Service<Request> for MaxBytes<T>
where
    T: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<T::Future, Ready<Result<Response, Infallible>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        if request.body().is_end_stream() {
            return Either::Left(self.inner.call(request));
        }
        // axum-core's extractors have a limit of their own, 2 MB. Ours is the one that counts, also when it is off.
        DefaultBodyLimit::disable().apply(&mut request);
        let Some(max) = self.max else {
            return Either::Left(self.inner.call(request));
        };
        if declared_length(&request).is_some_and(|length| length > max as u64) {
            // The body stays unread, so that the connection cannot serve another request.
            let answer = (StatusCode::PAYLOAD_TOO_LARGE, [(header::CONNECTION, "close")]).into_response();
            return Either::Right(ready(Ok(RejectedBy::MAX_BYTES.mark(answer))));
        }
        Either::Left(self.inner.call(request.map(|body| Body::new(Limited::new(body, max)))))
    }
}

fn declared_length(request: &Request) -> Option<u64> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
