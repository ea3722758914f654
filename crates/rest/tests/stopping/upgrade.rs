//! The upgrade seam: 101, and then bytes.

use http::{HeaderMap, HeaderValue, header};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rest::{Connection, Engine, IntoResponse, Response, Route, RouteGroup, StatusCode, Stopping, Upgrade};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::util::MapResponseLayer;

use crate::support::client::Client;
use crate::support::{Running, ask, conf};

const UPGRADE: &str = "Connection: upgrade\r\nUpgrade: echo\r\n";

/// Answers 101 and then sends back what comes.
async fn echo(upgrade: Upgrade) -> Response {
    let headers = HeaderMap::from_iter([(header::UPGRADE, HeaderValue::from_static("echo"))]);
    upgrade.on_upgrade(headers, |mut connection: Connection, _: Stopping| async move {
        let mut bytes = [0; 3]; // smaller than what comes, as any reader's buffer may be
        while let Ok(n @ 1..) = connection.read(&mut bytes).await {
            if connection.write_all(&bytes[..n]).await.is_err() {
                return;
            }
        }
    })
}

fn engine() -> Engine {
    let mut engine = Engine::new(conf());
    engine.add_route(Route::get("/", echo));
    engine
}

#[tokio::test]
async fn an_upgrade_is_a_101_and_then_bytes() {
    let running = Running::start(engine()).await;
    let mut client = Client::connect(running.addr).await;

    let reply = client.request("GET /", UPGRADE).await;
    assert_eq!(reply.status, 101);
    assert_eq!((reply.header("upgrade"), reply.header("connection")), (Some("echo"), Some("upgrade")));

    client.send("Hello!").await;
    assert_eq!(client.read(6).await, "Hello!");
}

#[tokio::test]
async fn bytes_that_came_with_the_head_are_read_first() {
    let running = Running::start(engine()).await;
    let mut client = Client::connect(running.addr).await;

    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{UPGRADE}\r\nearly bytes")).await;
    client.reply().await;
    client.send(" and later ones").await;

    assert_eq!(client.read(26).await, "early bytes and later ones");
}

#[tokio::test]
async fn a_foreign_server_can_serve_the_upgrade() {
    let service = engine().into_service().unwrap();
    let (ours, theirs) = tokio::io::duplex(1024);
    let server = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(theirs), TowerToHyperService::new(service))
        .with_upgrades();
    tokio::spawn(server);
    let mut client = Client::new(ours);

    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{UPGRADE}\r\nearly bytes")).await;
    assert_eq!(client.reply().await.status, 101);
    client.send(" and later ones").await;

    assert_eq!(client.read(26).await, "early bytes and later ones");
}

#[tokio::test]
async fn a_request_that_does_not_ask_for_an_upgrade_is_426() {
    let running = Running::start(engine()).await;
    let mut client = Client::connect(running.addr).await;

    let reply = client.get("/").await;
    assert_eq!(reply.status, 426);
    assert_eq!(reply.body, "this route needs a connection that can be upgraded\n");
    assert_eq!(client.request("GET /none", UPGRADE).await.status, 404, "the connection goes on");

    let in_memory = ask(&engine().into_service().unwrap(), "GET /").await;
    assert!(in_memory.starts_with("426 "), "{in_memory}");
}

#[tokio::test]
async fn a_task_does_not_run_where_another_response_leaves() {
    // hyper hands over the connection of any request for an upgrade once it is done with it.
    async fn leak(upgrade: Upgrade) -> Response {
        upgrade.on_upgrade(HeaderMap::new(), |mut connection, _| async move {
            connection.write_all(b"leak").await.unwrap();
        })
    }
    let replaced = MapResponseLayer::new(|_: Response| StatusCode::FORBIDDEN.into_response());
    let changed = MapResponseLayer::new(|mut response: Response| {
        *response.status_mut() = StatusCode::FORBIDDEN;
        response
    });
    let mut engine = Engine::new(conf());
    engine.add_routes(RouteGroup::new().layer(replaced.clone()).route(Route::get("/replaced", leak)));
    engine.add_routes(RouteGroup::new().layer(changed).route(Route::get("/changed", leak)));
    let mut inner = Engine::new(conf());
    inner.add_route(Route::get("/", leak));
    let mut outer = Engine::new(conf());
    outer.layer(replaced).mount("/", inner.into_service().unwrap());
    engine.mount("/mounted", outer.into_service().unwrap());
    let running = Running::start(engine).await;

    for path in ["/replaced", "/changed", "/mounted"] {
        let mut client = Client::connect(running.addr).await;
        for headers in [UPGRADE, UPGRADE, "Connection: upgrade, close\r\nUpgrade: echo\r\n"] {
            assert_eq!(client.request(&format!("GET {path}"), headers).await.status, 403, "{path}");
        }
        assert_eq!(client.closed().await, "", "{path}");
    }
}

#[tokio::test]
async fn a_connection_is_closed_when_its_task_ends() {
    let mut engine = Engine::new(conf());
    engine.add_route(Route::get("/", |upgrade: Upgrade| async {
        upgrade.on_upgrade(HeaderMap::new(), |mut connection, _| async move {
            connection.write_all(b"bye").await.unwrap();
        })
    }));
    let running = Running::start(engine).await;
    let mut client = Client::connect(running.addr).await;

    client.request("GET /", UPGRADE).await;

    assert_eq!(client.closed().await, "bye");
}
