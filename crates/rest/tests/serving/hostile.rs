use rest::{Engine, RestConf, Route};

use crate::support::client::Client;
use crate::support::{Running, conf};

async fn running(max_header_bytes: usize) -> Running {
    let mut engine = Engine::new(RestConf { max_header_bytes, ..conf() });
    engine.add_route(Route::get("/", || async { "Hello!" }));
    engine.add_route(Route::post("/", |body: String| async { body }));
    Running::start(engine).await
}

/// The status of what the server answers before it closes the connection, if it answers.
async fn status(running: &Running, bytes: &[u8]) -> Option<u16> {
    let mut client = Client::connect(running.addr).await;
    client.send(bytes).await;
    let answer = client.closed().await;
    let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    assert_eq!(status.is_some(), !answer.is_empty(), "neither an answer nor a close: {answer:?}");
    status
}

#[tokio::test]
async fn what_is_not_http_gets_a_4xx_or_a_close_and_the_server_goes_on() {
    let running = running(16 << 10).await;

    for bytes in [
        &b"\0\0\0\0\0\0\0\0"[..],
        b"\r\n\r\n\r\n\0",
        b"\xff\xfe\x80garbage\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", // TLS, to a port without it
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHo st: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n",
        b"GET / HTTP/1.1\r\n: nameless\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnot a chunk\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\0\0\0\0\0\0garbage",
    ] {
        let shown = bytes.escape_ascii();
        // After HTTP/2's preface the answers are its frames.
        if bytes.starts_with(b"PRI") {
            let mut client = Client::connect(running.addr).await;
            client.send(bytes).await;
            client.closed().await;
        } else {
            let status = status(&running, bytes).await;
            assert!(status.is_none_or(|status| (400..500).contains(&status)), "{status:?} for {shown}");
        }
        assert_eq!(Client::connect(running.addr).await.get("/").await.body, "Hello!", "after {shown}");
    }
}

#[tokio::test]
async fn a_head_over_the_limit_is_431() {
    for (limit, length) in [(8 << 10, 8 << 10), (64 << 10, 64 << 10)] {
        let running = running(limit).await;

        let long_header = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Long: {}\r\n\r\n", "x".repeat(length));
        assert_eq!(status(&running, long_header.as_bytes()).await, Some(431), "{limit}");

        let long_header = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Long: {}\r\n\r\n",
            "x".repeat(length - 200)
        );
        assert_eq!(status(&running, long_header.as_bytes()).await, Some(200), "{limit}");
    }
}

#[tokio::test]
async fn a_request_line_without_end_is_refused() {
    let running = running(8 << 10).await;

    let status = status(&running, format!("GET /{}", "x".repeat(100 << 10)).as_bytes()).await;

    assert!(matches!(status, Some(414 | 431)), "{status:?}");
}

#[tokio::test]
async fn headers_without_number_are_refused() {
    let running = running(1 << 20).await;

    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(10_000));

    assert_eq!(status(&running, many.as_bytes()).await, Some(431));
}

#[tokio::test]
async fn a_limit_for_heads_below_what_is_possible_is_the_least_possible() {
    let running = running(0).await;

    assert_eq!(Client::connect(running.addr).await.get("/").await.body, "Hello!");
}

/// What a chain of servers could read in several ways: it is refused, or read in one, which closes the connection where it had to
/// choose. `None` leaves that open.
#[tokio::test]
async fn where_a_body_ends_is_never_in_doubt() {
    let running = running(16 << 10).await;
    for (head, body, expected) in [
        ("Content-Length: 5", "hello", Some(200)),
        ("Content-Length: 5\r\nContent-Length: 5", "hello", None),
        ("Content-Length: 5\r\nContent-Length: 6", "hello!", Some(400)),
        ("Content-Length: 5, 5", "hello", None),
        ("Content-Length: +5", "hello", Some(400)),
        ("Content-Length: 0x5", "hello", Some(400)),
        ("Content-Length: ", "hello", Some(400)),
        ("Content-Length: 5 6", "hello", Some(400)),
        ("Content-Length : 5", "hello", Some(400)),
        ("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n", Some(200)),
        ("Transfer-Encoding: chunked\r\nContent-Length: 3", "5\r\nhello\r\n0\r\n\r\n", None),
        ("Transfer-Encoding: identity", "hello", Some(400)),
        ("Transfer-Encoding: chunked, identity", "5\r\nhello\r\n0\r\n\r\n", Some(400)),
        ("Transfer-Encoding: xchunked", "5\r\nhello\r\n0\r\n\r\n", Some(400)),
        ("Transfer-Encoding: chunked", "5;x=y\r\nhello\r\n0\r\n\r\n", Some(200)),
        ("Transfer-Encoding: chunked", "-5\r\nhello\r\n0\r\n\r\n", Some(400)),
        ("Transfer-Encoding: chunked", "ffffffffffffffffff\r\nhello\r\n0\r\n\r\n", Some(400)),
    ] {
        // A second request behind it, as a smuggler has it: it is either a request of its own, or nothing.
        let bytes = format!(
            "POST / HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n{body}GET /smuggled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        );
        let mut client = Client::connect(running.addr).await;
        client.send(bytes).await;
        let answer = client.closed().await;
        let status: Option<u16> =
            answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        if let Some(expected) = expected {
            assert_eq!(status, Some(expected), "{head:?} {answer:?}");
        }
        // The handler has had five bytes, and what is behind them was the next request, or nothing.
        if status == Some(200) {
            let (_, behind) =
                answer.split_once("\r\n\r\nhello").unwrap_or_else(|| panic!("{head:?} {answer:?}"));
            assert!(behind.is_empty() || behind.starts_with("HTTP/1.1 404"), "{head:?} {answer:?}");
        } else {
            assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{head:?} {answer:?}");
        }
    }
}
