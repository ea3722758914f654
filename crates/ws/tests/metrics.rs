//! What an engine counts of its sockets, on its metrics page.

use std::time::Duration;

use rest::{Engine, Metrics};
use tokio::time::Instant;
use ws::{CloseCode, CloseFrame, Dialer, End, Error, Message, Upgrader, WebSocket, WsConf};

use crate::support::{Served, close, conf, masked, request, serve, text};

async fn echo(mut socket: WebSocket) -> Result<(), Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

/// Sends more than any pipe takes.
async fn floods(socket: WebSocket) -> Result<(), Error> {
    let (mut reader, mut writer) = socket.split();
    let sending = async {
        loop {
            writer.send("x".repeat(1 << 20)).await?;
        }
    };
    tokio::select! { heard = reader.recv() => heard.map(drop), sent = sending => sent }
}

async fn start(limited: WsConf) -> (Served, Metrics) {
    let mut engine = Engine::new(conf());
    let upgrader = Upgrader::new(limited);
    engine.add_route(upgrader.clone().route("/ws", echo)).add_route(upgrader.route("/floods", floods));
    let metrics = engine.metrics();
    (serve(engine).await, metrics)
}

/// Waits until the metrics have this line: a connection ends a moment after its client has seen the end.
pub(crate) async fn wait_for(metrics: &Metrics, line: &str) {
    let begin = Instant::now();
    while !metrics.text().lines().any(|it| it == line) {
        assert!(begin.elapsed().as_secs() < 10, "{line} in\n{}", metrics.text());
        tokio::task::yield_now().await;
    }
}

/// Waits until the metric is this, or anything else where that is wanted.
async fn wait_until(metrics: &Metrics, name: &str, is_wanted: impl Fn(u64) -> bool) {
    let begin = Instant::now();
    loop {
        let text = metrics.text();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        if value.is_some_and(&is_wanted) {
            return;
        }
        assert!(begin.elapsed().as_secs() < 10, "{name} in\n{text}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_metrics_say_what_there_was_and_how_it_ended() {
    let (served, metrics) = start(WsConf::default()).await;
    let mut peer = served.open("/ws").await;
    peer.write([text("hello"), text("world"), close(1000, "")].concat()).await;
    assert_eq!(peer.rest().await.len(), 3);
    let mut peer = served.open("/ws").await;
    peer.write(masked(0x83, "reserved")).await;
    peer.closed().await;
    drop(peer);
    let mut peer = served.connect().await;
    peer.write(request("/ws", &[("Origin", &["https://elsewhere.example"])])).await;
    assert_eq!(peer.head().await.start_line, "HTTP/1.1 403 Forbidden");

    let end = |end: End| format!(r#"ws_connections_closed_total{{end="{}"}} 1"#, end.label());
    for line in [
        "ws_connections_open 0",
        "ws_connections_opened_total 2",
        &end(End::PeerClosed),
        &end(End::ProtocolError),
        r#"ws_close_codes_total{by="client",code="1000"} 1"#,
        r#"ws_close_codes_total{by="server",code="1002"} 1"#,
        r#"ws_handshakes_refused_total{cause="origin"} 1"#,
        r#"ws_messages_total{direction="in"} 2"#,
        r#"ws_messages_total{direction="out"} 2"#,
        r#"ws_bytes_total{direction="in"} 69"#, // two texts of 11 bytes, a close of 8, a frame of 14, its close of 25
        r#"ws_bytes_total{direction="out"} 39"#, // two of 7, a close of 4 and one of 21
    ] {
        wait_for(&metrics, line).await;
    }
}

#[tokio::test]
async fn a_long_life_is_counted_while_it_lasts() {
    let quick = WsConf { ping_interval: Duration::from_millis(100), ..WsConf::default() };
    let (served, metrics) = start(quick).await;
    let mut peer = served.open("/ws").await;
    peer.write(text("hello")).await;
    assert_eq!(peer.text().await, "hello");
    let ping = peer.frame().await;
    peer.write(masked(0x8a, ping.payload)).await;
    wait_for(&metrics, "ws_rtt_seconds_count 1").await;
    for _ in 0..12 {
        let ping = peer.frame().await;
        peer.write(masked(0x8a, ping.payload)).await;
    }
    wait_for(&metrics, r#"ws_messages_total{direction="in"} 1"#).await;
    wait_for(&metrics, "ws_connections_open 1").await;
}

#[tokio::test]
async fn what_compression_saves_is_the_ratio_of_two_counters() {
    let (served, metrics) = start(WsConf::default()).await;
    let mut client =
        Dialer::new(WsConf::default()).connect(format!("ws://{}/ws", served.addr)).await.unwrap();
    let story = "All work and no play makes Jack a dull boy. ".repeat(1000);
    client.send(story.as_str()).await.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some(Message::text(story.as_str())));
    client.close(CloseFrame::new(CloseCode(4321), "")).await;

    wait_for(&metrics, r#"ws_close_codes_total{by="client",code="4xxx"} 1"#).await;
    wait_for(&metrics, r#"ws_compressed_bytes_total{direction="in",form="plain"} 44000"#).await;
    // Outbound with its head, as it would be and as it is.
    wait_for(&metrics, r#"ws_compressed_bytes_total{direction="out",form="plain"} 44004"#).await;
    for direction in ["in", "out"] {
        let name = format!(r#"ws_compressed_bytes_total{{direction="{direction}",form="wire"}}"#);
        wait_until(&metrics, &name, |bytes| (100..2000).contains(&bytes)).await;
    }
}

#[tokio::test]
async fn what_waits_for_a_client_that_reads_nothing_is_a_gauge_and_its_stalls_are_counted() {
    let quick = WsConf { ping_interval: Duration::from_millis(100), ..WsConf::default() };
    let (served, metrics) = start(quick).await;
    let mut peer = served.open("/floods").await;
    wait_until(&metrics, "ws_queued_bytes", |bytes| bytes > 0).await;
    wait_until(&metrics, "ws_write_stalls_total", |stalls| stalls > 0).await;
    peer.write(masked(0x82, "stop")).await;
    drop(peer);
    wait_for(&metrics, "ws_connections_open 0").await;
    wait_for(&metrics, "ws_queued_bytes 0").await;
}
