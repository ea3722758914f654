use std::pin::pin;
use std::sync::Arc;

use futures_util::poll;
use http::HeaderMap;
use http_body_util::BodyExt;
use rest::extract::State;
use rest::{Body, Engine, EngineService, RejectedBy, RestConf, Route, RouteGroup, Upgrade};
use tokio::sync::Notify;

use crate::support::client::Client;
use crate::support::{Running, ask, call, conf, request};

type Gate = State<Arc<Notify>>;

/// An engine that works on one request of a route at a time, and its gate, which lets one request through when notified.
fn engine() -> (Engine<Arc<Notify>>, Arc<Notify>) {
    let gate = Arc::new(Notify::new());
    let mut engine = Engine::with_state(RestConf { max_conns: 1, ..conf() }, gate.clone());
    engine.add_route(Route::get("/gated", |State(gate): Gate| async move { gate.notified().await }));
    engine.add_route(Route::get("/body", || async {
        Body::from_stream(futures_util::stream::iter([Ok::<_, std::io::Error>("a"), Ok("b")]))
    }));
    engine.add_route(Route::get("/free", || async {}));
    (engine, gate)
}

fn service() -> (EngineService, Arc<Notify>) {
    let (engine, gate) = engine();
    (engine.into_service().unwrap(), gate)
}

#[tokio::test]
async fn one_request_too_many_is_503_until_one_has_ended() {
    let (service, gate) = service();
    let mut first = pin!(ask(&service, "GET /gated"));
    assert!(poll!(first.as_mut()).is_pending());

    assert_eq!(ask(&service, "GET /gated").await, "503");
    assert_eq!(ask(&service, "GET /free").await, "200", "another route has its own limit");

    gate.notify_one();
    assert_eq!(first.await, "200");
    gate.notify_one();
    assert_eq!(ask(&service, "GET /gated").await, "200");
}

#[tokio::test]
async fn a_request_counts_until_its_body_is_sent() {
    let (service, _) = service();
    let response = call(&service, request("GET /body")).await;

    assert_eq!(ask(&service, "GET /body").await, "503");

    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ab");
    assert_eq!(ask(&service, "GET /body").await, "200 ab");
}

#[tokio::test]
async fn a_request_that_is_given_up_no_longer_counts() {
    let (service, gate) = service();
    {
        let mut given_up = pin!(ask(&service, "GET /gated"));
        assert!(poll!(given_up.as_mut()).is_pending());
    }
    drop(call(&service, request("GET /body")).await);

    gate.notify_one();
    assert_eq!(ask(&service, "GET /gated").await, "200");
    assert_eq!(ask(&service, "GET /body").await, "200 ab");
}

#[tokio::test]
async fn an_upgraded_connection_counts_until_its_101() {
    let (mut engine, _) = engine();
    engine.add_route(Route::get("/upgrade", |upgrade: Upgrade| async {
        upgrade.on_upgrade(HeaderMap::new(), |connection, _| async move {
            std::future::pending::<()>().await;
            drop(connection);
        })
    }));
    let running = Running::start(engine).await;

    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = Client::connect(running.addr).await;
        assert_eq!(
            client.request("GET /upgrade", "Connection: upgrade\r\nUpgrade: any\r\n").await.status,
            101
        );
        clients.push(client);
    }
}

#[tokio::test]
async fn a_limit_of_zero_is_none() {
    let gate = Arc::new(Notify::new());
    let mut engine = Engine::with_state(RestConf { max_conns: 0, ..conf() }, gate.clone());
    engine.add_route(Route::get("/gated", |State(gate): Gate| async move { gate.notified().await }));
    let service = engine.into_service().unwrap();
    let mut first = pin!(ask(&service, "GET /gated"));
    let mut second = pin!(ask(&service, "GET /gated"));
    assert!(poll!(first.as_mut()).is_pending());
    assert!(poll!(second.as_mut()).is_pending());

    gate.notify_waiters();
    assert_eq!((first.await, second.await), ("200".to_owned(), "200".to_owned()));
}

#[tokio::test]
async fn a_limit_of_the_server_is_for_all_routes_together_and_one_of_a_group_for_its_own() {
    let gate = Arc::new(Notify::new());
    let conf = RestConf { max_conns: 1, max_server_conns: 3, ..conf() };
    let mut engine = Engine::with_state(conf, gate.clone());
    let gated = |State(gate): Gate| async move { gate.notified().await };
    engine.add_routes(RouteGroup::new().max_conns(2).route(Route::get("/two", gated)));
    engine.add_route(Route::get("/one", gated));
    let service = engine.into_service().unwrap();

    let mut first = pin!(ask(&service, "GET /two"));
    let mut second = pin!(ask(&service, "GET /two"));
    assert!(poll!(first.as_mut()).is_pending() && poll!(second.as_mut()).is_pending());
    assert_eq!(ask(&service, "GET /two").await, "503", "the group's limit");
    let mut third = pin!(ask(&service, "GET /one"));
    assert!(poll!(third.as_mut()).is_pending());

    let response = call(&service, request("GET /none")).await;
    assert_eq!(response.status(), 503, "the server's limit");
    assert_eq!(response.extensions().get(), Some(&RejectedBy("max_server_conns")));

    gate.notify_waiters();
    third.await;
    assert_eq!(ask(&service, "GET /none").await, "404 404 page not found");
}
