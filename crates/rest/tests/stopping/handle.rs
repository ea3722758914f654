//! Stopping a server from elsewhere than a signal.

use std::sync::Arc;

use rest::extract::State;
use rest::{Engine, RestConf, Route};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::support::client::Client;
use crate::support::{conf, within};

fn local() -> RestConf {
    RestConf { host: "127.0.0.1".to_owned(), port: 0, ..conf() }
}

#[tokio::test]
async fn stop_returns_when_the_server_has_stopped() {
    let mut engine = Engine::new(local());
    engine.add_route(Route::get("/", async || "Hello!"));
    let server = engine.bind().await.unwrap();
    let (addr, stop) = (server.addr(), server.stop_handle());
    let running = tokio::spawn(server.start());
    let mut client = Client::connect(addr).await;
    assert_eq!(client.get("/").await.body, "Hello!");
    assert!(!stop.is_stopped());

    within("it stops", stop.stop()).await;

    assert!(stop.is_stopped());
    assert_eq!(client.closed().await, "");
    assert!(TcpStream::connect(addr).await.is_err(), "nobody listens");
    running.await.unwrap().unwrap();
    within("a second stop is done already", stop.stop()).await;
}

#[tokio::test]
async fn a_server_that_was_never_started_has_stopped_once_it_is_dropped() {
    let server = Engine::new(local()).bind().await.unwrap();
    let stop = server.stop_handle();
    drop(server);
    within("it stops", stop.stop()).await;
}

#[tokio::test]
async fn whoever_drops_the_server_drops_its_requests() {
    let begun = Arc::new(Notify::new());
    let mut engine = Engine::with_state(local(), begun.clone());
    engine.add_route(Route::get("/", async |State(begun): State<Arc<Notify>>| {
        begun.notify_one();
        std::future::pending::<()>().await;
    }));
    let server = engine.bind().await.unwrap();
    let addr = server.addr();
    let running = tokio::spawn(server.start());
    let mut client = Client::connect(addr).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    begun.notified().await;

    running.abort();

    assert_eq!(client.closed().await, "");
}
