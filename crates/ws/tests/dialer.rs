//! The client's side of the handshake: what it asks for, and which answers it takes.

#![expect(clippy::unwrap_used, reason = "its helpers are a test's too")]

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONNECTION, HOST, ORIGIN, SEC_WEBSOCKET_KEY};
use http::{HeaderName, HeaderValue};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::{DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use ws::test::{Frame, Head, Peer};
use ws::{
    CloseCode, CloseFrame, Compression, ConnectError, Dialer, Error, Message, Upgrader, WebSocket, WsConf,
};

use crate::support::{conf, serve};

const URL: &str = "ws://example.com:8080/chat?room=1";

/// What follows the status line of the answer that a plain request gets.
const HEADERS: [(&str, &str); 3] =
    [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", "fits")];

/// A client that connects, and the server, made of bytes, that has its request.
async fn asked(dialer: Dialer) -> (JoinHandle<Result<WebSocket, ConnectError>>, Peer, Head) {
    let (near, far) = duplex(1 << 17);
    let connecting = tokio::spawn(async move { dialer.connect_over(URL, near).await });
    let mut peer = Peer::server(far);
    let request = peer.head().await;
    (connecting, peer, request)
}

/// A 101 with these lines instead of, or beside, the usual ones.
fn switching(request: &Head, changes: &[(&str, &[&str])]) -> String {
    let accept = derive_accept_key(request.header("sec-websocket-key").unwrap().as_bytes());
    let mut answer = "HTTP/1.1 101 Switching Protocols\r\n".to_owned();
    for (name, value) in
        HEADERS.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name))
    {
        let value = if *value == "fits" { &accept } else { *value };
        answer += &format!("{name}: {value}\r\n");
    }
    for (name, values) in changes {
        for value in *values {
            let value = if *value == "fits" { &accept } else { *value };
            answer += &format!("{name}: {value}\r\n");
        }
    }
    answer + "\r\n"
}

async fn answered(dialer: Dialer, changes: &[(&str, &[&str])]) -> (Result<WebSocket, ConnectError>, Peer) {
    let (connecting, mut peer, request) = asked(dialer).await;
    peer.write(switching(&request, changes)).await;
    (connecting.await.unwrap(), peer)
}

async fn refused(answer: &str) -> (ConnectError, Peer) {
    let (connecting, mut peer, _) = asked(Dialer::default()).await;
    peer.write(answer).await;
    (connecting.await.unwrap().unwrap_err(), peer)
}

async fn echo(mut socket: WebSocket) -> Result<(), Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_client_and_a_route_of_ours_get_on() {
    let mut engine = rest::Engine::new(conf());
    engine.add_route(Upgrader::default().subprotocols(["chat.v2", "chat.v1"]).route("/echo", echo));
    let served = serve(engine).await;
    let url = format!("ws://localhost:{}/echo", served.addr.port());
    let dialer = Dialer::default().subprotocols(["chat.v3", "chat.v2", "chat.v1"]);

    let mut socket = dialer.connect(&url).await.unwrap();

    assert_eq!(socket.subprotocol(), Some("chat.v2"));
    assert_eq!(socket.peer(), Some(served.addr));
    for text in ["short", &"long ".repeat(10_000)] {
        socket.send(text).await.unwrap();
        assert_eq!(socket.recv().await.unwrap(), Some(Message::text(text)));
    }
    socket.close(CloseFrame::new(CloseCode::NORMAL, "")).await;
    let mut socket = dialer.connect(&url).await.unwrap();
    let stopped = served.stop();
    assert_eq!(socket.recv().await.unwrap(), None);
    assert_eq!(socket.close_frame().unwrap().code(), CloseCode::GOING_AWAY);
    socket.close(CloseFrame::new(CloseCode::NORMAL, "")).await;
    stopped.await;
}

#[tokio::test]
async fn a_request_says_what_it_was_told_to_say() {
    let compression = Compression { window_bits: 10, ..Compression::default() };
    let dialer = Dialer::new(WsConf { compression, ..WsConf::default() })
        .subprotocols(["chat.v2", "chat.v1"])
        .header(ORIGIN, HeaderValue::from_static("https://example.com"))
        .header(AUTHORIZATION, HeaderValue::from_static("Bearer abc"));
    let (_connecting, _peer, request) = asked(dialer).await;
    assert_eq!(request.start_line, "GET /chat?room=1 HTTP/1.1");
    for (name, value) in [
        ("host", "example.com:8080"),
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-protocol", "chat.v2, chat.v1"),
        (
            "sec-websocket-extensions",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
             server_max_window_bits=10; client_max_window_bits=10",
        ),
        ("origin", "https://example.com"),
        ("authorization", "Bearer abc"),
    ] {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
    assert_eq!(request.headers.len(), 9, "and a key: {request:?}");
}

#[tokio::test]
async fn a_host_of_ones_own_is_asked_for_and_nothing_is_offered_that_is_not_wanted() {
    let compression = Compression { enabled: false, ..Compression::default() };
    let dialer = Dialer::new(WsConf { compression, ..WsConf::default() });
    let (_connecting, _peer, request) = asked(dialer.header(HOST, HeaderValue::from_static("other"))).await;
    let names = request.headers.iter().map(|(name, _)| name.as_str()).collect::<HashSet<_>>();
    assert_eq!(names.len(), 5, "{request:?}");
    assert_eq!(request.header("host"), Some("other"));
}

#[tokio::test]
async fn no_two_requests_have_the_same_key() {
    let mut keys = HashSet::new();
    for _ in 0..50 {
        let (_connecting, _peer, request) = asked(Dialer::default()).await;
        keys.insert(request.header("sec-websocket-key").unwrap().to_owned());
    }
    assert_eq!(keys.len(), 50);
    assert!(keys.iter().all(|key| key.len() == 24), "{keys:?}");
}

#[tokio::test]
async fn an_answer_in_order_opens_the_socket() {
    const NONE: &str = "permessage-deflate; server_no_context_takeover";
    for changes in [
        &[][..],
        &[("Upgrade", &["WebSocket"][..]), ("Connection", &["keep-alive, upgrade"])],
        &[("Sec-WebSocket-Protocol", &["b"])],
        &[("Sec-WebSocket-Extensions", &[NONE])],
        &[(
            "Sec-WebSocket-Extensions",
            &["permessage-deflate; server_no_context_takeover; client_max_window_bits=8"],
        )],
        &[("X-Unknown", &["whatever"])],
    ] {
        let (opened, mut peer) = answered(Dialer::default().subprotocols(["a", "b"]), changes).await;
        let mut socket = opened.unwrap_or_else(|error| panic!("{changes:?}: {error}"));
        socket.send("x".repeat(600)).await.unwrap();
        assert_eq!(peer.frame().await.first & 0x8f, 0x81, "{changes:?}");
    }
}

#[tokio::test]
async fn an_answer_with_anything_wrong_fails_the_handshake() {
    for (changes, why) in [
        (&[("Upgrade", &[][..])][..], "the answer's Upgrade is not websocket"),
        (&[("Upgrade", &["h2c"])], "the answer's Upgrade is not websocket"),
        (&[("Upgrade", &["websocket", "websocket"])], "the answer's Upgrade is not websocket"),
        (&[("Connection", &[])], "the answer's Connection does not list upgrade"),
        (&[("Connection", &["notupgrade"])], "the answer's Connection does not list upgrade"),
        (&[("Sec-WebSocket-Accept", &[])], "the answer's Sec-WebSocket-Accept does not fit the key"),
        (
            &[("Sec-WebSocket-Accept", &["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="])],
            "the answer's Sec-WebSocket-Accept does not fit the key",
        ),
        (
            &[("Sec-WebSocket-Accept", &["fits", "fits"])],
            "the answer's Sec-WebSocket-Accept does not fit the key",
        ),
        (&[("Sec-WebSocket-Protocol", &["c"])], "the answer has a subprotocol that was not offered"),
        (&[("Sec-WebSocket-Protocol", &["a, b"])], "the answer has a subprotocol that was not offered"),
        (&[("Sec-WebSocket-Protocol", &["a", "b"])], "the answer has a subprotocol that was not offered"),
        (&[("Sec-WebSocket-Protocol", &[""])], "the answer has a subprotocol that was not offered"),
        (
            &[("Sec-WebSocket-Extensions", &["permessage-bzip2"])],
            "the answer has an extension that was not offered so",
        ),
        (
            &[("Sec-WebSocket-Extensions", &["permessage-deflate"])],
            "the answer has an extension that was not offered so",
        ),
        (
            &[(
                "Sec-WebSocket-Extensions",
                &[
                    "permessage-deflate; server_no_context_takeover, permessage-deflate; server_no_context_takeover",
                ],
            )],
            "the answer has an extension that was not offered so",
        ),
        (
            &[("Sec-WebSocket-Extensions", &["permessage-deflate; server_no_context_takeover; unknown"])],
            "the answer has an extension that was not offered so",
        ),
        (&[("Sec-WebSocket-Extensions", &[";"])], "the answer's Sec-WebSocket-Extensions cannot be read"),
    ] {
        let (opened, mut peer) = answered(Dialer::default().subprotocols(["a", "b"]), changes).await;
        let error = opened.expect_err(why);
        assert!(error.is_protocol() && !error.is_transient(), "{error:?}");
        assert_eq!(error.to_string(), format!("the handshake failed: {why}"), "{changes:?}");
        assert_eq!(peer.next().await, None, "the connection is cut");
    }
}

#[tokio::test]
async fn what_was_not_offered_is_not_taken() {
    let compression = Compression { enabled: false, ..Compression::default() };
    for (dialer, name, value) in [
        (Dialer::default(), "Sec-WebSocket-Protocol", "chat"),
        (
            Dialer::new(WsConf { compression, ..WsConf::default() }),
            "Sec-WebSocket-Extensions",
            "permessage-deflate; server_no_context_takeover",
        ),
    ] {
        let (opened, _peer) = answered(dialer, &[(name, &[value])]).await;
        assert!(opened.unwrap_err().is_protocol(), "{name}");
    }
}

#[tokio::test]
async fn a_refusal_is_told_with_its_status_its_headers_and_its_body() {
    let (error, _peer) =
        refused("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 9\r\n\r\nslow down")
            .await;
    assert_eq!(error.to_string(), "the server refused with 429 Too Many Requests");
    assert!(error.is_transient());
    let response = error.response().unwrap();
    assert_eq!(
        (response.headers()["retry-after"].as_bytes(), &response.body()[..]),
        (&b"7"[..], &b"slow down"[..])
    );

    let (error, _peer) = refused(
        "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nnot\r\n4\r\n you\r\n0\r\n\r\n",
    )
    .await;
    assert!(!error.is_transient());
    assert_eq!(error.status().unwrap(), 403);
    assert_eq!(error.response().unwrap().body(), "not you");
}

#[tokio::test]
async fn a_redirect_is_a_refusal() {
    let (error, mut peer) =
        refused("HTTP/1.1 302 Found\r\nLocation: ws://elsewhere.example/\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(error.response().unwrap().headers()["location"], "ws://elsewhere.example/");
    assert_eq!(peer.next().await, None);
}

#[tokio::test]
async fn of_a_long_body_only_its_beginning_is_kept() {
    let body = "x".repeat(100_000);
    let answer = format!("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 100000\r\n\r\n{body}");
    let (error, _peer) = refused(&answer).await;
    assert_eq!(error.response().unwrap().body().len(), 4096);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_end_does_not_hide_the_status() {
    let begin = Instant::now();
    let (error, _peer) = refused("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 10\r\n\r\nhalf").await;
    assert_eq!(
        (error.status().unwrap().as_u16(), &error.response().unwrap().body()[..]),
        (503, &b"half"[..])
    );
    assert_eq!(begin.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_is_given_up() {
    for partly in ["", "HTTP/1.1 101 Switching"] {
        let begin = Instant::now();
        let (error, _peer) = refused(partly).await;
        assert!(error.is_timeout() && error.is_transient(), "{error}");
        assert_eq!(begin.elapsed(), Duration::from_secs(10));
    }
    let (connecting, mut peer, _) = asked(Dialer::default().timeout(Duration::from_millis(300))).await;
    let begin = Instant::now();
    connecting.await.unwrap().unwrap_err();
    assert_eq!(begin.elapsed(), Duration::from_millis(300));
    assert_eq!(peer.next().await, None, "the connection is cut");
}

#[tokio::test]
async fn what_is_no_answer_is_an_error() {
    let endless = format!("HTTP/1.1 101 Switching Protocols\r\nX-Long: {}\r\n\r\n", "x".repeat(120_000));
    for answer in ["SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP/1.1 x\r\n\r\n", &endless] {
        let (error, _peer) = refused(answer).await;
        assert_eq!(error.to_string(), "the server did not answer with HTTP", "{answer:.50}");
    }
    let (connecting, peer, _) = asked(Dialer::default()).await;
    drop(peer);
    assert!(connecting.await.unwrap().unwrap_err().is_transient(), "it may be restarting");
}

#[tokio::test]
async fn an_answer_of_old_http_is_refused() {
    let (connecting, mut peer, request) = asked(Dialer::default()).await;
    peer.write(switching(&request, &[]).replace("HTTP/1.1", "HTTP/1.0")).await;
    assert!(!connecting.await.unwrap().unwrap_err().is_transient());
}

#[tokio::test]
async fn a_frame_that_comes_with_the_answer_is_not_lost() {
    let (connecting, mut peer, request) = asked(Dialer::default()).await;
    let early = [switching(&request, &[]).into_bytes(), Frame::text("hello").unmasked()].concat();
    peer.write(early).await;
    let mut socket = connecting.await.unwrap().unwrap();
    assert_eq!(socket.recv().await.unwrap(), Some(Message::text("hello")));
    peer.send(Frame::text("and more")).await;
    assert_eq!(socket.recv().await.unwrap(), Some(Message::text("and more")));
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_an_error_before_anything_is_sent() {
    let value = || HeaderValue::from_static("x");
    for (dialer, url) in [
        (Dialer::default(), "http://example.com"),
        (Dialer::default().subprotocols(["a b"]), URL),
        (Dialer::default().subprotocols(["a", "a"]), URL),
        (Dialer::default().subprotocols([""]), URL),
        (Dialer::default().header(SEC_WEBSOCKET_KEY, value()), URL),
        (Dialer::default().header(CONNECTION, value()), URL),
        (Dialer::default().header(HeaderName::from_static("sec-websocket-extensions"), value()), URL),
    ] {
        let (near, far): (DuplexStream, _) = duplex(1000);
        let error = dialer.connect_over(url, near).await.unwrap_err();
        assert!(!error.is_transient(), "{error}");
        assert_eq!(Peer::server(far).next().await, None, "nothing was sent");
    }
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_no_server() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = ws::connect(format!("ws://{free}/")).await.unwrap_err();
    assert_eq!(error.to_string(), "the server cannot be reached");
    assert!(error.is_transient());
}

/// A server on TLS that answers one handshake, and a client's config that trusts it.
async fn trusted(name: &str) -> (u16, ClientConfig, JoinHandle<Option<Head>>) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed([name.to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let server =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![cert.der().clone()], key);
    let acceptor = TlsAcceptor::from(Arc::new(server.unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let (tcp, _): (TcpStream, _) = listener.accept().await.unwrap();
        let mut peer = Peer::server(acceptor.accept(tcp).await.ok()?);
        let request = peer.head().await;
        peer.write(switching(&request, &[])).await;
        peer.send(Frame::text("over TLS")).await;
        peer.closed().await;
        Some(request)
    });
    (port, client, served)
}

#[tokio::test]
async fn wss_goes_over_tls_to_whom_it_trusts() {
    let (port, config, served) = trusted("localhost").await;
    let mut socket =
        Dialer::default().tls(config).connect(format!("wss://localhost:{port}/chat")).await.unwrap();
    assert_eq!(socket.recv().await.unwrap(), Some(Message::text("over TLS")));
    socket.close(CloseFrame::new(CloseCode::NORMAL, "")).await;
    let request = served.await.unwrap().unwrap();
    assert_eq!(request.header("host"), Some(format!("localhost:{port}").as_str()));
}

#[tokio::test]
async fn a_server_that_is_somebody_else_or_unknown_is_not_talked_to() {
    let (port, config, served) = trusted("other.example").await;
    let dialer = Dialer::default().tls(config);
    let error = dialer.connect(format!("wss://localhost:{port}/")).await.unwrap_err();
    assert_eq!(error.to_string(), "the server cannot be trusted");
    assert!(!error.is_transient());
    assert_eq!(served.await.unwrap(), None);

    let (port, _, served) = trusted("localhost").await;
    let error = ws::connect(format!("wss://localhost:{port}/")).await.unwrap_err();
    assert_eq!(error.to_string(), "the server cannot be trusted", "nobody has signed its certificate");
    assert_eq!(served.await.unwrap(), None);
}
