use std::sync::Arc;

use http::Uri;
use http::request::Parts;
use http::uri::Authority;

use crate::header::only;

/// Which web pages may open a route's sockets.
///
/// Browsers send a page's cookies along with its WebSocket handshake, whatever site the page is from, and no same-origin
/// policy keeps it from reading the answers: without a check any page on the web can talk to the server in the name of the
/// user who looks at it (cross-site WebSocket hijacking). A request without an `Origin` is from no browser and passes.
#[derive(Clone)]
pub(crate) enum OriginPolicy {
    /// Pages of the server's own host and port, and of these origins.
    SameHostOr(Vec<String>),
    /// Pages that the predicate accepts.
    Check(Arc<dyn Fn(&str, &Parts) -> bool + Send + Sync>),
    /// Every page on the web.
    Any,
}

impl OriginPolicy {
    pub(crate) fn allows(&self, origin: &str, parts: &Parts) -> bool {
        match self {
            Self::SameHostOr(allowed) => {
                allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
                    || is_same_host(origin, parts)
            }
            Self::Check(check) => check(origin, parts),
            Self::Any => true,
        }
    }
}

/// Whether `origin` has the host and the port that the request was sent to.
///
/// The scheme is left out, since a proxy that ends TLS hides it; it only tells the port where none is written.
fn is_same_host(origin: &str, parts: &Parts) -> bool {
    let Some((origin, default_port)) = parse(origin) else {
        return false;
    };
    let host = match parts.uri.authority() {
        Some(authority) => Some(authority.clone()),
        None => only(&parts.headers, http::header::HOST).and_then(|host| host.parse().ok()),
    };
    host.is_some_and(|host: Authority| {
        // `host` of `user@host` must not be compared with one that has no user: neither may have one.
        !host.as_str().contains('@')
            && host.host().eq_ignore_ascii_case(origin.host())
            && host.port_u16().unwrap_or(default_port) == origin.port_u16().unwrap_or(default_port)
    })
}

/// Takes `scheme://host[:port]` apart, into the authority and the scheme's port. Nothing else is an origin (RFC 6454),
/// and neither is the opaque one, `null`.
fn parse(origin: &str) -> Option<(Authority, u16)> {
    let uri: Uri = origin.parse().ok()?;
    let default_port = match uri.scheme_str()? {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let authority = uri.authority()?;
    let is_origin = uri.path_and_query().is_none_or(|path| path == "/")
        && !origin.ends_with('/')
        && !origin.contains(['@', '#'])
        && !authority.as_str().ends_with(':');
    is_origin.then(|| (authority.clone(), default_port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(host: &str) -> Parts {
        http::Request::get("/ws").header("host", host).body(()).unwrap().into_parts().0
    }

    #[test]
    fn pages_of_the_same_host_and_port_are_allowed_and_no_others() {
        let same = OriginPolicy::SameHostOr(Vec::new());
        for (origin, host, allowed) in [
            ("http://example.com", "example.com", true),
            ("https://example.com", "example.com", true),
            ("http://EXAMPLE.com", "example.COM", true),
            ("http://example.com:80", "example.com", true),
            ("https://example.com:443", "example.com", true),
            ("http://example.com:3333", "example.com:3333", true),
            ("http://[::1]:3333", "[::1]:3333", true),
            ("http://127.0.0.1:3333", "127.0.0.1:3333", true),
            ("http://xn--bcher-kva.example", "xn--bcher-kva.example", true),
            ("http://evil.example", "example.com", false),
            ("http://example.com.evil.example", "example.com", false),
            ("http://evilexample.com", "example.com", false),
            ("http://sub.example.com", "example.com", false),
            ("http://example.com.", "example.com", false),
            ("http://example.com:3334", "example.com:3333", false),
            ("http://example.com", "example.com:3333", false),
            ("http://localhost:3333", "127.0.0.1:3333", false),
            ("http://example.com@evil.example", "example.com", false),
            ("http://example.com@evil.example", "evil.example", false),
            ("http://example.com", "user@example.com", false),
            ("http://example.com/", "example.com", false),
            ("http://example.com/path", "example.com", false),
            ("http://example.com?", "example.com", false),
            ("http://example.com#", "example.com", false),
            ("http://example.com:", "example.com", false),
            ("file://example.com", "example.com", false),
            ("ws://example.com", "example.com", false),
            ("example.com", "example.com", false),
            ("null", "null", false),
            ("", "example.com", false),
        ] {
            assert_eq!(same.allows(origin, &to(host)), allowed, "{origin} to {host}");
        }
    }

    #[test]
    fn a_listed_origin_is_allowed_beside_the_same_host() {
        let policy = OriginPolicy::SameHostOr(vec!["https://app.example".to_owned()]);
        assert!(policy.allows("https://app.example", &to("api.example")));
        assert!(policy.allows("HTTPS://APP.EXAMPLE", &to("api.example")));
        assert!(policy.allows("https://api.example", &to("api.example")));
        assert!(!policy.allows("http://app.example", &to("api.example")), "another scheme is another origin");
        assert!(
            !policy.allows("https://app.example:8443", &to("api.example")),
            "another port is another origin"
        );
    }

    #[test]
    fn a_requests_own_authority_goes_before_its_host_header() {
        let mut parts = to("evil.example");
        parts.uri = "http://example.com/ws".parse().unwrap();
        let same = OriginPolicy::SameHostOr(Vec::new());
        assert!(same.allows("http://example.com", &parts));
        assert!(!same.allows("http://evil.example", &parts));
    }
}
