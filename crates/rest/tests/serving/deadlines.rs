use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rest::extract::State;
use rest::{Engine, RestConf, Route};
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
