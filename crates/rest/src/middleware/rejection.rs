use http::StatusCode;

use crate::{IntoResponse, Response};

/// Says who answered instead of the handler; travels with the response as an extension.
///
/// The access log shows it as `rejected`, and `http_server_requests_rejected_total` counts it as `by`. The built-in ones are
/// `max_conns`, `max_server_conns`, `breaker`, `shedding`, `timeout`, `max_bytes`, `jwt` and `signature`; a layer, a handler or a library adds
/// others. A 404 and a 405 have none, and neither has an extractor's rejection.
///
/// ```
/// use rest::{IntoResponse, RejectedBy, Response, StatusCode};
///
/// fn too_fast() -> Response {
///     let mut response = StatusCode::TOO_MANY_REQUESTS.into_response();
///     response.extensions_mut().insert(RejectedBy("rate_limit"));
///     response
/// }
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RejectedBy(
    /// A short name in small letters, one of few: each is a time series of its own.
    pub &'static str,
);

impl RejectedBy {
    pub(crate) const MAX_CONNS: Self = Self("max_conns");
    pub(crate) const MAX_SERVER_CONNS: Self = Self("max_server_conns");
    pub(crate) const BREAKER: Self = Self("breaker");
    pub(crate) const SHEDDING: Self = Self("shedding");
    pub(crate) const TIMEOUT: Self = Self("timeout");
    pub(crate) const MAX_BYTES: Self = Self("max_bytes");
    pub(crate) const SIGNATURE: Self = Self("signature");
    pub(crate) const JWT: Self = Self("jwt");

    /// Marks a response as this one's.
    pub(crate) fn mark(self, mut response: Response) -> Response {
        response.extensions_mut().insert(self);
        response
    }

    /// An empty response of this one's.
    pub(crate) fn empty(self, status: StatusCode) -> Response {
        self.mark(status.into_response())
    }
}
