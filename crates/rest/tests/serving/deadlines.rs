use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use rest::extract::{Json, State};
use rest::{Body, Engine, RestConf, Route};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::http2;
use crate::support::client::Client;
use crate::support::{FOREVER, Running, conf, within};

const SHORT: Duration = Duration::from_millis(100);

async fn running(header_timeout: Duration, idle_timeout: Duration) -> Running {
    let mut engine = Engine::new(RestConf { header_timeout, idle_timeout, ..conf() });
    engine.add_route(Route::get("/", || async { "Hello!" }));
    Running::start(engine).await
}

#[tokio::test]
async fn a_connection_that_sends_nothing_is_cut_after_the_header_timeout() {
    let running = running(SHORT, FOREVER).await;
    let begin = Instant::now();
    let mut client = Client::connect(running.addr).await;

    assert_eq!(client.closed().await, "");

    assert!(begin.elapsed() >= SHORT, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_after_the_header_timeout() {
    let running = running(SHORT, FOREVER).await;

    for head in ["G", "GET / HTTP/1.1\r\nHost: localhost\r\n", "PRI * HTTP/2.0\r\n"] {
        let begin = Instant::now();
        let mut client = Client::connect(running.addr).await;
        client.send(head).await;

        assert_eq!(client.closed().await, "", "{head:?}");
        assert!(begin.elapsed() >= SHORT, "{head:?}: {:?}", begin.elapsed());
    }
}

#[tokio::test]
async fn the_head_of_a_later_request_has_the_header_timeout_too() {
    let running = running(SHORT, FOREVER).await;
    let mut client = Client::connect(running.addr).await;
    client.get("/").await;

    client.send("GET / HTTP/1.1\r\n").await;

    assert_eq!(client.closed().await, "");
}

#[tokio::test]
async fn an_idle_connection_is_cut_after_the_idle_timeout() {
    let running = running(FOREVER, SHORT).await;
    let mut client = Client::connect(running.addr).await;
    let begin = Instant::now();
    assert_eq!(client.get("/").await.status, 200);

    assert_eq!(client.closed().await, "");

    assert!(begin.elapsed() >= SHORT, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn an_idle_http2_connection_is_cut_after_the_idle_timeout() {
    let running = running(FOREVER, SHORT).await;
    let mut sender = http2::connect(TcpStream::connect(running.addr).await.unwrap()).await;
    http2::get(&mut sender, "http://localhost/").await;

    within("the connection is closed", async {
        while sender.ready().await.is_ok() {
            sleep(SHORT / 10).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_request_that_is_worked_on_is_not_cut() {
    let (begun, gate) = <(Arc<Notify>, Arc<Notify>)>::default();
    let conf = RestConf { header_timeout: SHORT, idle_timeout: SHORT, ..conf() };
    let mut engine = Engine::with_state(conf, (begun.clone(), gate.clone()));
    engine.add_route(Route::get("/", |State((begun, gate)): State<(Arc<Notify>, Arc<Notify>)>| async move {
        begun.notify_one();
        gate.notified().await;
        "done"
    }));
    let running = Running::start(engine).await;
    let mut client = Client::connect(running.addr).await;
    client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    begun.notified().await;

    // Another one that is cut, twice, shows that both times have passed.
    for _ in 0..2 {
        Client::connect(running.addr).await.closed().await;
    }
    gate.notify_one();

    assert_eq!(client.reply().await.body, "done");
    assert_eq!(client.closed().await, "", "idle after that");
}

#[tokio::test]
async fn a_response_that_is_read_slowly_is_not_cut() {
    const MEGABYTE: usize = 1 << 20;
    let conf = RestConf { idle_timeout: SHORT, ..conf() };
    let mut engine = Engine::new(conf);
    // At once in hyper's hands, and for long in the socket's.
    engine.add_route(Route::get("/", || async { Bytes::from(vec![b'x'; 32 * MEGABYTE]) }));
    let running = Running::start(engine).await;
    let mut client = Client::connect(running.addr).await;
    client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;

    let mut count = 0;
    let head = client.line().await;
    assert!(head.contains("200"), "{head}");
    while !client.line().await.is_empty() {}
    while count < 32 * MEGABYTE {
        sleep(SHORT / 2).await; // not to wait for anything: it is how slowly this client reads
        count += client.read(MEGABYTE).await.len();
    }
}

#[tokio::test]
async fn times_of_zero_and_beyond_the_clock_are_no_limits() {
    for limit in [Duration::ZERO, Duration::MAX] {
        let running = running(limit, limit).await;
        let mut client = Client::connect(running.addr).await;

        assert_eq!(client.get("/").await.body, "Hello!", "{limit:?}");
        assert_eq!(client.get("/").await.body, "Hello!", "{limit:?}");
    }
}

/// A response that never ends, and tells when it is dropped.
fn endless(conf: RestConf) -> (Engine, Arc<Notify>) {
    struct Told(Arc<Notify>);

    impl Drop for Told {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }

    let dropped = Arc::new(Notify::new());
    let mut engine = Engine::with_state(conf, ());
    let told = dropped.clone();
    engine.add_route(Route::get("/", async move || {
        let told = Told(told.clone());
        let chunks = stream::repeat_with(move || {
            let _ = &told;
            Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 16 << 10]))
        });
        Body::from_stream(chunks)
    }));
    (engine, dropped)
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut_after_the_write_timeout() {
    let (engine, dropped) = endless(RestConf { write_timeout: SHORT, ..conf() });
    let metrics = engine.metrics();
    let running = Running::start(engine).await;
    let begin = Instant::now();
    let mut client = Client::connect(running.addr).await;
    client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;

    within("the response is dropped", dropped.notified()).await;

    assert!(begin.elapsed() >= SHORT, "{:?}", begin.elapsed());
    assert!(metrics.text().contains("http_server_connections_stalled_total 1\n"), "{}", metrics.text());
}

#[tokio::test]
async fn a_client_that_gives_no_window_is_cut_after_the_write_timeout() {
    let (engine, dropped) = endless(RestConf { write_timeout: SHORT, ..conf() });
    let running = Running::start(engine).await;
    let mut sender = http2::connect(TcpStream::connect(running.addr).await.unwrap()).await;
    let request = http::Request::get("http://localhost/").body(Body::empty()).unwrap();
    let _unread = sender.send_request(request).await.unwrap();

    within("the response is dropped", dropped.notified()).await;
}

#[tokio::test]
async fn a_response_that_has_nothing_to_send_is_not_cut() {
    let gate = Arc::new(Notify::new());
    let mut engine = Engine::with_state(RestConf { write_timeout: SHORT, ..conf() }, gate.clone());
    engine.add_route(Route::get("/", async |State(gate): State<Arc<Notify>>| {
        let last = async move {
            gate.notified().await;
            Ok::<_, Infallible>("done")
        };
        Body::from_stream(stream::iter([Ok("begun")]).chain(stream::once(last)))
    }));
    let running = Running::start(engine).await;
    let mut client = Client::connect(running.addr).await;
    client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!(client.reply().await.status, 200);
    assert_eq!((client.line().await.as_str(), client.line().await.as_str()), ("5", "begun"));

    sleep(SHORT * 3).await; // not to wait for anything: it is how long nothing is sent
    gate.notify_one();

    assert_eq!((client.line().await.as_str(), client.line().await.as_str()), ("4", "done"));
}

#[tokio::test]
async fn a_body_that_pauses_is_an_error_after_the_body_timeout() {
    let mut engine = Engine::new(RestConf { body_timeout: SHORT, ..conf() });
    engine.add_route(Route::post("/", async |Json(number): Json<u8>| Json(number)));
    let running = Running::start(engine).await;
    let mut client = Client::connect(running.addr).await;
    client.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n1").await;

    let reply = client.reply().await;

    assert_eq!(reply.status, 408, "{reply:?}");
    assert!(reply.body.contains("the body has paused for too long"), "{reply:?}");
    assert_eq!(client.closed().await, "");
}
