//! Which pages may connect.

use rest::Engine;
use ws::{Upgrader, WebSocket};

use crate::support::{Served, conf, request, serve};

async fn leave(_: WebSocket) {}

async fn served() -> Served {
    let mut engine = Engine::new(conf());
    engine
        .add_route(ws::route("/default", leave))
        .add_route(Upgrader::default().allow_origins(["https://app.example"]).route("/listed", leave))
        .add_route(
            Upgrader::default()
                .check_origin(|origin, parts| parts.uri.query().is_some_and(|query| origin.ends_with(query)))
                .route("/checked", leave),
        )
        .add_route(Upgrader::default().dangerously_allow_any_origin().route("/any", leave));
    serve(engine).await
}

#[tokio::test]
async fn a_page_connects_where_its_origin_is_allowed() {
    let served = served().await;
    for (path, origins, allowed) in [
        ("/default", &[][..], true), // no browser
        ("/default", &["http://example.com"], true),
        ("/default", &["https://EXAMPLE.com"], true),
        ("/default", &["http://example.com:8080"], false),
        ("/default", &["https://evil.example"], false),
        ("/default", &["null"], false),
        ("/default", &[""], false),
        ("/default", &["http://example.com", "http://example.com"], false),
        ("/default", &["http://example.com", "https://evil.example"], false),
        ("/listed", &["https://app.example"], true),
        ("/listed", &["http://example.com"], true),
        ("/listed", &["http://app.example"], false),
        ("/listed", &["https://evil.example"], false),
        ("/listed", &["null"], false),
        ("/checked?good", &["https://a.good"], true),
        ("/checked?good", &["http://example.com"], false),
        ("/checked?good", &[], true),
        ("/checked", &["https://a.good"], false),
        ("/any", &["https://evil.example"], true),
        ("/any", &["null"], true),
    ] {
        let mut peer = served.connect().await;
        peer.write(request(path, &[("Origin", origins)])).await;
        let status = peer.head().await.start_line;
        let expected = if allowed { "HTTP/1.1 101 Switching Protocols" } else { "HTTP/1.1 403 Forbidden" };
        assert_eq!(status, expected, "{origins:?} at {path}");
    }
}

#[tokio::test]
async fn a_page_of_one_of_two_hosts_is_of_neither() {
    let served = served().await;
    for hosts in [["example.com", "evil.example"], ["evil.example", "example.com"]] {
        let mut peer = served.connect().await;
        let headers = [("Host", &hosts[..]), ("Origin", &["http://evil.example"])];
        peer.write(request("/default", &headers)).await;
        // Refused before anybody looks at the origin, RFC 9112 section 3.2.
        assert_eq!(peer.head().await.start_line, "HTTP/1.1 400 Bad Request", "{hosts:?}");
    }
}
