//! How many connections there may be.

use rest::conf::ForwardedHeader;
use rest::{Engine, Metrics, RestConf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use ws::{Error, Upgrader, WebSocket, WsConf};

use crate::metrics::wait_for;
use crate::support::{Head, Peer, Served, close, conf, request, serve, text};

async fn echo(mut socket: WebSocket) -> Result<(), Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

async fn panics(mut socket: WebSocket) {
    socket.recv().await.expect("the client talks");
    panic!("a handler's bug, which this test wants");
}

/// An engine with a route of its own for each limit, and what it counts.
async fn engine(limited: WsConf) -> (Served, Metrics) {
    let proxied = RestConf { trusted_proxies: vec!["127.0.0.0/8".parse().expect("a network")], ..conf() };
    assert_eq!(proxied.forwarded_header, ForwardedHeader::XForwardedFor);
    let mut engine = Engine::new(proxied);
    engine
        .add_route(Upgrader::new(limited.clone()).route("/ws", echo))
        .add_route(Upgrader::new(limited).route("/panics", panics))
        .add_route(ws::route("/free", echo));
    let metrics = engine.metrics();
    (serve(engine).await, metrics)
}

/// Tries to connect, as the client that a proxy says it is.
async fn knock(served: &Served, path: &str, client: &str) -> (Peer<TcpStream>, Head) {
    let mut peer = served.connect().await;
    peer.write(request(path, &[("X-Forwarded-For", &[client])])).await;
    let response = peer.head().await;
    (peer, response)
}

fn refusal(response: &Head) -> (&str, Option<&str>, &str) {
    (&response.start_line, response.header("retry-after"), &response.body)
}

#[tokio::test]
async fn one_connection_too_many_on_a_route_is_refused_until_another_ends() {
    let (served, metrics) = engine(WsConf { max_connections_per_route: 2, ..WsConf::default() }).await;
    let (first, _) = knock(&served, "/ws", "192.0.2.1").await;
    let (mut second, _) = knock(&served, "/ws", "192.0.2.2").await;
    let (_, refused) = knock(&served, "/ws", "192.0.2.3").await;
    let expected = "there are too many connections\n";
    assert_eq!(refusal(&refused), ("HTTP/1.1 503 Service Unavailable", Some("5"), expected));
    let (other, response) = knock(&served, "/panics", "192.0.2.3").await;
    assert_eq!(response.start_line, "HTTP/1.1 101 Switching Protocols", "another route has its own");

    // However one ends, its place is free: by a close,
    second.write(close(1000, "")).await;
    second.rest().await;
    wait_for(&metrics, "ws_connections_open 2").await;
    let (second, response) = knock(&served, "/ws", "192.0.2.2").await;
    assert_eq!(response.start_line, "HTTP/1.1 101 Switching Protocols");
    // without one, or by a panic.
    drop((first, second));
    wait_for(&metrics, "ws_connections_open 1").await;
    let mut other = other;
    other.write(text("panic!")).await;
    other.closed().await;
    wait_for(&metrics, "ws_connections_open 0").await;
    let (_first, response) = knock(&served, "/ws", "192.0.2.1").await;
    assert_eq!(response.start_line, "HTTP/1.1 101 Switching Protocols");
    let (_second, response) = knock(&served, "/ws", "192.0.2.1").await;
    assert_eq!(response.start_line, "HTTP/1.1 101 Switching Protocols");
}

#[tokio::test]
async fn one_connection_too_many_of_an_address_is_refused_with_429() {
    let (served, metrics) = engine(WsConf { max_connections_per_ip: 1, ..WsConf::default() }).await;
    let (mut first, _) = knock(&served, "/ws", "192.0.2.1").await;
    let (_, refused) = knock(&served, "/ws", "spoofed, 192.0.2.1").await;
    let expected = "there are too many connections from this address\n";
    assert_eq!(refusal(&refused), ("HTTP/1.1 429 Too Many Requests", Some("5"), expected));
    let (_other, response) = knock(&served, "/ws", "192.0.2.2").await;
    assert_eq!(response.start_line, "HTTP/1.1 101 Switching Protocols");
    let (_free, response) = knock(&served, "/free", "192.0.2.1").await;
    assert_eq!(response.start_line, "HTTP/1.1 101 Switching Protocols", "this route has no such limit");

    first.write(close(1000, "")).await;
    first.rest().await;
    wait_for(&metrics, "ws_connections_open 2").await;
    let (_first, response) = knock(&served, "/ws", "192.0.2.1").await;
    assert_eq!(response.start_line, "HTTP/1.1 101 Switching Protocols");
    wait_for(&metrics, r#"ws_handshakes_refused_total{cause="too_many_from_address"} 1"#).await;
}

#[tokio::test]
async fn the_limit_to_all_connections_counts_those_of_other_routes() {
    let (served, metrics) = engine(WsConf { max_connections: 2, ..WsConf::default() }).await;
    let _open = (served.open("/free").await, served.open("/free").await);
    let (_, refused) = knock(&served, "/ws", "192.0.2.1").await;
    assert_eq!(refused.start_line, "HTTP/1.1 503 Service Unavailable");
    let _third = served.open("/free").await;
    wait_for(&metrics, r#"ws_handshakes_refused_total{cause="too_many"} 1"#).await;
    wait_for(&metrics, "ws_connections_open 3").await;
}

#[tokio::test]
async fn a_place_that_a_client_did_not_wait_for_is_free_again() {
    let (served, metrics) = engine(WsConf { max_connections_per_route: 1, ..WsConf::default() }).await;
    for _ in 0..20 {
        let mut peer = served.connect().await;
        peer.write(request("/ws", &[])).await;
        drop(peer);
    }
    let begin = Instant::now();
    while knock(&served, "/ws", "192.0.2.1").await.1.start_line != "HTTP/1.1 101 Switching Protocols" {
        assert!(begin.elapsed().as_secs() < 10, "{}", metrics.text());
    }
}
