use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use rest::conf::ShutdownConf;
use rest::{Body, Engine, RestConf, Route, RouteGroup};
use tokio::time::{Instant, sleep};

use crate::support::{FOREVER, ask, call, conf, request};

const SECOND: Duration = Duration::from_secs(1);

fn engine(timeout: Duration) -> Engine<Arc<()>> {
    Engine::with_state(RestConf { timeout, shutdown: ShutdownConf::default(), ..conf() }, Arc::new(()))
}

async fn slow() -> &'static str {
    sleep(10 * SECOND).await;
    "slow"
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_too_long_is_dropped_and_answered_503() {
    let held = Arc::new(());
    let mut engine = engine(3 * SECOND);
    let in_handler = held.clone();
    engine.add_route(Route::get("/", move || async move {
        let _in_handler = in_handler.clone();
        std::future::pending::<()>().await;
    }));
    let service = engine.into_service().unwrap();
    let before = Arc::strong_count(&held);
    let begin = Instant::now();

    let answer = ask(&service, "GET /").await;

    assert_eq!(answer, "503 Request Timeout");
    assert_eq!(begin.elapsed().as_secs(), 3);
    assert_eq!(Arc::strong_count(&held), before, "the handler's future is gone");
}

#[tokio::test(start_paused = true)]
async fn a_group_has_its_own_timeout_and_gives_it_to_nobody() {
    let mut engine = engine(5 * SECOND);
    let group = |prefix: &str, timeout| {
        RouteGroup::new().prefix(prefix).timeout(timeout).route(Route::get("/", slow))
    };
    engine.add_routes(group("/longer", 20 * SECOND));
    engine.add_routes(group("/shorter", SECOND));
    engine.add_routes(group("/unlimited", Duration::ZERO));
    engine.add_route(Route::get("/", slow));
    let service = engine.into_service().unwrap();

    for (path, expected, seconds) in [
        ("/longer", "200 slow", 10),
        ("/shorter", "503 Request Timeout", 1),
        ("/unlimited", "200 slow", 10),
        ("/", "503 Request Timeout", 5),
    ] {
        let begin = Instant::now();
        assert_eq!(ask(&service, &format!("GET {path}")).await, expected, "{path}");
        assert_eq!(begin.elapsed().as_secs(), seconds, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_of_zero_is_none() {
    let mut engine = engine(Duration::ZERO);
    engine.add_route(Route::get("/", || sleep(FOREVER)));
    let service = engine.into_service().unwrap();

    assert_eq!(ask(&service, "GET /").await, "200");
}

#[tokio::test(start_paused = true)]
async fn a_mount_has_the_engines_timeout() {
    let mut engine = engine(SECOND);
    let mounted = |_| async { Ok::<_, std::convert::Infallible>(slow().await) };
    engine.mount("/", tower::service_fn(mounted));
    let service = engine.into_service().unwrap();

    assert_eq!(ask(&service, "GET /").await, "503 Request Timeout");
}

#[tokio::test(start_paused = true)]
async fn a_body_may_take_longer_than_its_head() {
    let mut engine = engine(SECOND);
    engine.add_route(Route::get("/", || async {
        let chunks = futures_util::stream::unfold(0, |n| async move {
            sleep(SECOND).await;
            (n < 5).then(|| (Ok::<_, std::io::Error>("chunk "), n + 1))
        });
        Body::from_stream(chunks)
    }));
    let service = engine.into_service().unwrap();

    let body = call(&service, request("GET /")).await.into_body().collect().await.unwrap().to_bytes();

    assert_eq!(body, "chunk ".repeat(5));
}

#[tokio::test(start_paused = true)]
async fn no_header_of_a_request_turns_the_timeout_off() {
    let mut engine = engine(SECOND);
    engine.add_route(Route::get("/", slow));
    let service = engine.into_service().unwrap();

    for (name, value) in [("upgrade", "websocket"), ("accept", "text/event-stream")] {
        let mut request = request("GET /");
        request.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(call(&service, request).await.status(), 503, "{name}");
    }
}
