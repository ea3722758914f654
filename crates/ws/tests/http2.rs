//! WebSockets on streams of an HTTP/2 connection, by a client that speaks frames of HTTP/2: RFC 8441.

use bytes::Bytes;
use h2::client::{self, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::request::Parts;
use rest::extract::{FromRequestParts, State};
use rest::{Engine, Method, Request, Response, Route, StatusCode, Upgrade};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use ws::{Error, HandshakeError, Upgrader, WebSocket, WsConf};

use crate::support::{Frame, Peer, Served, conf, masked, serve, text};

type Heard = mpsc::UnboundedSender<String>;

/// Says everything back, after the version of HTTP.
async fn echo(mut socket: WebSocket, parts: Parts) -> Result<(), Error> {
    socket.send(format!("{:?} {}", parts.version, socket.subprotocol().unwrap_or("-"))).await?;
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

async fn by_hand(upgrade: Upgrade, parts: Parts) -> Result<Response, HandshakeError> {
    let greet = |mut socket: WebSocket| async move { socket.send("by hand").await };
    Upgrader::default().upgrade(&parts, upgrade, greet)
}

/// Who has a seat; nobody has.
struct Seat;

impl<S: Sync> FromRequestParts<S> for Seat {
    type Rejection = StatusCode;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        Err(StatusCode::UNAUTHORIZED)
    }
}

async fn seated(socket: WebSocket, _: Seat) -> Result<(), Error> {
    never_reads(socket).await
}

async fn never_reads(mut socket: WebSocket) -> Result<(), Error> {
    socket.send("hello").await?;
    std::future::pending().await
}

async fn floods(mut socket: WebSocket, State(heard): State<Heard>) -> Result<(), Error> {
    let end = loop {
        if let Err(error) = socket.send("x".repeat(50_000)).await {
            break error;
        }
    };
    heard.send(end.to_string()).expect("the test listens");
    Err(end)
}

async fn tells_its_end(mut socket: WebSocket, State(heard): State<Heard>) -> Result<(), Error> {
    socket.send("hello").await?;
    let end = socket.recv().await.map(drop);
    heard.send(end.as_ref().map_or_else(Error::to_string, |()| "well".to_owned())).expect("the test listens");
    end
}

async fn says_what_it_is(request: Request) -> String {
    format!("{} {:?}", request.method(), request.version())
}

async fn start() -> (Served, mpsc::UnboundedReceiver<String>) {
    let (heard, told) = mpsc::unbounded_channel();
    let chat = Upgrader::default().subprotocols(["chat.v2", "chat.v1"]);
    let one_on_a_route = WsConf { max_connections_per_route: 1, ..WsConf::default() };
    let one_of_an_address = WsConf { max_connections_per_ip: 1, ..WsConf::default() };
    let mut engine = Engine::with_state(conf(), heard);
    engine
        .add_route(chat.clone().route("/ws", echo))
        .add_route(chat.require_subprotocol().route("/strict", echo))
        .add_route(Upgrader::new(one_on_a_route).route("/full", never_reads))
        .add_route(Upgrader::new(one_of_an_address).route("/mine", never_reads))
        .add_route(ws::route("/seat", seated))
        .add_route(Route::get("/by-hand", by_hand))
        .add_route(ws::route("/never-reads", never_reads))
        .add_route(ws::route("/floods", floods))
        .add_route(ws::route("/tells-its-end", tells_its_end))
        .add_route(Route::get("/page", says_what_it_is))
        .add_route(Route::post("/form", says_what_it_is));
    (serve(engine).await, told)
}

/// A client with one connection.
struct Http2 {
    requests: SendRequest<Bytes>,
}

impl Http2 {
    async fn connect(served: &Served) -> Self {
        let stream = TcpStream::connect(served.addr).await.expect("the engine listens");
        let mut builder = client::Builder::new();
        builder.initial_connection_window_size(16 << 20);
        let (requests, connection) = builder.handshake(stream).await.expect("the engine speaks HTTP/2");
        tokio::spawn(connection);
        let mut http2 = Self { requests };
        // The server's settings come before any answer of it.
        assert_eq!(http2.send(request(Method::GET, "/page", &[])).await.0.status(), StatusCode::OK);
        assert!(http2.requests.is_extended_connect_protocol_enabled(), "the settings say so");
        http2
    }

    /// Sends a request that does not end its stream yet; GET and POST do.
    async fn send(&mut self, request: http::Request<()>) -> (http::Response<RecvStream>, SendStream<Bytes>) {
        let ends = request.method() != Method::CONNECT;
        let requests = self.requests.clone().ready().await.expect("the connection is open");
        self.requests = requests;
        let (answer, stream) = self.requests.send_request(request, ends).expect("the request is sent");
        (answer.await.expect("an answer"), stream)
    }

    /// Opens a WebSocket, as a peer that reads and writes its frames.
    async fn open(&mut self, path: &str) -> Peer<DuplexStream> {
        let (answer, outbound) = self.send(handshake(path, VERSION)).await;
        assert_eq!(answer.status(), StatusCode::OK);
        Peer::client(carry(answer.into_body(), outbound))
    }
}

fn request(method: Method, path: &str, headers: &[(&str, &str)]) -> http::Request<()> {
    let mut request = http::Request::builder().method(method).uri(format!("http://example.com{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a request")
}

fn handshake(path: &str, headers: &[(&str, &str)]) -> http::Request<()> {
    let mut request = request(Method::CONNECT, path, headers);
    request.extensions_mut().insert(h2::ext::Protocol::from_static("websocket"));
    request
}

/// A pipe whose other end are the two directions of a stream.
fn carry(mut inbound: RecvStream, mut outbound: SendStream<Bytes>) -> DuplexStream {
    let (near, far) = duplex(64 << 10);
    let (mut from_near, mut to_near) = tokio::io::split(far);
    tokio::spawn(async move {
        while let Some(Ok(data)) = inbound.data().await {
            inbound.flow_control().release_capacity(data.len()).expect("as much as came");
            if to_near.write_all(&data).await.is_err() {
                return;
            }
        }
        let _ = to_near.shutdown().await;
    });
    tokio::spawn(async move {
        let mut piece = vec![0; 16 << 10];
        while let Ok(n @ 1..) = from_near.read(&mut piece).await {
            outbound.send_data(Bytes::copy_from_slice(&piece[..n]), false).expect("the stream is open");
        }
        let _ = outbound.send_data(Bytes::new(), true);
    });
    near
}

const VERSION: &[(&str, &str)] = &[("sec-websocket-version", "13")];

/// What of an answer's headers belongs to the handshake, sorted.
fn relevant(answer: &http::Response<RecvStream>) -> Vec<(&str, &str)> {
    let ours = ["allow", "connection", "retry-after", "upgrade"];
    let headers = answer.headers().iter();
    let mut headers = headers.map(|(n, v)| (n.as_str(), v.to_str().expect("ASCII"))).collect::<Vec<_>>();
    headers.retain(|(name, _)| ours.contains(name) || name.starts_with("sec-websocket"));
    headers.sort_unstable();
    headers
}

#[tokio::test]
async fn a_route_is_the_same_on_a_stream() {
    let (served, _) = start().await;
    let mut http2 = Http2::connect(&served).await;
    let (answer, outbound) = http2.send(handshake("/ws", VERSION)).await;
    assert_eq!((answer.status(), relevant(&answer)), (StatusCode::OK, vec![]));

    let mut peer = Peer::client(carry(answer.into_body(), outbound));

    assert_eq!(peer.text().await, "HTTP/2.0 -");
    let long = "long ".repeat(13_000);
    for said in ["hello", &long, ""] {
        peer.send(Frame::text(said)).await;
        assert_eq!(peer.text().await, said);
    }
    peer.write(masked(0x88, [0x03, 0xe8])).await;
    assert_eq!(peer.closed().await, (1000, String::new()));
    assert_eq!(peer.rest().await, [], "the server ends the stream");
    assert_eq!(http2.open("/by-hand").await.text().await, "by hand", "on the same connection");
}

#[tokio::test]
async fn a_handshake_is_judged_as_on_http_1_1_row_for_row() {
    let (served, _) = start().await;
    let mut http2 = Http2::connect(&served).await;
    let with = |name, value| vec![VERSION[0], (name, value)];
    let (ok, bad) = (StatusCode::OK, StatusCode::BAD_REQUEST);
    let want_13: &[_] = &[("sec-websocket-version", "13")];
    let v1: &[_] = &[("sec-websocket-protocol", "chat.v1")];
    let agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    let deflate: &[_] = &[("sec-websocket-extensions", agreed)];
    let later: &[_] = &[("retry-after", "5")];
    let _first = [http2.open("/full").await, http2.open("/mine").await];
    for (what, path, headers, status, expected) in [
        ("no version", "/ws", vec![], bad, want_13),
        ("an old version", "/ws", vec![("sec-websocket-version", "8")], bad, want_13),
        ("the version twice", "/ws", with("sec-websocket-version", "13"), bad, want_13),
        ("a key, which means nothing", "/ws", with("sec-websocket-key", "x"), ok, &[]),
        ("a page of this host", "/ws", with("origin", "http://example.com"), ok, &[]),
        ("a page of another host", "/ws", with("origin", "http://evil.example"), StatusCode::FORBIDDEN, &[]),
        (
            "a page of another port",
            "/ws",
            with("origin", "http://example.com:81"),
            StatusCode::FORBIDDEN,
            &[],
        ),
        ("two origins", "/ws", [VERSION, ORIGINS].concat(), StatusCode::FORBIDDEN, &[]),
        ("a subprotocol", "/ws", with("sec-websocket-protocol", "chat.v1, chat.v2"), ok, v1),
        ("an unknown subprotocol", "/ws", with("sec-websocket-protocol", "foo"), ok, &[]),
        ("a malformed subprotocol", "/ws", with("sec-websocket-protocol", "chat.v1,"), bad, &[]),
        ("no subprotocol where one is required", "/strict", VERSION.to_vec(), bad, &[]),
        ("compression", "/ws", with("sec-websocket-extensions", "permessage-deflate"), ok, deflate),
        ("an unknown extension", "/ws", with("sec-websocket-extensions", "x-unknown"), ok, &[]),
        ("a malformed extension", "/ws", with("sec-websocket-extensions", "a;"), bad, &[]),
        ("an extractor's refusal", "/seat", VERSION.to_vec(), StatusCode::UNAUTHORIZED, &[]),
        ("one too many on a route", "/full", VERSION.to_vec(), StatusCode::SERVICE_UNAVAILABLE, later),
        ("one too many of an address", "/mine", VERSION.to_vec(), StatusCode::TOO_MANY_REQUESTS, later),
        ("an unknown path", "/no", VERSION.to_vec(), StatusCode::NOT_FOUND, &[]),
        ("a page", "/page", VERSION.to_vec(), StatusCode::METHOD_NOT_ALLOWED, &[("allow", "GET")]),
        ("a form", "/form", VERSION.to_vec(), StatusCode::METHOD_NOT_ALLOWED, &[("allow", "POST")]),
    ] {
        let (answer, _) = http2.send(handshake(path, &headers)).await;
        assert_eq!((answer.status(), relevant(&answer)), (status, expected.to_vec()), "{what}");
    }
}

const ORIGINS: &[(&str, &str)] = &[("origin", "http://example.com"), ("origin", "http://example.com")];

#[tokio::test]
async fn another_method_or_protocol_opens_nothing() {
    let (served, _) = start().await;
    let mut http2 = Http2::connect(&served).await;

    let (answer, _) = http2.send(request(Method::GET, "/ws", VERSION)).await;
    let allow = vec![("allow", "CONNECT")];
    assert_eq!((answer.status(), relevant(&answer)), (StatusCode::METHOD_NOT_ALLOWED, allow), "GET");

    let (answer, _) = http2.send(request(Method::POST, "/ws", VERSION)).await;
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "POST");

    let mut udp = request(Method::CONNECT, "/ws", VERSION);
    udp.extensions_mut().insert(h2::ext::Protocol::from_static("connect-udp"));
    let (answer, _) = http2.send(udp).await;
    assert_eq!((answer.status(), relevant(&answer)), (StatusCode::NOT_IMPLEMENTED, vec![]), "connect-udp");

    let mut plain = http::Request::connect("example.com:80").body(()).expect("a request");
    *plain.version_mut() = http::Version::HTTP_2;
    let (answer, _) = http2.send(plain).await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND, "CONNECT to a host");
}

#[tokio::test]
async fn streams_that_the_server_does_not_read_keep_no_other_waiting() {
    let (served, _) = start().await;
    let mut http2 = Http2::connect(&served).await;
    let mut stuck = Vec::new();
    for _ in 0..20 {
        let (answer, mut outbound) = http2.send(handshake("/never-reads", VERSION)).await;
        assert_eq!(answer.status(), StatusCode::OK);
        // More than a stream may have on the way: it fills its window.
        let messages = masked(0x82, vec![0; 60_000]).repeat(4);
        outbound.send_data(messages.into(), false).expect("the stream is open");
        stuck.push((answer, outbound));
    }

    let mut peer = http2.open("/ws").await;

    assert_eq!(peer.text().await, "HTTP/2.0 -");
    for round in 0..20 {
        let said = format!("{round} {}", "x".repeat(50_000));
        peer.write(text(&said)).await;
        assert_eq!(peer.text().await, said);
    }
}

#[tokio::test]
async fn a_stream_that_its_client_does_not_read_keeps_no_other_waiting() {
    let (served, mut told) = start().await;
    let mut http2 = Http2::connect(&served).await;
    let (mut flooded, outbound) = http2.send(handshake("/floods", VERSION)).await;
    let mut came = 0;
    while came < 65_535 {
        let data = flooded.body_mut().data().await.expect("the flood goes on").expect("and well");
        came += data.len(); // and is not released: the window is used up
    }

    let mut peer = http2.open("/ws").await;

    assert_eq!(peer.text().await, "HTTP/2.0 -");
    peer.write(text("hello")).await;
    assert_eq!(peer.text().await, "hello");
    drop((flooded, outbound)); // which resets it
    assert_eq!(told.recv().await.as_deref(), Some("the connection broke"));
}

#[tokio::test]
async fn a_stream_that_is_reset_is_a_connection_that_is_lost() {
    let (served, mut told) = start().await;
    let mut http2 = Http2::connect(&served).await;
    for (reason, end) in
        [(Reason::CANCEL, "the peer went without a close"), (Reason::INTERNAL_ERROR, "the connection broke")]
    {
        let (mut answer, mut outbound) = http2.send(handshake("/tells-its-end", VERSION)).await;
        answer.body_mut().data().await.expect("a frame").expect("that came well");

        outbound.send_reset(reason);

        assert_eq!(told.recv().await.as_deref(), Some(end), "{reason:?}");
    }
    assert_eq!(http2.open("/ws").await.text().await, "HTTP/2.0 -", "the connection lives on");
}

/// CVE-2023-44487: what is cheap for a client to begin and to give up.
#[tokio::test]
async fn streams_that_are_reset_as_soon_as_they_are_opened_leave_nothing_behind() {
    let (served, _told) = start().await;
    let (mut other, flood) = (Http2::connect(&served).await, Http2::connect(&served).await);
    let mut count = 0;
    while count < 5000 {
        // The server may have had enough of it.
        let Ok(mut ready) = flood.requests.clone().ready().await else { break };
        let Ok((_, mut stream)) = ready.send_request(handshake("/full", VERSION), false) else { break };
        stream.send_reset(Reason::CANCEL);
        count += 1;
    }
    assert!(count >= 20, "{count} streams");
    assert_eq!(other.open("/ws").await.text().await, "HTTP/2.0 -", "another connection is served");

    // Whoever was let in is noticed to be gone, and the route's only place is free again.
    loop {
        let (answer, _stream) = other.send(handshake("/full", VERSION)).await;
        if answer.status() == StatusCode::OK {
            break;
        }
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}

#[tokio::test]
async fn an_engine_that_stops_closes_the_sockets_of_a_connection_and_then_the_connection() {
    let (served, mut told) = start().await;
    let mut http2 = Http2::connect(&served).await;
    let (mut one, mut two) = (http2.open("/tells-its-end").await, http2.open("/ws").await);
    assert_eq!((one.text().await, two.text().await), ("hello".to_owned(), "HTTP/2.0 -".to_owned()));

    let stopped = served.stop();

    assert_eq!(one.closed().await, (1001, "the server is stopping".to_owned()));
    assert_eq!(two.closed().await, (1001, "the server is stopping".to_owned()));
    assert_eq!((one.rest().await, two.rest().await), (vec![], vec![]));
    stopped.await;
    assert!(told.recv().await.is_some());
    assert!(http2.requests.ready().await.is_err(), "the connection has ended");
}
