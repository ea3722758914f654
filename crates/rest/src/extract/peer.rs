//! Who is at the other end of the connection.

use std::fmt;
use std::net::SocketAddr;

use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use super::reject;

/// Extracts the address of the connection's other end, which behind a proxy is the proxy.
///
/// The server puts it into the request's extensions; a service that is called without a server has none.
///
/// ```
/// use rest::extract::PeerAddr;
///
/// async fn whoami(PeerAddr(addr): PeerAddr) -> String {
///     addr.ip().to_string()
/// }
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct PeerAddr(pub SocketAddr);

impl<S: Send + Sync> FromRequestParts<S> for PeerAddr {
    type Rejection = PeerAddrRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, PeerAddrRejection> {
        parts.extensions.get().copied().ok_or(PeerAddrRejection::Missing)
    }
}

/// Why there is no [`PeerAddr`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PeerAddrRejection {
    /// The request did not come from a server: 500.
    Missing,
}

impl PeerAddrRejection {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Missing => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl std::error::Error for PeerAddrRejection {}

impl fmt::Display for PeerAddrRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("the request has no peer address, as it did not come from a server"),
        }
    }
}

impl IntoResponse for PeerAddrRejection {
    fn into_response(self) -> Response {
        reject(self.status(), &self)
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[tokio::test]
    async fn the_address_is_what_the_server_said() {
        let addr = SocketAddr::from(([127, 0, 0, 1], 4000));
        let (mut parts, ()) = Request::builder().extension(PeerAddr(addr)).body(()).unwrap().into_parts();
        assert_eq!(PeerAddr::from_request_parts(&mut parts, &()).await, Ok(PeerAddr(addr)));

        let (mut parts, ()) = Request::new(()).into_parts();
        let missing = PeerAddr::from_request_parts(&mut parts, &()).await.unwrap_err();
        assert_eq!(missing.into_response().status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
