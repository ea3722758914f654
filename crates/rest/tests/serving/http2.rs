use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rest::extract::State;
use rest::middleware::from_fn;
use rest::{Body, Engine, Method, Protocol, Request, RestConf, Route, Upgrade, header};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Barrier;

use crate::support::{Running, conf, within};

/// Speaks HTTP/2 at once, without asking.
pub(super) async fn connect<T>(io: T) -> SendRequest<Body>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(io)).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// The answer to GET, as in `HTTP/2.0 200 Hello!`.
pub(super) async fn get(sender: &mut SendRequest<Body>, uri: &str) -> String {
    let request = Request::get(uri).body(Body::empty()).unwrap();
    let response = within("a response", sender.send_request(request)).await.unwrap();
    let (version, status) = (response.version(), response.status().as_u16());
    let body = within("a body", response.into_body().collect()).await.unwrap().to_bytes();
    format!("{version:?} {status} {}", String::from_utf8_lossy(&body)).trim_end().to_owned()
}

#[tokio::test]
async fn http2_is_spoken_without_asking() {
    let mut engine = Engine::new(conf());
    engine.add_route(Route::get("/", || async { "Hello!" }));
    let running = Running::start(engine).await;
    let mut sender = connect(TcpStream::connect(running.addr).await.unwrap()).await;

    assert_eq!(get(&mut sender, "http://localhost/").await, "HTTP/2.0 200 Hello!");
    assert_eq!(get(&mut sender, "http://localhost/no").await, "HTTP/2.0 404 404 page not found");
}

#[tokio::test]
async fn requests_on_one_connection_run_side_by_side() {
    let mut engine = Engine::with_state(conf(), Arc::new(Barrier::new(3)));
    engine.add_route(Route::get("/", |State(all): State<Arc<Barrier>>| async move {
        all.wait().await; // until all three are here
    }));
    let running = Running::start(engine).await;
    let sender = connect(TcpStream::connect(running.addr).await.unwrap()).await;

    let [mut a, mut b, mut c] = [sender.clone(), sender.clone(), sender];
    let uri = "http://localhost/";
    let answers = tokio::join!(get(&mut a, uri), get(&mut b, uri), get(&mut c, uri));

    let ok = || "HTTP/2.0 200".to_owned();
    assert_eq!(answers, (ok(), ok(), ok()));
}

#[tokio::test]
async fn an_engine_that_stops_lets_http2_requests_finish() {
    let reached = Arc::new(Barrier::new(2));
    let mut engine = Engine::with_state(conf(), reached.clone());
    engine.add_route(Route::get("/", |State(reached): State<Arc<Barrier>>| async move {
        reached.wait().await;
        reached.wait().await;
        "done"
    }));
    let running = Running::start(engine).await;
    let mut sender = connect(TcpStream::connect(running.addr).await.unwrap()).await;

    let request = tokio::spawn(async move { get(&mut sender, "http://localhost/").await });
    reached.wait().await;
    let stopped = running.stop();
    reached.wait().await;

    assert_eq!(request.await.unwrap(), "HTTP/2.0 200 done");
    stopped.await;
}

#[tokio::test]
async fn an_upgrade_is_refused_on_http2() {
    let mut engine = Engine::new(conf());
    engine.add_route(Route::get("/", |upgrade: Upgrade| async {
        upgrade.on_upgrade(header::HeaderMap::new(), |_, _| async {})
    }));
    let running = Running::start(engine).await;
    let mut sender = connect(TcpStream::connect(running.addr).await.unwrap()).await;

    let answer = get(&mut sender, "http://localhost/").await;

    assert_eq!(answer, "HTTP/2.0 426 this route needs a connection that can be upgraded");
}

/// Says everything back.
async fn mirror(upgrade: Upgrade) -> rest::Response {
    upgrade.on_upgrade(header::HeaderMap::new(), |connection, _| async {
        let (mut read, mut write) = tokio::io::split(connection);
        let _ = tokio::io::copy(&mut read, &mut write).await;
        let _ = write.shutdown().await;
    })
}

/// Opens a stream by extended CONNECT, RFC 8441; an error is the status that refuses it.
async fn open(
    sender: &mut SendRequest<Body>,
    uri: &str,
) -> Result<impl AsyncRead + AsyncWrite + Unpin + use<>, u16> {
    let mut request = Request::builder().method(Method::CONNECT).uri(uri).body(Body::empty()).unwrap();
    request.extensions_mut().insert(Protocol::from_static("mirror"));
    let response = within("a response", sender.send_request(request)).await.unwrap();
    match response.status().as_u16() {
        200 => Ok(TokioIo::new(hyper::upgrade::on(response).await.unwrap())),
        status => Err(status),
    }
}

async fn ended(sender: &mut SendRequest<Body>) {
    let ended = async {
        while !sender.is_closed() {
            tokio::task::yield_now().await;
        }
    };
    within("the connection ends", ended).await;
}

async fn said_back(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), said: &str) {
    stream.write_all(said.as_bytes()).await.unwrap();
    let mut heard = vec![0; said.len()];
    within("what was said", stream.read_exact(&mut heard)).await.unwrap();
    assert_eq!(heard, said.as_bytes());
}

#[tokio::test]
async fn an_extended_connect_is_an_upgrade_of_its_stream() {
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let mut engine = Engine::new(conf());
    engine.add_route(Route::get("/mirror/:name", mirror));
    engine.add_route(Route::get("/page", || async { "Hello!" }));
    engine.layer(from_fn(move |request: Request, next: rest::middleware::Next| {
        let told = told.clone();
        async move {
            let (method, path) = (request.method().clone(), request.uri().path().to_owned());
            let response = next.run(request).await;
            told.send(format!("{method} {path} {}", response.status().as_u16())).unwrap();
            response
        }
    }));
    let running = Running::start(engine).await;
    let mut sender = connect(TcpStream::connect(running.addr).await.unwrap()).await;

    let mut one = open(&mut sender, "http://localhost/mirror/one").await.ok().unwrap();
    let mut two = open(&mut sender, "http://localhost/mirror/two").await.ok().unwrap();
    said_back(&mut one, "from one").await;
    said_back(&mut two, &"from two ".repeat(100_000)).await;
    assert_eq!(get(&mut sender, "http://localhost/page").await, "HTTP/2.0 200 Hello!", "beside them");
    assert_eq!(open(&mut sender, "http://localhost/page").await.err(), Some(405), "what is no upgrade");
    one.shutdown().await.unwrap();
    assert_eq!(within("the end", one.read(&mut [0])).await.unwrap(), 0, "which ends that stream alone");
    said_back(&mut two, "still there").await;

    let seen = ["CONNECT /mirror/one 200", "CONNECT /mirror/two 200", "GET /page 200", "CONNECT /page 405"];
    for expected in seen {
        assert_eq!(heard.recv().await.as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn a_connection_that_carries_an_upgraded_stream_is_not_idle() {
    let mut engine = Engine::new(RestConf { idle_timeout: Duration::from_millis(200), ..conf() });
    engine.add_route(Route::get("/mirror", mirror));
    engine.add_route(Route::get("/page", || async { "Hello!" }));
    let running = Running::start(engine).await;
    let mut sender = connect(TcpStream::connect(running.addr).await.unwrap()).await;
    let mut stream = open(&mut sender, "http://localhost/mirror").await.ok().unwrap();
    said_back(&mut stream, "hello").await;

    // Idle from later on, and gone: by then the other one would be, too.
    let mut idle = connect(TcpStream::connect(running.addr).await.unwrap()).await;
    get(&mut idle, "http://localhost/page").await;
    ended(&mut idle).await;

    assert_eq!(get(&mut sender, "http://localhost/page").await, "HTTP/2.0 200 Hello!", "no farewell came");
    said_back(&mut stream, "still there").await;
    drop(stream);
    ended(&mut sender).await;
}
