//! Handshakes that are made to crash a parser, or to keep it busy.

use std::time::{Duration, Instant};

use rest::{Engine, RestConf};
use ws::{Error, Upgrader, WebSocket, WsConf};

use crate::support::{Served, conf, request, serve};

async fn echo(mut socket: WebSocket) -> Result<(), Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

async fn engine() -> Served {
    let mut engine = Engine::new(RestConf { max_header_bytes: 100_000, ..conf() });
    engine.add_route(Upgrader::new(WsConf::default()).subprotocols(["chat"]).route("/", echo));
    serve(engine).await
}

/// The status of the answer to a request.
async fn status(served: &Served, request: &str) -> String {
    let mut peer = served.connect().await;
    // The engine may have answered, and closed, before all was written.
    let _ = tokio::io::AsyncWriteExt::write_all(&mut peer.io, request.as_bytes()).await;
    peer.head().await.start_line
}

/// The engine answers as ever.
async fn lives(served: &Served) {
    assert_eq!(status(served, &request("/", &[])).await, "HTTP/1.1 101 Switching Protocols");
}

#[tokio::test]
async fn a_head_of_thousands_of_headers_or_of_a_megabyte_is_431() {
    let served = engine().await;
    let end = "\r\n\r\n";
    let head = request("/", &[]);
    let head = head.trim_end();
    let many = (0..5000).map(|i| format!("\r\nx-{i}: 1")).collect::<String>();
    let long = format!("\r\nx: {}", "y".repeat(1 << 20));
    for more in [many, long] {
        let answer = status(&served, &format!("{head}{more}{end}")).await;
        assert_eq!(answer, "HTTP/1.1 431 Request Header Fields Too Large");
        lives(&served).await;
    }
}

#[tokio::test]
async fn offers_that_have_broken_others_are_declined_or_refused_and_break_nothing() {
    let served = engine().await;
    let thousand = vec!["permessage-deflate; server_max_window_bits=7"; 1000].join(", ");
    let deep = format!("permessage-deflate{}", "; client_no_context_takeover".repeat(1000));
    let (accepted, refused) = ("HTTP/1.1 101 Switching Protocols", "HTTP/1.1 400 Bad Request");
    for (offer, expected) in [
        (thousand.as_str(), accepted),
        (&deep, accepted),
        ("permessage-deflate; constructor", accepted),
        ("permessage-deflate; __proto__=1", accepted),
        ("constructor", accepted),
        ("permessage-deflate; server_max_window_bits=0", accepted),
        ("permessage-deflate; server_max_window_bits=-1", accepted),
        ("permessage-deflate; client_max_window_bits=999999999999999999999999", accepted),
        ("permessage-deflate; server_max_window_bits=\"\\15\"", refused),
        ("permessage-deflate; server_max_window_bits=\"", refused),
        (";;;;", refused),
        ("=", refused),
    ] {
        let request = request("/", &[("Sec-WebSocket-Extensions", &[offer])]);
        let mut peer = served.connect().await;
        peer.write(request).await;
        let answer = peer.head().await;
        assert_eq!(answer.start_line, expected, "{offer:.80}");
        assert_eq!(answer.header("sec-websocket-extensions"), None, "{offer:.80}");
    }
}

#[tokio::test]
async fn lists_without_end_are_read_in_linear_time() {
    const LEN: usize = 60_000;
    let served = engine().await;
    let spaces = format!("chat,{}", " ".repeat(LEN));
    let tabs = format!("a{}b", "\t".repeat(LEN));
    let commas = ",".repeat(LEN);
    let semicolons = format!("a{}", ";a".repeat(LEN / 2));
    let begin = Instant::now();
    for name in ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Connection", "Upgrade"] {
        for value in [&spaces, &tabs, &commas, &semicolons] {
            let answer = status(&served, &request("/", &[(name, &[value.as_str()])])).await;
            assert!(answer.starts_with("HTTP/1.1 "), "{name}: {answer}");
        }
    }
    // Quadratic time would be billions of steps for each.
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    lives(&served).await;
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_read_in_linear_time() {
    let served = engine().await;
    let long = format!("x={}", "y".repeat(32_000));
    let request = request("/", &[("Cookie", &[long.as_str()])]);
    let mut peer = served.connect().await;
    peer.io.set_nodelay(true).expect("a socket");
    let begin = Instant::now();
    for byte in request.as_bytes() {
        peer.write([*byte]).await;
    }
    assert_eq!(peer.head().await.start_line, "HTTP/1.1 101 Switching Protocols");
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
}
