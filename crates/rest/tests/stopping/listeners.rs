//! What a program does while its engine stops.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rest::conf::ShutdownConf;
use rest::{Engine, Readiness, RestConf, Route};
use tokio::sync::Notify;

use crate::support::client::Client;
use crate::support::log::Log;
use crate::support::{FOREVER, Running, conf, within};

const SHORT: Duration = Duration::from_millis(200);

async fn is_ready(readiness: Readiness) -> String {
    readiness.is_ready().to_string()
}

fn engine() -> Engine {
    let mut engine = Engine::new(conf());
    engine.add_route(Route::get("/", is_ready));
    engine
}

#[tokio::test]
async fn wrap_up_listeners_hold_the_listener_open() {
    let (begun, gate) = <(Arc<Notify>, Arc<Notify>)>::default();
    let mut engine = engine();
    let (begins, opens) = (begun.clone(), gate.clone());
    engine.add_wrap_up_listener(|| async move {
        begins.notify_one();
        opens.notified().await;
    });
    let running = Running::start(engine).await;
    let addr = running.addr;
    assert_eq!(Client::connect(addr).await.get("/").await.body, "true");

    let stopped = running.stop();
    within("the listener runs", begun.notified()).await;
    assert_eq!(Client::connect(addr).await.get("/").await.body, "false", "served, and not ready");
    gate.notify_one();

    stopped.await;
}

#[tokio::test]
async fn shutdown_listeners_run_when_the_last_request_is_answered() {
    let (begun, gate) = <(Arc<Notify>, Arc<Notify>)>::default();
    let said = Arc::new(Mutex::new(Vec::new()));
    let mut engine = Engine::new(conf());
    let handler = {
        let (begun, gate, said) = (begun.clone(), gate.clone(), said.clone());
        async move || {
            begun.notify_one();
            gate.notified().await;
            said.lock().unwrap().push("request");
        }
    };
    engine.add_route(Route::get("/", handler));
    let says = said.clone();
    engine.add_shutdown_listener(|| async move { says.lock().unwrap().push("shutdown") });
    let says = said.clone();
    engine.add_wrap_up_listener(|| async move {
        says.lock().unwrap().push("wrap up");
        gate.notify_one();
    });
    let running = Running::start(engine).await;
    let mut client = Client::connect(running.addr).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    begun.notified().await;

    running.stop().await;

    assert_eq!(*said.lock().unwrap(), ["wrap up", "request", "shutdown"]);
}

#[tokio::test]
async fn a_listener_that_panics_harms_no_other() {
    let (log, _guard) = Log::capture();
    let said = Arc::new(Mutex::new(Vec::new()));
    let mut engine = engine();
    let says = said.clone();
    engine
        .add_shutdown_listener(|| async { panic!("no database") })
        .add_shutdown_listener(|| -> std::future::Ready<()> { panic!("not even a future") })
        .add_shutdown_listener(|| async move { says.lock().unwrap().push("the other") });

    Running::start(engine).await.stop().await;

    assert_eq!(*said.lock().unwrap(), ["the other"]);
    assert!(log.text().contains("no database") && log.text().contains("not even a future"), "{}", log.text());
}

#[tokio::test]
async fn listeners_that_hang_are_dropped_when_time_is_up() {
    let shutdown = ShutdownConf { wrap_up_time: Duration::ZERO, wait_time: SHORT };
    let mut engine = Engine::new(RestConf { shutdown, ..conf() });
    engine.add_wrap_up_listener(|| tokio::time::sleep(FOREVER));
    engine.add_shutdown_listener(|| tokio::time::sleep(FOREVER));

    Running::start(engine).await.stop().await;
}
