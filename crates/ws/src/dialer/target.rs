use http::Uri;
use http::uri::PathAndQuery;

use super::error::{ConnectError, Kind};

/// Where a `ws` or `wss` URL leads, RFC 6455 section 3.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    is_tls: bool,
    /// An address of IPv6 without its brackets.
    host: String,
    port: u16,
    /// As `Host` has it: without the port where that goes without saying.
    authority: String,
    path: PathAndQuery,
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self, ConnectError> {
        let wrong = |why| ConnectError::from(Kind::Url(why));
        if url.contains('#') {
            return Err(wrong("a WebSocket URL has no fragment"));
        }
        let uri = url.parse::<Uri>().map_err(|_| wrong("it cannot be read as a URL"))?;
        let is_tls = match uri.scheme_str().map(str::to_ascii_lowercase).as_deref() {
            Some("ws") => false,
            Some("wss") => true,
            _ => return Err(wrong("the scheme must be ws or wss")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("a user and a password belong into a header"));
        }
        let bracketed = authority.host();
        let host = bracketed.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(bracketed);
        if host.is_empty() {
            return Err(wrong("it has no host"));
        }
        let default = if is_tls { 443 } else { 80 };
        let port = match authority.as_str()[bracketed.len()..].strip_prefix(':') {
            None | Some("") => default,
            Some(port) => port.parse().map_err(|_| wrong("its port is no port"))?,
        };
        Ok(Self {
            is_tls,
            host: host.to_owned(),
            port,
            authority: if port == default { bracketed.to_owned() } else { format!("{bracketed}:{port}") },
            path: uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")),
        })
    }

    pub(super) fn is_tls(&self) -> bool {
        self.is_tls
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    pub(super) fn path(&self) -> &PathAndQuery {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_to_connect_and_what_to_ask_for() {
        for (url, is_tls, host, port, authority, path) in [
            ("ws://example.com", false, "example.com", 80, "example.com", "/"),
            ("wss://example.com", true, "example.com", 443, "example.com", "/"),
            ("WS://Example.com:80/Chat?room=1", false, "Example.com", 80, "Example.com", "/Chat?room=1"),
            ("wss://example.com:80/", true, "example.com", 80, "example.com:80", "/"),
            ("ws://example.com?a=b", false, "example.com", 80, "example.com", "/?a=b"),
            ("ws://127.0.0.1:8888/echo", false, "127.0.0.1", 8888, "127.0.0.1:8888", "/echo"),
            ("ws://[::1]:8888/echo", false, "::1", 8888, "[::1]:8888", "/echo"),
            ("wss://[::1]/", true, "::1", 443, "[::1]", "/"),
        ] {
            let target = Target::parse(url).unwrap();
            let parts = (target.is_tls, target.host.as_str(), target.port, target.authority.as_str());
            assert_eq!(parts, (is_tls, host, port, authority), "{url}");
            assert_eq!(target.path.to_string(), path, "{url}");
        }
    }

    #[test]
    fn what_is_no_websocket_url_is_refused() {
        for url in [
            "",
            "example.com",
            "/chat",
            "http://example.com",
            "https://example.com",
            "ws://",
            "ws:///chat",
            "ws://example.com/#part",
            "ws://ann:secret@example.com/",
            "ws://example.com:99999/",
            "ws://example.com:x/",
            "ws://exa mple.com/",
            "ws://example.com/a b",
        ] {
            let error = Target::parse(url).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
