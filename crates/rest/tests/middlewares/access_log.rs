use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use rest::extract::State;
use rest::{Engine, Request, Route, Upgrade};
use tokio::sync::Notify;

use crate::support::client::Client;
use crate::support::log::Log;
use crate::support::{Running, ask, conf};

async fn ok() {}

/// Checks that a line has these fields, and those that every line has.
fn assert_fields(line: &str, level: &str, method: &str, path: &str, status: u16) {
    for field in [
        format!(" {level} "),
        format!(" method={method} "),
        format!(" path=\"{path}\" "),
        format!(" status={status} "),
        " latency=".to_owned(),
    ] {
        assert!(line.contains(&field), "no {field} in {line}");
    }
}

#[tokio::test]
async fn each_request_is_one_line() {
    let (log, _guard) = Log::capture();
    let mut engine = Engine::new(conf());
    engine
        .add_route(Route::get("/users/:id", ok))
        .add_route(Route::post("/users", || async { StatusCode::CREATED }));
    engine.add_route(Route::get("/broken", || async { StatusCode::BAD_GATEWAY }));
    engine.mount(
        "/static",
        tower::service_fn(|_: Request| async { Ok::<_, std::convert::Infallible>("file") }),
    );
    let service = engine.into_service().unwrap();

    let expected = [
        ("INFO", "GET", "/users/7", 200),
        ("INFO", "POST", "/users", 201),
        ("INFO", "GET", "/static/a.js", 200),
        ("INFO", "GET", "/none", 404),
        ("INFO", "DELETE", "/users", 405),
        ("INFO", "GET", "/%zz", 400),
        ("ERROR", "GET", "/broken", 502),
    ];
    for (_, method, path, _) in expected {
        ask(&service, &format!("{method} {path}")).await;
    }

    let lines = log.requests();
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, (level, method, path, status)) in lines.iter().zip(expected) {
        assert_fields(line, level, method, path, status);
    }
}

#[tokio::test]
async fn a_line_tells_the_peer() {
    let (log, _guard) = Log::capture();
    let mut engine = Engine::new(conf());
    engine.add_route(Route::get("/", ok));
    let running = Running::start(engine).await;
    let mut client = Client::connect(running.addr).await;

    client.get("/").await;

    let line = log.request("status=200").await;
    assert!(line.contains(&format!(" peer={}", client.addr())), "{line}");
}

#[tokio::test]
async fn nothing_secret_is_written() {
    let (log, _guard) = Log::capture();
    let mut engine = Engine::new(conf());
    engine.add_route(Route::post("/login", |_body: String| async { StatusCode::BAD_GATEWAY }));
    let running = Running::start(engine).await;
    let mut client = Client::connect(running.addr).await;

    let secrets =
        "Authorization: Bearer secret\r\nCookie: id=secret\r\nX-Token: secret\r\nContent-Length: 6\r\n";
    client.send(format!("POST /login?token=secret HTTP/1.1\r\nHost: a\r\n{secrets}\r\nsecret")).await;
    assert_eq!(client.reply().await.status, 502);

    log.request("path=\"/login\"").await;
    assert!(!log.text().contains("secret"), "{}", log.text());
}

#[tokio::test]
async fn a_request_whose_client_goes_away_is_499() {
    let (log, _guard) = Log::capture();
    let begun = Arc::new(Notify::new());
    let mut engine = Engine::with_state(conf(), begun.clone());
    engine.add_route(Route::get("/", |State(begun): State<Arc<Notify>>| async move {
        begun.notify_one();
        std::future::pending::<()>().await;
    }));
    let running = Running::start(engine).await;
    let mut client = Client::connect(running.addr).await;

    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    begun.notified().await;
    drop(client);

    assert_fields(&log.request("status=499").await, "INFO", "GET", "/", 499);
}

#[tokio::test]
async fn an_upgrade_is_101() {
    let (log, _guard) = Log::capture();
    let mut engine = Engine::new(conf());
    engine.add_route(Route::get("/", |upgrade: Upgrade| async {
        upgrade.on_upgrade(HeaderMap::new(), |_, _| async {})
    }));
    let running = Running::start(engine).await;
    let mut client = Client::connect(running.addr).await;

    client.request("GET /", "Connection: upgrade\r\nUpgrade: any\r\n").await;
    client.closed().await;

    assert_fields(&log.request("status=101").await, "INFO", "GET", "/", 101);
    assert_eq!(log.requests().len(), 1, "{:#?}", log.requests());
}

#[tokio::test]
async fn a_panic_is_500_wherever_it_is_recovered() {
    for recover in [true, false] {
        let (log, _guard) = Log::capture();
        let mut conf = conf();
        conf.middlewares.recover = recover;
        let mut engine = Engine::new(conf);
        engine.add_route(Route::get("/", || async { panic!("no") as () }));
        let service = engine.into_service().unwrap();

        assert_eq!(ask(&service, "GET /").await, "500");

        let lines = log.requests();
        assert_eq!(lines.len(), 1, "{lines:#?}");
        assert_fields(&lines[0], "ERROR", "GET", "/", 500);
    }
}

#[tokio::test]
async fn what_a_handler_logs_is_in_the_requests_span() {
    let (log, _guard) = Log::capture();
    let mut engine = Engine::new(conf());
    engine.add_route(Route::get("/a", || async { tracing::info!("at work") }));
    let service = engine.into_service().unwrap();

    ask(&service, "GET /a").await;

    let text = log.text();
    let line = text.lines().find(|line| line.contains("at work")).unwrap();
    assert!(line.contains("http{method=GET path=/a}"), "{line}");
}
