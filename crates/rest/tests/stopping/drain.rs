//! Requests and connections while the engine stops.

use std::sync::Arc;
use std::time::Duration;

use rest::conf::ShutdownConf;
use rest::extract::State;
use rest::{Engine, Readiness, RestConf, Route, StatusCode};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::support::client::Client;
use crate::support::{FOREVER, Running, conf, within};

const SHORT: Duration = Duration::from_millis(200);

/// When a handler has begun, and when it may end.
#[derive(Clone, Default)]
struct Gate {
    begun: Arc<Notify>,
    open: Arc<Notify>,
}

async fn gated(State(gate): State<Gate>) -> &'static str {
    gate.begun.notify_one();
    gate.open.notified().await;
    "done"
}

async fn healthz(readiness: Readiness) -> StatusCode {
    if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

async fn running(shutdown: ShutdownConf) -> (Running, Gate) {
    let gate = Gate::default();
    let mut engine = Engine::with_state(RestConf { shutdown, ..conf() }, gate.clone());
    engine.add_route(Route::get("/gated", gated)).add_route(Route::get("/healthz", healthz));
    (Running::start(engine).await, gate)
}

/// Waits until nobody listens any more.
async fn refused(addr: std::net::SocketAddr) {
    within("connections are refused", async {
        while TcpStream::connect(addr).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn readiness_goes_off_while_everything_is_still_served() {
    let wrap_up_time = Duration::from_secs(2);
    let (running, _) = running(ShutdownConf { wrap_up_time, wait_time: FOREVER }).await;
    let addr = running.addr;
    let mut old = Client::connect(addr).await;
    assert_eq!(old.get("/healthz").await.status, 200);

    let begin = Instant::now();
    let stopped = running.stop();

    within("readiness is off", async { while old.get("/healthz").await.status != 503 {} }).await;
    assert_eq!(Client::connect(addr).await.get("/healthz").await.status, 503, "on a new connection");
    stopped.await;
    assert!(begin.elapsed() >= wrap_up_time, "{:?}", begin.elapsed());
    refused(addr).await;
}

#[tokio::test]
async fn a_request_in_flight_is_finished_after_the_listener_is_closed() {
    let (running, gate) = running(conf().shutdown).await;
    let addr = running.addr;
    let mut client = Client::connect(addr).await;
    client.send("GET /gated HTTP/1.1\r\nHost: a\r\n\r\n").await;
    gate.begun.notified().await;

    let stopped = running.stop();
    refused(addr).await;
    gate.open.notify_one();

    let reply = client.reply().await;
    assert_eq!((reply.status, &*reply.body), (200, "done"));
    assert_eq!(reply.header("connection"), Some("close"));
    assert_eq!(client.closed().await, "");
    stopped.await;
}

#[tokio::test]
async fn idle_and_silent_connections_are_closed_at_once() {
    let (running, _) = running(conf().shutdown).await;
    let mut silent = Client::connect(running.addr).await;
    let mut idle = Client::connect(running.addr).await;
    // Connections are accepted in order, so that the silent one is in the engine's hands after this.
    assert_eq!(idle.get("/healthz").await.status, 200);

    running.stop().await;

    assert_eq!((idle.closed().await, silent.closed().await), (String::new(), String::new()));
}

#[tokio::test]
async fn a_head_that_never_ends_does_not_hold_the_engine_up() {
    let (running, _) = running(conf().shutdown).await;
    let mut slow = Client::connect(running.addr).await;
    slow.send("GET /healthz HTTP/1.1\r\n").await;
    let mut later = Client::connect(running.addr).await;
    later.get("/healthz").await;

    running.stop().await;

    assert_eq!(slow.closed().await, "");
}

#[tokio::test]
async fn a_handler_that_hangs_is_dropped_at_the_wait_time() {
    let (running, gate) = running(ShutdownConf { wrap_up_time: Duration::ZERO, wait_time: SHORT }).await;
    let mut client = Client::connect(running.addr).await;
    client.send("GET /gated HTTP/1.1\r\nHost: a\r\n\r\n").await;
    gate.begun.notified().await;
    let held = Arc::strong_count(&gate.open);

    let begin = Instant::now();
    running.stop().await;

    assert!(begin.elapsed() >= SHORT, "{:?}", begin.elapsed());
    assert!(Arc::strong_count(&gate.open) < held, "the handler's future is gone");
    assert_eq!(client.closed().await, "");
}

#[tokio::test]
async fn the_wait_time_is_the_end_of_the_wrap_up_time_too() {
    let (running, _) = running(ShutdownConf { wrap_up_time: FOREVER, wait_time: SHORT }).await;

    running.stop().await;
}

#[tokio::test]
async fn a_wait_time_beyond_the_clock_is_no_limit() {
    let times = ShutdownConf { wrap_up_time: Duration::ZERO, wait_time: Duration::MAX };
    let (running, gate) = running(times).await;
    let mut client = Client::connect(running.addr).await;
    client.send("GET /gated HTTP/1.1\r\nHost: a\r\n\r\n").await;
    gate.begun.notified().await;

    let stopped = running.stop();
    gate.open.notify_one();

    assert_eq!(client.reply().await.body, "done");
    stopped.await;
}
