//! Our client on HTTP/2, with routes of ours.

use std::fs;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rest::{Engine, RestConf, Route};
use tokio::net::TcpListener;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use ws::{CloseCode, CloseFrame, Compression, Dialer, Error, Message, Upgrader, WebSocket, WsConf};

use crate::support::{Served, conf, serve};

/// Says everything back, after the version of HTTP.
async fn echo(mut socket: WebSocket, parts: http::request::Parts) -> Result<(), Error> {
    socket.send(format!("{:?}", parts.version)).await?;
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

async fn start(conf: RestConf) -> Served {
    let mut engine = Engine::new(conf);
    engine
        .add_route(Upgrader::default().subprotocols(["chat.v2", "chat.v1"]).route("/echo", echo))
        .add_route(Route::get("/page", async || "a page"));
    serve(engine).await
}

#[tokio::test]
async fn a_client_and_a_route_of_ours_get_on_over_http_2() {
    let served = start(conf()).await;
    let url = format!("ws://localhost:{}/echo", served.addr.port());
    for enabled in [true, false] {
        let compression = Compression { enabled, threshold: 64, ..Compression::default() };
        let dialer = Dialer::new(WsConf { compression, ..WsConf::default() });
        let dialer = dialer.subprotocols(["chat.v3", "chat.v1"]).http2();

        let mut socket = dialer.connect(&url).await.unwrap();

        assert_eq!(socket.subprotocol(), Some("chat.v1"));
        assert_eq!(socket.recv().await.unwrap(), Some(Message::text("HTTP/2.0")));
        for text in ["short", &"long ".repeat(10_000)] {
            socket.send(text).await.unwrap();
            assert_eq!(socket.recv().await.unwrap(), Some(Message::text(text)));
        }
        socket.close(CloseFrame::new(CloseCode::NORMAL, "")).await;
    }
    let mut socket = Dialer::default().http2().connect(&url).await.unwrap();
    assert_eq!(socket.recv().await.unwrap(), Some(Message::text("HTTP/2.0")));
    let stopped = served.stop();
    assert_eq!(socket.recv().await.unwrap(), None);
    assert_eq!(socket.close_frame().unwrap().code(), CloseCode::GOING_AWAY);
    socket.close(CloseFrame::new(CloseCode::NORMAL, "")).await;
    stopped.await;
}

#[tokio::test]
async fn over_tls_http_2_is_negotiated() {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = std::env::temp_dir().join(format!("zeroxide-dialer-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let [cert_file, key_file] = ["cert.pem", "key.pem"].map(|name| folder.join(name));
    fs::write(&cert_file, cert.pem()).unwrap();
    fs::write(&key_file, signing_key.serialize_pem()).unwrap();
    let served = start(RestConf { cert_file: Some(cert_file), key_file: Some(key_file), ..conf() }).await;
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let config = Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth());
    let url = format!("wss://localhost:{}/echo", served.addr.port());

    let dialer = Dialer::default().tls(config);
    for (dialer, version) in [(dialer.clone().http2(), "HTTP/2.0"), (dialer, "HTTP/1.1")] {
        let mut socket = dialer.connect(&url).await.unwrap();
        assert_eq!(socket.recv().await.unwrap(), Some(Message::text(version)));
        socket.close(CloseFrame::new(CloseCode::NORMAL, "")).await;
    }
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_refusal_over_http_2_is_told_with_its_status_and_its_body() {
    let served = start(conf()).await;
    let dialer = Dialer::default().http2();
    let error = dialer.connect(format!("ws://localhost:{}/nowhere", served.addr.port())).await.unwrap_err();
    assert_eq!(error.status().unwrap().as_u16(), 404);
    assert!(!error.response().unwrap().body().is_empty());
}

#[tokio::test]
async fn a_server_that_speaks_no_http_2_or_has_no_extended_connect_is_an_error() {
    // One that answers in HTTP/1.1.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answering = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    let error = Dialer::default().http2().connect(format!("ws://localhost:{port}/")).await.unwrap_err();
    assert!(!error.is_timeout(), "{error}");
    answering.await.unwrap();

    // One whose settings do not offer it: they are waited for, as there might be others, until the time is over.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        assert!(connection.accept().await.is_none_or(|request| request.is_err()), "nothing is asked");
    });
    let dialer = Dialer::default().http2().timeout(std::time::Duration::from_millis(100));
    let error = dialer.connect(format!("ws://localhost:{port}/")).await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    serving.await.unwrap();
}
