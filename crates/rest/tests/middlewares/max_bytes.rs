use bytes::Bytes;
use rest::extract::Json;
use rest::{Body, Engine, EngineService, Request, RestConf, Route, RouteGroup};

use crate::support::client::Client;
use crate::support::{Running, call, conf, text};

fn engine(max_bytes: u64) -> Engine {
    async fn length(body: Bytes) -> String {
        body.len().to_string()
    }
    let mut engine = Engine::new(RestConf { max_bytes, ..conf() });
    engine.add_route(Route::post("/bytes", length));
    engine.add_route(Route::post("/string", |body: String| async move { body.len().to_string() }));
    engine.add_route(Route::post("/json", |body: Json<String>| async move { body.len().to_string() }));
    engine.add_route(Route::post("/unread", || async { "unread" }));
    let group =
        |prefix: &str, max| RouteGroup::new().prefix(prefix).max_bytes(max).route(Route::post("/", length));
    engine.add_routes(group("/more", 100)).add_routes(group("/less", 5)).add_routes(group("/unlimited", 0));
    engine
}

async fn post(service: &EngineService, path: &str, body: Body) -> String {
    let request = Request::post(path).header("content-type", "application/json").body(body);
    text(call(service, request.unwrap()).await).await
}

/// A body that does not say how long it is.
fn chunked(text: impl Into<String>) -> Body {
    let text = text.into();
    let (head, tail) = text.split_at(text.len() / 2);
    let chunks = [head, tail].map(|chunk| Ok::<_, std::io::Error>(chunk.to_owned()));
    Body::from_stream(futures_util::stream::iter(chunks))
}

#[tokio::test]
async fn a_body_of_just_the_limit_passes_and_one_byte_more_does_not() {
    let service = engine(10).into_service().unwrap();

    for path in ["/bytes", "/string", "/json"] {
        let fits = "\"12345678\"";
        let expected = if path == "/json" { "200 8" } else { "200 10" };
        assert_eq!(post(&service, path, chunked(fits)).await, expected, "{path}");

        let too_long = post(&service, path, chunked("\"123456789\"")).await;
        assert!(too_long.starts_with("413 "), "{path}: {too_long}");
    }
}

#[tokio::test]
async fn a_declared_length_is_judged_before_the_handler_runs() {
    let running = Running::start(engine(10)).await;

    let mut client = Client::connect(running.addr).await;
    client.send("POST /unread HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n\r\n").await;
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.header("connection")), (413, Some("close")));
    assert_eq!(client.closed().await, "");

    let mut client = Client::connect(running.addr).await;
    client.send("POST /bytes HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n0123456789").await;
    assert_eq!(client.reply().await.body, "10");
}

#[tokio::test]
async fn chunks_on_a_socket_are_counted() {
    let running = Running::start(engine(10)).await;

    for (chunks, status) in
        [("5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n", 200), ("5\r\n01234\r\n6\r\n56789a\r\n0\r\n\r\n", 413)]
    {
        let mut client = Client::connect(running.addr).await;
        client
            .send(format!("POST /bytes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"))
            .await;
        assert_eq!(client.reply().await.status, status, "{chunks:?}");
    }
}

#[tokio::test]
async fn a_group_has_its_own_limit_and_gives_it_to_nobody() {
    let service = engine(10).into_service().unwrap();
    let megabytes = 3 << 20;

    for (path, length, expected) in [
        ("/more", 100, "200 100"),
        ("/more", 101, "413"),
        ("/less", 5, "200 5"),
        ("/less", 6, "413"),
        ("/unlimited", megabytes, "200 3145728"),
        ("/bytes", 11, "413"),
    ] {
        let answer = post(&service, path, chunked("x".repeat(length))).await;
        assert!(answer.starts_with(expected), "{length} bytes to {path}: {answer}");
    }
}

#[tokio::test]
async fn a_limit_of_zero_is_none_whatever_the_extractor() {
    let service = engine(0).into_service().unwrap();
    let long = "x".repeat(3 << 20);

    for (path, body) in [("/bytes", long.clone()), ("/string", long.clone()), ("/json", format!("{long:?}"))]
    {
        assert_eq!(post(&service, path, chunked(body)).await, format!("200 {}", long.len()), "{path}");
    }
}

#[tokio::test]
async fn a_limit_above_the_extractors_own_holds() {
    let service = engine(4 << 20).into_service().unwrap();

    assert_eq!(post(&service, "/bytes", chunked("x".repeat(4 << 20))).await, "200 4194304");
    assert!(post(&service, "/bytes", chunked("x".repeat((4 << 20) + 1))).await.starts_with("413"));
}
