use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, stream};
use http::{HeaderMap, StatusCode};
use rest::conf::JwtConf;
use rest::extract::State;
use rest::sse::{Event, Sse};
use rest::{Body, Engine, Request, RestConf, Route, RouteGroup, Upgrade};
use tokio::sync::Notify;

use crate::support::client::Client;
use crate::support::log::Log;
use crate::support::{Running, ask, call, conf, request};

async fn ok() {}

/// Checks that a line has these fields, and those that every line has.
fn assert_fields(line: &str, level: &str, method: &str, path: &str, status: u16) {
    for field in [
        format!(" {level} "),
        format!(" method={method} "),
        format!(" path=\"{path}\" "),
        format!(" status={status} "),
        " duration=".to_owned(),
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
    assert!(line.contains("http{method=GET path=\"/a\" trace="), "{line}");
}

#[tokio::test]
async fn a_line_tells_the_trace_who_asked_and_who_refused() {
    let (log, _guard) = Log::capture();
    let mut conf = conf();
    conf.max_bytes = 3;
    let mut engine = Engine::new(conf);
    engine.add_route(Route::post("/", ok));
    let service = engine.into_service().unwrap();

    let request = Request::post("/")
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .header("user-agent", "a".repeat(300))
        .header("x-forwarded-for", "10.0.0.1")
        .header("content-length", "4")
        .body(Body::from("1234"));
    let response = call(&service, request.unwrap()).await;

    let line = log.request("status=413").await;
    let span = response.headers()["traceparent"].to_str().unwrap()[36..52].to_owned();
    for field in [
        "rejected=\"max_bytes\"",
        "forwarded=\"10.0.0.1\"",
        &format!("agent=\"{}\"", "a".repeat(256)),
        "trace=4bf92f3577b34da6a3ce929d0e0e4736",
        &format!("span={span}"),
    ] {
        assert!(line.contains(field), "no {field} in {line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_request_has_a_second_line() {
    for (threshold, slow) in [(99, true), (101, false), (0, false)] {
        let (log, _guard) = Log::capture();
        let conf = RestConf { slow_threshold: Duration::from_millis(threshold), ..conf() };
        let mut engine = Engine::new(conf);
        engine.add_route(Route::get("/", || tokio::time::sleep(Duration::from_millis(100))));
        ask(&engine.into_service().unwrap(), "GET /").await;

        let text = log.text();
        let has_line = text.lines().any(|line| line.contains(" WARN ") && line.contains("slow request"));
        assert_eq!(has_line, slow, "{text}");
    }
}

#[tokio::test]
async fn a_token_is_not_written_wherever_it_came_from() {
    let (log, _guard) = Log::capture();
    let jwt = JwtConf {
        subprotocol: true,
        cookie: Some("session".to_owned()),
        ..JwtConf::new("a secret of some length")
    };
    let mut engine = Engine::new(conf());
    engine.add_routes(RouteGroup::new().jwt(jwt).route(Route::get("/ws", ok)));
    let service = engine.into_service().unwrap();
    for (name, value) in [
        ("sec-websocket-protocol", "bearer, not.a.token"),
        ("authorization", "Bearer not.a.token"),
        ("cookie", "session=not.a.token"),
    ] {
        let request = Request::get("/ws?token=not.a.token").header(name, value);
        let response = call(&service, request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }

    assert_eq!(log.requests().len(), 3);
    assert!(log.text().contains("rejected=\"jwt\""), "{}", log.text());
    assert!(!log.text().contains("not.a.token"), "{}", log.text());
}

#[tokio::test]
async fn a_stream_has_a_line_at_its_end_that_says_who_ended_it() {
    async fn events() -> Sse<impl Stream<Item = Event>> {
        Sse::new(stream::iter([Event::new("1"), Event::new("2")]))
    }
    let (log, _guard) = Log::capture();
    let mut engine = Engine::new(conf());
    engine.add_route(Route::sse("/events", events));
    let service = engine.into_service().unwrap();

    ask(&service, "GET /events").await;
    drop(call(&service, request("GET /events")).await);

    let text = log.text();
    let lines: Vec<_> = text.lines().filter(|line| line.contains("stream closed")).collect();
    assert!(lines[0].contains("by=\"server\"") && lines[0].ends_with("events_out=2 bytes_out=18"), "{text}");
    assert!(lines[1].contains("by=\"client\"") && lines[1].ends_with("events_out=0 bytes_out=0"), "{text}");
    assert!(lines[0].contains("path=\"/events\" trace="), "{text}");
}
