//! The opening handshake on HTTP/1.1, byte by byte: RFC 6455 section 4.2, and what a refusal looks like.

use http::request::Parts;
use rest::extract::FromRequestParts;
use rest::test::Server;
use rest::{Body, Engine, Readiness, Request, Response, Route, StatusCode, Upgrade};
use tower::Service;
use ws::{Error, HandshakeError, Upgrader, WebSocket};

use crate::support::{ACCEPT, Head as Answer, KEY, Peer, Served, conf, masked, request, serve, text};

const BAD_REQUEST: &str = "HTTP/1.1 400 Bad Request";
const UPGRADE_REQUIRED: &str = "HTTP/1.1 426 Upgrade Required";
const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols";

const NOTHING: &[(&str, &str)] = &[];
const ACCEPTED: &[(&str, &str)] =
    &[("connection", "upgrade"), ("sec-websocket-accept", ACCEPT), ("upgrade", "websocket")];
const UPGRADE: &[(&str, &str)] = &[("connection", "upgrade"), ("upgrade", "websocket")];
const VERSION: &[(&str, &str)] =
    &[("connection", "upgrade"), ("sec-websocket-version", "13"), ("upgrade", "websocket")];
const CLOSE: &[(&str, &str)] = &[("connection", "close")];

async fn echo(mut socket: WebSocket) -> Result<(), Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

/// Who has a seat; nobody has.
struct Seat;

impl<S: Sync> FromRequestParts<S> for Seat {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Err((StatusCode::UNAUTHORIZED, "no seat\n"))
    }
}

async fn seated(socket: WebSocket, _: Seat) -> Result<(), Error> {
    echo(socket).await
}

async fn by_hand(upgrade: Upgrade, parts: Parts) -> Result<Response, HandshakeError> {
    Upgrader::default().upgrade(&parts, upgrade, echo)
}

async fn ready(readiness: Readiness) -> StatusCode {
    if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

fn engine(conf: rest::RestConf) -> Engine {
    let chat = Upgrader::default().subprotocols(["chat.v2", "chat.v1"]);
    let mut engine = Engine::new(conf);
    engine
        .add_route(ws::route("/ws", echo))
        .add_route(ws::route("/seat", seated))
        .add_route(chat.clone().route("/chat", echo))
        .add_route(chat.require_subprotocol().route("/strict", echo))
        .add_route(Route::post("/by-hand", by_hand))
        .add_route(Route::get("/ready", ready));
    engine
}

/// What of an answer's headers belongs to the handshake, sorted.
fn relevant(answer: &Answer) -> Vec<(&str, &str)> {
    let ours = ["allow", "connection", "retry-after", "upgrade"];
    let mut headers = answer.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect::<Vec<_>>();
    headers.retain(|(name, _)| ours.contains(name) || name.starts_with("sec-websocket"));
    headers.sort_unstable();
    headers
}

/// Sends a handshake on a connection of its own. Where the answer keeps the connection, it must be in order: a WebSocket
/// after a 101, HTTP after anything else.
async fn check(served: &Served, what: &str, request: &str, status: &str, headers: &[(&str, &str)]) {
    let mut peer = served.connect().await;
    peer.write(request).await;
    let answer = peer.head().await;
    assert_eq!((answer.start_line.as_str(), relevant(&answer).as_slice()), (status, headers), "{what}");
    if status == SWITCHING {
        peer.write(text("hello")).await;
        assert_eq!(peer.text().await, "hello", "{what}: after the handshake");
    } else if answer.header("connection") == Some("close") {
        assert_eq!(peer.rest().await, [], "{what}: after the refusal");
    } else {
        peer.write("GET /ready HTTP/1.1\r\nHost: example.com\r\n\r\n").await;
        assert_eq!(peer.head().await.start_line, "HTTP/1.1 200 OK", "{what}: after the refusal");
    }
}

#[tokio::test]
async fn upgrade_and_connection_are_lists_of_tokens_in_any_case() {
    let served = serve(engine(conf())).await;
    for (what, changes, status, headers) in [
        ("as in the RFC", &[][..], SWITCHING, ACCEPTED),
        ("no Upgrade", &[("Upgrade", &[][..])], UPGRADE_REQUIRED, UPGRADE),
        ("an Upgrade that contains it", &[("Upgrade", &["xwebsocketx"])], UPGRADE_REQUIRED, UPGRADE),
        ("another Upgrade", &[("Upgrade", &["h2c"])], UPGRADE_REQUIRED, UPGRADE),
        ("Upgrade in capitals", &[("Upgrade", &["WebSocket"])], SWITCHING, ACCEPTED),
        ("a list", &[("Upgrade", &["foo, websocket"])], SWITCHING, ACCEPTED),
        ("several lines", &[("Upgrade", &["foo", "websocket"])], SWITCHING, ACCEPTED),
        ("no Connection", &[("Connection", &[])], BAD_REQUEST, UPGRADE),
        ("a Connection that contains it", &[("Connection", &["notupgrade"])], BAD_REQUEST, UPGRADE),
        ("another Connection", &[("Connection", &["keep-alive"])], BAD_REQUEST, UPGRADE),
        ("Firefox's Connection", &[("Connection", &["keep-alive, Upgrade"])], SWITCHING, ACCEPTED),
        ("Connection in two lines", &[("Connection", &["keep-alive", "upgrade"])], SWITCHING, ACCEPTED),
        ("neither", &[("Upgrade", &[]), ("Connection", &[])], UPGRADE_REQUIRED, UPGRADE),
    ] {
        check(&served, what, &request("/ws", changes), status, headers).await;
    }
}

#[tokio::test]
async fn version_and_key_stand_there_once_and_are_exact() {
    let served = serve(engine(conf())).await;
    const V: &str = "Sec-WebSocket-Version";
    const K: &str = "Sec-WebSocket-Key";
    for (what, name, lines, status, headers) in [
        ("no version", V, &[][..], UPGRADE_REQUIRED, VERSION),
        ("an old version", V, &["8"], UPGRADE_REQUIRED, VERSION),
        ("an empty version", V, &[""], UPGRADE_REQUIRED, VERSION),
        ("a padded version", V, &["013"], UPGRADE_REQUIRED, VERSION),
        ("the version twice", V, &["13", "13"], UPGRADE_REQUIRED, VERSION),
        ("a list of versions", V, &["13, 8"], UPGRADE_REQUIRED, VERSION),
        ("no key", K, &[], BAD_REQUEST, NOTHING),
        ("an empty key", K, &[""], BAD_REQUEST, NOTHING),
        ("the key twice", K, &[KEY, KEY], BAD_REQUEST, NOTHING),
        ("a short key", K, &["dGhlIHNhbXBsZQ=="], BAD_REQUEST, NOTHING),
        ("a key without padding", K, &["dGhlIHNhbXBsZSBub25jZQ"], BAD_REQUEST, NOTHING),
        ("a key that is not base64", K, &["dGhlIHNhbXBsZSBub25jZ-=="], BAD_REQUEST, NOTHING),
        ("a key with trailing bits", K, &["dGhlIHNhbXBsZSBub25jZR=="], BAD_REQUEST, NOTHING),
        ("24 characters of 17 bytes", K, &["dGhlIHNhbXBsZSBub25jZTE="], BAD_REQUEST, NOTHING),
        ("24 characters of 18 bytes", K, &["dGhlIHNhbXBsZSBub25jZTEy"], BAD_REQUEST, NOTHING),
    ] {
        check(&served, what, &request("/ws", &[(name, lines)]), status, headers).await;
    }
}

#[tokio::test]
async fn the_request_is_a_get_of_http_1_1_without_a_body() {
    let served = serve(engine(conf())).await;
    let get = request("/ws", &[]);
    let by_hand = request("/by-hand", &[]).replacen("GET", "POST", 1);
    let (allow_get, allow_head) = (&[("allow", "GET")], &[("allow", "GET, HEAD")]);
    let not_allowed = "HTTP/1.1 405 Method Not Allowed";
    for (what, request, status, headers) in [
        ("POST", get.replacen("GET", "POST", 1), not_allowed, &allow_head[..]),
        ("POST that a route takes", by_hand, not_allowed, allow_get),
        ("HTTP/1.0", get.replacen("HTTP/1.1", "HTTP/1.0", 1), "HTTP/1.0 426 Upgrade Required", UPGRADE),
        ("an empty body", request("/ws", &[("Content-Length", &["0"])]), SWITCHING, ACCEPTED),
        ("a body", request("/ws", &[("Content-Length", &["5"])]) + "hello", BAD_REQUEST, CLOSE),
        (
            "a body in chunks",
            request("/ws", &[("Transfer-Encoding", &["chunked"])]) + "5\r\nhello\r\n0\r\n\r\n",
            BAD_REQUEST,
            CLOSE,
        ),
    ] {
        let mut peer = served.connect().await;
        peer.write(&request).await;
        let answer = peer.head().await;
        assert_eq!((answer.start_line.as_str(), relevant(&answer).as_slice()), (status, headers), "{what}");
    }
}

#[tokio::test]
async fn head_is_answered_as_a_get_that_does_not_upgrade() {
    let server = Server::start(engine(conf())).await;
    let request = Request::builder().method("HEAD").uri("/ws").body(Body::empty()).unwrap();
    let answer = server.connect().await.send(request).await;
    assert_eq!(answer.status, 426);
    assert_eq!(answer.headers["upgrade"], "websocket");
    server.stop().await;
}

#[tokio::test]
async fn the_subprotocol_is_the_first_of_the_clients_that_is_supported() {
    let served = serve(engine(conf())).await;
    let agreed = |name| [ACCEPTED, &[("sec-websocket-protocol", name)]].concat();
    let (v1, v2) = (agreed("chat.v1"), agreed("chat.v2"));
    let sort = |mut headers: Vec<_>| {
        headers.sort_unstable();
        headers
    };
    let (v1, v2) = (sort(v1), sort(v2));
    for (what, path, lines, status, headers) in [
        ("none offered", "/chat", &[][..], SWITCHING, ACCEPTED),
        ("one", "/chat", &["chat.v1"], SWITCHING, &v1),
        ("the client's order", "/chat", &["chat.v1, chat.v2"], SWITCHING, &v1),
        ("over lines", "/chat", &["foo", "chat.v2, chat.v1"], SWITCHING, &v2),
        ("another case is another name", "/chat", &["CHAT.V1"], SWITCHING, ACCEPTED),
        ("unknown", "/chat", &["foo, bar"], SWITCHING, ACCEPTED),
        ("offered where none is supported", "/ws", &["chat.v1"], SWITCHING, ACCEPTED),
        ("empty", "/chat", &[""], BAD_REQUEST, NOTHING),
        ("an empty element", "/chat", &["chat.v1,"], BAD_REQUEST, NOTHING),
        ("not a token", "/chat", &["chat v1"], BAD_REQUEST, NOTHING),
        ("malformed where none is supported", "/ws", &["chat/v1"], BAD_REQUEST, NOTHING),
        ("twice", "/chat", &["chat.v1, chat.v1"], BAD_REQUEST, NOTHING),
        ("twice over lines", "/chat", &["chat.v1", "chat.v1"], BAD_REQUEST, NOTHING),
        ("required and there", "/strict", &["chat.v2"], SWITCHING, &v2),
        ("required and unknown", "/strict", &["foo"], BAD_REQUEST, NOTHING),
        ("required and not offered", "/strict", &[], BAD_REQUEST, NOTHING),
    ] {
        let request = request(path, &[("Sec-WebSocket-Protocol", lines)]);
        check(&served, what, &request, status, headers).await;
    }
}

#[tokio::test]
async fn extensions_are_declined_by_silence_unless_they_cannot_be_read() {
    let served = serve(engine(conf())).await;
    for (what, lines, status, headers) in [
        ("not to be honoured", &["permessage-deflate; server_max_window_bits=8"][..], SWITCHING, ACCEPTED),
        ("unknown", &["x-unknown; a=\"b\", y"], SWITCHING, ACCEPTED),
        ("over lines", &["a", "b; c"], SWITCHING, ACCEPTED),
        ("malformed", &["permessage-deflate; ="], BAD_REQUEST, NOTHING),
        ("malformed in the second line", &["a", "b;"], BAD_REQUEST, NOTHING),
    ] {
        let request = request("/ws", &[("Sec-WebSocket-Extensions", lines)]);
        check(&served, what, &request, status, headers).await;
    }
}

#[tokio::test]
async fn an_extractor_refuses_before_the_101() {
    let served = serve(engine(conf())).await;
    check(&served, "401", &request("/seat", &[]), "HTTP/1.1 401 Unauthorized", NOTHING).await;
}

#[tokio::test]
async fn frames_that_come_with_the_handshake_are_received_after_the_101() {
    let served = serve(engine(conf())).await;
    let mut peer = served.connect().await;
    peer.write([request("/ws", &[]).into_bytes(), text("one"), text("two")].concat()).await;
    assert_eq!(peer.head().await.start_line, SWITCHING);
    assert_eq!(peer.text().await, "one");
    assert_eq!(peer.text().await, "two");
}

#[tokio::test]
async fn bytes_after_a_refused_handshake_are_http_and_never_frames() {
    let served = serve(engine(conf())).await;
    let refused = request("/ws", &[("Sec-WebSocket-Key", &[])]).into_bytes();
    let mut peer = served.connect().await;
    peer.write([refused, masked(0x81, "hello")].concat()).await;
    assert_eq!(peer.head().await.start_line, BAD_REQUEST, "the key is missing");
    let next = peer.head().await;
    assert_eq!(next.start_line, BAD_REQUEST, "a frame is no request");
    assert_eq!(peer.rest().await, []);
}

#[tokio::test]
async fn a_request_pipelined_behind_a_refused_handshake_is_answered() {
    let served = serve(engine(conf())).await;
    let refused = request("/ws", &[("Sec-WebSocket-Version", &["8"])]);
    let mut peer = served.connect().await;
    peer.write(refused + &request("/ws", &[])).await;
    assert_eq!(peer.head().await.start_line, UPGRADE_REQUIRED);
    assert_eq!(peer.head().await.start_line, SWITCHING, "the second handshake is judged anew");
    peer.write(text("hello")).await;
    assert_eq!(peer.text().await, "hello");
}

#[tokio::test]
async fn a_stopping_engine_takes_no_new_sockets() {
    // given an engine that still accepts connections, but is about to stop
    let mut conf = conf();
    conf.shutdown.wrap_up_time = std::time::Duration::from_secs(60);
    let served = serve(engine(conf)).await;
    let mut peer = served.connect().await;
    let addr = served.addr;
    drop(served.stop());
    loop {
        peer.write("GET /ready HTTP/1.1\r\nHost: example.com\r\n\r\n").await;
        if peer.head().await.start_line == "HTTP/1.1 503 Service Unavailable" {
            break;
        }
    }
    for mut peer in [peer, Peer::client(tokio::net::TcpStream::connect(addr).await.unwrap())] {
        // when a client comes
        peer.write(request("/ws", &[])).await;
        // then it is sent away
        let answer = peer.head().await;
        assert_eq!(answer.start_line, "HTTP/1.1 503 Service Unavailable");
        assert_eq!(relevant(&answer), [("connection", "close"), ("retry-after", "1")]);
        assert_eq!(peer.rest().await, []);
    }
}

#[tokio::test]
async fn a_request_whose_connection_cannot_be_upgraded_is_answered_426() {
    let mut service = engine(conf()).into_service().unwrap();
    let request = http::Request::get("/ws")
        .header("host", "example.com")
        .header("upgrade", "websocket")
        .header("connection", "upgrade")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", KEY);
    let response = service.call(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::UPGRADE_REQUIRED);
    assert_eq!(response.headers()["upgrade"], "websocket");
    assert_eq!(response.headers()["connection"], "upgrade");
}
