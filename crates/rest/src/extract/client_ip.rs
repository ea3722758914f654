//! Who the client is, also behind proxies.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::header::{FORWARDED, HeaderMap, HeaderName};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use ipnet::IpNet;

use super::{PeerAddr, reject};
use crate::RestConf;
use crate::conf::ForwardedHeader;

/// Extracts the address of the client: the connection's other end, or, where that is one of
/// [`TrustedProxies`](RestConf::trusted_proxies), whom the proxy says it has the request from.
///
/// A header is believed as far as trusted proxies have written it, from its end on: anybody can send one that begins with
/// what it likes. What cannot be read, such as `unknown`, is nobody: then it is the last proxy's address.
///
/// ```
/// use rest::extract::ClientIp;
///
/// async fn whoami(ClientIp(ip): ClientIp) -> String {
///     ip.to_string()
/// }
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ClientIp(pub IpAddr);

impl ClientIp {
    /// Of a request's head; `None` where the request did not come from a server.
    pub(crate) fn of(parts: &Parts) -> Option<Self> {
        let peer = parts.extensions.get::<PeerAddr>()?.0.ip().to_canonical();
        let proxies = parts.extensions.get::<Arc<Proxies>>();
        Some(Self(proxies.map_or(peer, |proxies| proxies.client(peer, &parts.headers))))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ClientIp {
    type Rejection = ClientIpRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ClientIpRejection> {
        Self::of(parts).ok_or(ClientIpRejection::Missing)
    }
}

/// Why there is no [`ClientIp`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ClientIpRejection {
    /// The request did not come from a server: 500.
    Missing,
}

impl ClientIpRejection {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Missing => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl std::error::Error for ClientIpRejection {}

impl fmt::Display for ClientIpRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => {
                f.write_str("the request has no client address, as it did not come from a server")
            }
        }
    }
}

impl IntoResponse for ClientIpRejection {
    fn into_response(self) -> Response {
        reject(self.status(), &self)
    }
}

/// Which proxies are trusted, and where they write down whom they have a request from. Travels as an extension.
pub(crate) struct Proxies {
    trusted: Vec<IpNet>,
    header: ForwardedHeader,
}

impl Proxies {
    /// `None` where none are trusted.
    pub(crate) fn new(conf: &RestConf) -> Option<Arc<Self>> {
        let (trusted, header) = (conf.trusted_proxies.clone(), conf.forwarded_header);
        (!trusted.is_empty()).then(|| Arc::new(Self { trusted, header }))
    }

    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let (name, node): (_, fn(&str) -> Option<IpAddr>) = match self.header {
            ForwardedHeader::XForwardedFor => (HeaderName::from_static("x-forwarded-for"), node),
            ForwardedHeader::Forwarded => (FORWARDED, forwarded_for),
        };
        // At every comma, quoted or not: what a trusted proxy adds has none inside, and a quote that a client has left
        // open must not hide it.
        let lines = headers.get_all(name).into_iter().rev().map(HeaderValue::to_str);
        let mut hops = lines.flat_map(|line| line.unwrap_or_default().rsplit(',')).map(node);
        let mut client = peer;
        while self.trusted.iter().any(|network| network.contains(&client)) {
            let Some(Some(hop)) = hops.next() else { break };
            client = hop;
        }
        client
    }
}

/// The `for` of an element of `Forwarded`, RFC 7239 section 4.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    let value = value.trim();
    node(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value))
}

/// An address, with or without a port or brackets.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let ip = bare.parse().or_else(|_| text.parse().map(|addr: SocketAddr| addr.ip()));
    ip.ok().map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    /// Who the client is of a request from `peer`, with some headers, behind proxies in 10.0.0.0/8 and 2001:db8:ff::/48.
    fn client(peer: &str, header: ForwardedHeader, headers: &[(&str, &str)]) -> String {
        let trusted_proxies = ["10.0.0.0/8", "2001:db8:ff::/48"].map(|net| net.parse().expect("a network"));
        let conf = RestConf {
            trusted_proxies: trusted_proxies.into(),
            forwarded_header: header,
            ..RestConf::default()
        };
        let peer = PeerAddr(SocketAddr::new(peer.parse().expect("an address"), 4000));
        let mut request = Request::builder().extension(peer).extension(Proxies::new(&conf).expect("some"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        ClientIp::of(&parts).expect("a client").0.to_string()
    }

    #[test]
    fn a_header_is_believed_as_far_as_trusted_proxies_have_written_it() {
        const NAME: &str = "X-Forwarded-For";
        for (peer, headers, expected) in [
            ("192.0.2.1", &[][..], "192.0.2.1"),
            ("192.0.2.1", &[(NAME, "198.51.100.7")], "192.0.2.1"), // not a proxy: it may say what it likes
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &[(NAME, "198.51.100.7")], "198.51.100.7"),
            ("::ffff:10.0.0.1", &[(NAME, "198.51.100.7")], "198.51.100.7"),
            ("10.0.0.1", &[(NAME, "203.0.113.9, 198.51.100.7, 10.0.0.2")], "198.51.100.7"),
            ("10.0.0.1", &[(NAME, "203.0.113.9"), (NAME, "198.51.100.7")], "198.51.100.7"), // the last line counts
            ("10.0.0.1", &[(NAME, "10.0.0.3,10.0.0.2")], "10.0.0.3"),
            ("10.0.0.1", &[(NAME, "198.51.100.7, unknown")], "10.0.0.1"), // nobody can be read past it
            ("10.0.0.1", &[(NAME, "198.51.100.7, unknown, 10.0.0.2")], "10.0.0.2"),
            ("10.0.0.1", &[(NAME, "")], "10.0.0.1"),
            ("10.0.0.1", &[(NAME, "198.51.100.7:51324")], "198.51.100.7"),
            ("2001:db8:ff::1", &[(NAME, "[2001:db8::7]:51324")], "2001:db8::7"),
            ("10.0.0.1", &[(NAME, "2001:db8::7")], "2001:db8::7"),
            ("10.0.0.1", &[("Forwarded", "for=198.51.100.7")], "10.0.0.1"), // not the header that is set
        ] {
            assert_eq!(client(peer, ForwardedHeader::XForwardedFor, headers), expected, "{peer} {headers:?}");
        }
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_says() {
        for (value, expected) in [
            ("for=198.51.100.7", "198.51.100.7"),
            ("For=\"198.51.100.7:4711\"; proto=https; by=10.0.0.1", "198.51.100.7"),
            ("proto=http;FOR=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=\"[2001:db8:cafe::17]\"", "2001:db8:cafe::17"),
            ("for=203.0.113.9, for=198.51.100.7, for=10.0.0.2", "198.51.100.7"),
            ("for=\"203.0.113.9, for=198.51.100.7", "198.51.100.7"), // a quote that a client has left open
            ("for=_hidden", "10.0.0.1"),
            ("for=unknown, for=10.0.0.2", "10.0.0.2"),
            ("proto=https", "10.0.0.1"),
            ("198.51.100.7", "10.0.0.1"),
        ] {
            let headers = &[("Forwarded", value), ("X-Forwarded-For", "203.0.113.99")];
            assert_eq!(client("10.0.0.1", ForwardedHeader::Forwarded, headers), expected, "{value}");
        }
    }

    #[tokio::test]
    async fn without_a_server_there_is_no_client() {
        let (mut parts, ()) = Request::new(()).into_parts();
        let missing = ClientIp::from_request_parts(&mut parts, &()).await.unwrap_err();
        assert_eq!(missing.into_response().status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
