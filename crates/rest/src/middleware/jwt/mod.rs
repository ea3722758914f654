//! Answers 401 to requests without a valid token.
//!
//! `source.rs` finds the token in a request's head, `gate.rs` judges it. What is in it goes on as the extension
//! [`TokenClaims`], which the extractor [`Claims`](crate::extract::Claims) reads.
//!
//! - **Switch**: a group's [`RouteGroup::jwt`](crate::RouteGroup::jwt).
//! - **Config**: [`JwtConf`](crate::conf::JwtConf): the secret and the one of before, algorithms (HS256), leeway (0), whether
//!   `exp` must be there (no), issuer and audience (any), cookie and subprotocol (none).
//! - **Limits**: a token is no longer than a request's head, `MaxHeaderBytes`.
//! - **Answers**: 401, empty, with `WWW-Authenticate: Bearer`, rejected by `jwt`; or what
//!   [`Engine::on_unauthorized`](crate::Engine::on_unauthorized) says, which is a refusal whatever it says.
//! - **Metric**: `http_server_requests_rejected_total`.
//! - **go-zero**: looks in `Authorization` alone, so that the socket of a browser has no token; takes any HMAC; a hook that writes
//!   only a body makes a 200 of it; and the whole request is logged with its token. Here no token is ever logged, only the
//!   reason of a refusal is.

mod source;
mod gate;

use std::convert::Infallible;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use futures_util::future::{Either, Ready, ready};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value};
use tower::{Layer, Service};

pub(crate) use self::gate::Gate;

use self::source::Source;
use crate::{IntoResponse, RejectedBy, Request, Response};

/// What a valid token says, as an extension of the request. [`Claims`](crate::extract::Claims) reads it into a type.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenClaims(Arc<Map<String, Value>>);

impl TokenClaims {
    pub(crate) fn new(claims: Map<String, Value>) -> Self {
        Self(Arc::new(claims))
    }

    /// How long the token is still good by its `exp`; `None` for one that has none. For what outlives the request.
    #[must_use]
    pub fn expires_in(&self) -> Option<Duration> {
        let exp = Duration::try_from_secs_f64(self.0.get("exp")?.as_f64()?).ok()?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Some(exp.saturating_sub(now))
    }
}

impl Deref for TokenClaims {
    type Target = Map<String, Value>;

    fn deref(&self) -> &Map<String, Value> {
        &self.0
    }
}

/// Why a request is not authorized.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum JwtError {
    /// There is no token.
    Missing,
    /// There is something, and it is not a token; or more than one `Authorization`.
    Malformed,
    /// Its algorithm is not one that the group takes.
    Algorithm,
    /// It was not signed with the secret, nor with the previous one.
    Signature,
    /// Its time is over.
    Expired,
    /// It has no `exp`, and the group wants one.
    NoExpiry,
    /// Its time has not begun.
    Early,
    /// Its `iss` is another one.
    Issuer,
    /// Its `aud` is another one.
    Audience,
}

impl fmt::Display for JwtError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "there is no token",
            Self::Malformed => "the token is malformed",
            Self::Algorithm => "the token has an algorithm that is not allowed",
            Self::Signature => "the token has a wrong signature",
            Self::Expired => "the token has expired",
            Self::NoExpiry => "the token never expires",
            Self::Early => "the token is not valid yet",
            Self::Issuer => "the token is from another issuer",
            Self::Audience => "the token is for another audience",
        })
    }
}

impl std::error::Error for JwtError {}

/// Makes the answer to a request that is not authorized.
#[derive(Clone)]
pub(crate) struct Unauthorized(Arc<dyn Fn(&Parts, JwtError) -> Response + Send + Sync>);

impl Unauthorized {
    pub(crate) fn new<R: IntoResponse>(
        answer: impl Fn(&Parts, JwtError) -> R + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(move |parts, error| answer(parts, error).into_response()))
    }

    /// Whatever the hook says, the answer is a refusal: only a redirect or an error keeps its status.
    fn answer(&self, parts: &Parts, error: JwtError) -> Response {
        let mut response = (self.0)(parts, error);
        if response.status().as_u16() < 300 {
            *response.status_mut() = StatusCode::UNAUTHORIZED;
        }
        if response.status() == StatusCode::UNAUTHORIZED {
            let challenge = match error {
                JwtError::Missing => "Bearer",
                _ => "Bearer error=\"invalid_token\"",
            };
            let challenge = HeaderValue::from_static(challenge);
            response.headers_mut().entry(header::WWW_AUTHENTICATE).or_insert(challenge);
        }
        response
    }
}

impl Default for Unauthorized {
    fn default() -> Self {
        Self::new(|_, _| StatusCode::UNAUTHORIZED)
    }
}

/// The gate of a group; without one, everybody passes.
#[derive(Clone)]
pub(crate) struct JwtLayer {
    pub(crate) gate: Option<Arc<Gate>>,
    pub(crate) unauthorized: Unauthorized,
}

#[derive(Clone)]
pub(crate) struct Jwt<T> {
    layer: JwtLayer,
    inner: T,
}

impl<T> Layer<T> for JwtLayer {
    type Service = Jwt<T>;

    fn layer(&self, inner: T) -> Jwt<T> {
        Jwt { layer: self.clone(), inner }
    }
}

impl<T> Service<Request> for Jwt<T>
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
        let Some(gate) = &self.layer.gate else {
            return Either::Left(self.inner.call(request));
        };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let token = gate.source.take(request.headers_mut());
        match token.and_then(|token| gate.judge(&token, now)) {
            Ok(claims) => {
                request.extensions_mut().insert(TokenClaims::new(claims));
                Either::Left(self.inner.call(request))
            }
            Err(error) => {
                tracing::info!(reason = %error, "not authorized");
                let (parts, _body) = request.into_parts();
                Either::Right(ready(Ok(RejectedBy::JWT.mark(self.layer.unauthorized.answer(&parts, error)))))
            }
        }
    }
}

#[cfg(test)]
mod tests;
