//! Whether a request says which host it is for, as RFC 9112, section 3.2 wants it.

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, Version};

/// Whether a request of HTTP/1.1 has one `Host`, and one that can be a host, and any other at most one.
///
/// Two servers that take different ones of several hosts, or read a broken one differently, disagree on what a request is for.
pub(super) fn is_clear(version: Version, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => version != Version::HTTP_11,
        // An empty one is what a client sends whose URL has no host.
        (Some(host), None) => host.is_empty() || is_host(host.as_bytes()),
        (Some(_), Some(_)) => false,
    }
}

fn is_host(value: &[u8]) -> bool {
    Authority::try_from(value).is_ok() && !value.contains(&b'@')
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn judged(version: Version, hosts: &[&'static str]) -> bool {
        let headers = hosts.iter().map(|host| (HOST, HeaderValue::from_static(host)));
        let mut map = HeaderMap::new();
        headers.for_each(|(name, value)| {
            map.append(name, value);
        });
        is_clear(version, &map)
    }

    #[test]
    fn one_host_that_can_be_one_is_clear() {
        for host in ["example.org", "example.org:8080", "127.0.0.1:1", "[::1]:80", "a_b.internal", ""] {
            assert!(judged(Version::HTTP_11, &[host]), "{host:?}");
        }
    }

    #[test]
    fn none_several_and_what_is_no_host_are_not() {
        for hosts in [&[][..], &["a", "a"], &["a b"], &["a/b"], &["user@a"], &["http://a"], &["a?b"]] {
            assert!(!judged(Version::HTTP_11, hosts), "{hosts:?}");
        }
    }

    #[test]
    fn only_http_11_must_have_one() {
        for version in [Version::HTTP_10, Version::HTTP_2] {
            assert!(judged(version, &[]), "{version:?}");
            assert!(!judged(version, &["a", "b"]), "{version:?}");
        }
    }
}
