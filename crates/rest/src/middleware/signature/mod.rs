//! Lets only requests through that somebody has signed who has a key, go-zero's content security.
//!
//! What is signed, and how, is in [`signature`](crate::signature), and so is why it is another way than go-zero's. All methods
//! are checked. A request is good once, within `Expiry` of its time.
//!
//! - **Switch**: a group's [`RouteGroup::signature`](crate::RouteGroup::signature).
//! - **Config**: a [`SignatureConf`](crate::conf::SignatureConf), or `Signature` of the engine: keys, `Strict` (no), `Expiry`
//!   (1 h), `MaxNonces` (1048576). Where it is not strict, a request without a signature passes; one with a wrong signature
//!   never does.
//! - **Limits**: the body is read into memory before it is judged, up to `MaxBytes`. `MaxNonces` requests are remembered for
//!   twice `Expiry` at most; when there are more, signed requests are refused, as they might be replays.
//! - **Answers**: an empty 403, or what [`Engine::on_unsigned`](crate::Engine::on_unsigned) says; 413 for a body over the
//!   limit, 400 for one that cannot be read or decrypted, 503 above `MaxNonces`. Rejected by `signature`.
//! - **Metric**: `http_server_requests_rejected_total`.
//! - **go-zero**: has RSA and AES-ECB, checks four methods alone, and takes a request as often as it comes.

mod gate;
mod seen;

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use axum_core::extract::FromRequest;
use bytes::Bytes;
use futures_util::future::{BoxFuture, Either};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use http_body::Body as _;
use tower::{Layer, Service, ServiceExt};

pub(crate) use self::gate::Gate;

use crate::signature::{AES128GCM, Sealed};
use crate::{Body, IntoResponse, RejectedBy, Request, Response};

/// Why a request's signature is not good.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SignatureError {
    /// There is none, and there must be one.
    Missing,
    /// The header is not what it must be.
    Malformed,
    /// No key has this name.
    Key,
    /// Its time is too far away.
    Time,
    /// It is of another key or for another request.
    Signature,
    /// The request has come before.
    Replayed,
    /// There were too many requests to tell whether it has come before: 503.
    Full,
    /// The body cannot be read or decrypted: 400.
    Body,
    /// The body is over `MaxBytes`: 413.
    TooLarge,
}

impl SignatureError {
    /// The status that an answer has at least.
    fn status(self) -> StatusCode {
        match self {
            Self::Full => StatusCode::SERVICE_UNAVAILABLE,
            Self::Body => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::FORBIDDEN,
        }
    }
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "there is no signature",
            Self::Malformed => "the signature is malformed",
            Self::Key => "the signature's key is not known",
            Self::Time => "the signature's time is too far away",
            Self::Signature => "the signature is wrong",
            Self::Replayed => "the request has come before",
            Self::Full => "too many signed requests",
            Self::Body => "the body cannot be decrypted",
            Self::TooLarge => "the body is too large",
        })
    }
}

impl std::error::Error for SignatureError {}

/// Makes the answer to a request that is not signed.
#[derive(Clone)]
pub(crate) struct Unsigned(Arc<dyn Fn(&Parts, SignatureError) -> Response + Send + Sync>);

impl Unsigned {
    pub(crate) fn new<R: IntoResponse>(
        answer: impl Fn(&Parts, SignatureError) -> R + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(move |parts, error| answer(parts, error).into_response()))
    }

    /// Whatever the hook says, the answer is a refusal.
    fn answer(&self, parts: &Parts, error: SignatureError) -> Response {
        tracing::info!(reason = %error, "not signed");
        let mut response = (self.0)(parts, error);
        if response.status().as_u16() < 300 {
            *response.status_mut() = error.status();
        }
        RejectedBy::SIGNATURE.mark(response)
    }
}

impl Default for Unsigned {
    fn default() -> Self {
        Self::new(|_, error| error.status())
    }
}

/// The gate of a group; without one, everybody passes.
#[derive(Clone)]
pub(crate) struct SignatureLayer {
    pub(crate) gate: Option<Arc<Gate>>,
    pub(crate) unsigned: Unsigned,
}

#[derive(Clone)]
pub(crate) struct Signature<T> {
    layer: SignatureLayer,
    inner: T,
}

impl<T> Layer<T> for SignatureLayer {
    type Service = Signature<T>;

    fn layer(&self, inner: T) -> Signature<T> {
        Signature { layer: self.clone(), inner }
    }
}

impl<T> Service<Request> for Signature<T>
where
    T: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<T::Future, BoxFuture<'static, Result<Response, Infallible>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Some(gate) = self.layer.gate.clone() else {
            return Either::Left(self.inner.call(request));
        };
        let (unsigned, inner) = (self.layer.unsigned.clone(), self.inner.clone());
        Either::Right(Box::pin(async move { Ok(judged(&gate, &unsigned, inner, request).await) }))
    }
}

async fn judged<T>(gate: &Gate, unsigned: &Unsigned, inner: T, request: Request) -> Response
where
    T: Service<Request, Response = Response, Error = Infallible, Future: Send> + Send,
{
    let (mut parts, body) = request.into_parts();
    let statement = match gate.admit(&parts, now()) {
        Ok(Some(statement)) => statement,
        Ok(None) => return answer(inner, Request::from_parts(parts, body)).await,
        Err(error) => return unsigned.answer(&parts, error),
    };
    let mut whole = Request::new(body);
    *whole.extensions_mut() = parts.extensions.clone(); // with the limit
    let body = match Bytes::from_request(whole, &()).await {
        Ok(body) => body,
        Err(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            return unsigned.answer(&parts, SignatureError::TooLarge);
        }
        Err(_) => return unsigned.answer(&parts, SignatureError::Body),
    };
    let (body, response_key) = match gate.judge(&statement, &mut parts, body, now()) {
        Ok(good) => good,
        Err(error) => return unsigned.answer(&parts, error),
    };
    let response = answer(inner, Request::from_parts(parts, Body::from(body))).await;
    match response_key {
        Some(key) if !response.body().is_end_stream() => {
            let mut response = response.map(|body| Body::new(Sealed::new(&key, body)));
            response.headers_mut().remove(CONTENT_LENGTH);
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(AES128GCM));
            response
        }
        _ => response,
    }
}

async fn answer<T>(inner: T, request: Request) -> Response
where
    T: Service<Request, Response = Response, Error = Infallible>,
{
    match inner.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests;
