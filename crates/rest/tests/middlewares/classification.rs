//! What a request is, its route decides, and no header that a client can write.

use std::pin::pin;
use std::time::Duration;

use futures_util::poll;
use rest::{Body, Engine, Request, RestConf, Route};

use crate::support::{call, conf};

/// What go-zero takes for a stream or a socket, and what really is the head of one.
const DISGUISES: [&[(&str, &str)]; 4] = [
    &[("accept", "text/event-stream")],
    &[("upgrade", "websocket")],
    &[
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ],
    &[("content-type", "text/event-stream"), ("last-event-id", "7")],
];

fn disguised(method: &str, path: &str, disguise: &[(&str, &str)], body: &'static str) -> Request {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in disguise {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn no_header_switches_a_limit_off() {
    let conf = RestConf { max_bytes: 3, max_conns: 1, timeout: Duration::from_secs(1), ..conf() };
    let mut engine = Engine::new(conf);
    engine.add_route(Route::post("/body", async |body: String| body));
    engine.add_route(Route::get("/never", async || std::future::pending::<()>().await));
    engine.add_route(Route::get("/page", async || "a page"));
    let service = engine.into_service().unwrap();

    for disguise in DISGUISES {
        let ask = |method, path, body| call(&service, disguised(method, path, disguise, body));
        assert_eq!(ask("POST", "/body", "1234").await.status(), 413, "{disguise:?}");

        let mut waiting = pin!(ask("GET", "/never", ""));
        assert!(poll!(waiting.as_mut()).is_pending());
        assert_eq!(ask("GET", "/never", "").await.status(), 503, "max_conns, {disguise:?}");
        assert_eq!(waiting.await.status(), 503, "the timeout, {disguise:?}");

        let unread = ask("GET", "/page", "").await;
        assert_eq!(ask("GET", "/page", "").await.status(), 503, "its body still counts, {disguise:?}");
        drop(unread);
    }
}
