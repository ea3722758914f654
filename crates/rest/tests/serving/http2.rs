use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rest::extract::State;
use rest::{Body, Engine, Request, Route, Upgrade, header};
use tokio::io::{AsyncRead, AsyncWrite};
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
