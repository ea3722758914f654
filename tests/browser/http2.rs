//! A page over TLS, whose WebSocket is a stream of the HTTP/2 connection that the page itself came by.

use std::fs;
use std::path::{Path, PathBuf};

use http::Version;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rest::conf::Mode;
use rest::extract::PeerAddr;
use rest::{Engine, Html, RestConf, Route};
use serde_json::json;
use ws::{Error, WebSocket};

use crate::chromium::{Driver, Look};
use crate::page::becomes;
use crate::stage::turn;

const PAGE: &str = r#"<!doctype html><title>-</title><script>
    const heard = [];
    let closed;
    const socket = new WebSocket(`wss://${location.host}/ws`, ["echo"]);
    socket.onmessage = ({ data }) => heard.push(data);
    socket.onclose = ({ code, reason, wasClean }) => { closed = { code, reason, wasClean }; };
</script>"#;

async fn page(version: Version, PeerAddr(peer): PeerAddr) -> Html<String> {
    Html(PAGE.replace("-</title>", &format!("{version:?} from {peer}</title>")))
}

/// Tells how the handshake came, then says everything back.
async fn echo(mut socket: WebSocket, version: Version, PeerAddr(peer): PeerAddr) -> Result<(), Error> {
    socket.send(format!("{version:?} from {peer}")).await?;
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_websocket_over_tls_is_a_stream_of_the_pages_own_connection() {
    let _turn = turn().await;
    let (cert_file, key_file) = certificate();
    let mut engine = Engine::new(RestConf {
        host: "127.0.0.1".to_owned(),
        port: 0,
        mode: Mode::Test,
        cert_file: Some(cert_file),
        key_file: Some(key_file),
        ..RestConf::default()
    });
    engine.add_route(Route::get("/", page));
    engine.add_route(ws::Upgrader::default().subprotocols(["echo"]).route("/ws", echo));
    let server = engine.bind().await.expect("a free port");
    let url = server.url();
    let serving = tokio::spawn(server.start());

    let driver = Driver::start();
    let page = driver.open(&url, Look::Light).await;
    becomes("what the socket has heard", json!(1), || page.eval("heard.length")).await;
    let way = page.eval("heard[0]").await;
    assert!(way.as_str().is_some_and(|way| way.starts_with("HTTP/2.0 from ")), "{way}");
    assert_eq!(page.eval("document.title").await, way, "the page came the same way");
    assert_eq!(page.eval("socket.protocol").await, json!("echo"));
    assert_eq!(page.eval("socket.extensions.split(';')[0]").await, json!("permessage-deflate"));

    page.eval("['short', 'long '.repeat(12000)].forEach((text) => socket.send(text))").await;
    becomes("what the socket has heard", json!(3), || page.eval("heard.length")).await;
    assert_eq!(page.eval("heard[1]").await, json!("short"));
    assert_eq!(page.eval("heard[2] == 'long '.repeat(12000)").await, json!(true));

    page.eval("socket.close(4000, 'enough')").await;
    let expected = json!({ "code": 4000, "reason": "enough", "wasClean": true });
    becomes("the close", expected, || page.eval("closed")).await;
    page.close().await;
    serving.abort();
}

/// A certificate for `localhost` and its key, as files.
fn certificate() -> (PathBuf, PathBuf) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser-http2");
    fs::create_dir_all(&folder).expect("cargo's folder can be written");
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (cert_file, key_file) = (folder.join("cert.pem"), folder.join("key.pem"));
    fs::write(&cert_file, cert.pem()).expect("the folder can be written");
    fs::write(&key_file, signing_key.serialize_pem()).expect("the folder can be written");
    (cert_file, key_file)
}
