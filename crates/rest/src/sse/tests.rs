//! Routes for events.

use futures_util::{FutureExt, StreamExt, stream};
use http::StatusCode;
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;
use crate::extract::Query;
use crate::service::EngineService;
use crate::{Engine, RestConf, Stopping};

fn service(route: Route) -> EngineService {
    let mut engine = Engine::new(RestConf { max_conns: 1, ..RestConf::default() });
    engine.add_route(route);
    engine.into_service().unwrap()
}

async fn ask(service: &EngineService, last_event_id: &str) -> Response {
    let request = Request::get("/").header(LAST_EVENT_ID, last_event_id).body(Body::empty()).unwrap();
    service.clone().oneshot(request).await.unwrap()
}

async fn next(response: &mut Response) -> Option<String> {
    let frame = response.body_mut().frame().await?.unwrap();
    Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
}

/// One event after another, ten seconds apart, for ever.
async fn slow() -> Sse<impl Stream<Item = Event>> {
    Sse::new(stream::unfold(0, |n| async move {
        tokio::time::sleep(Duration::from_secs(10)).await;
        Some((Event::new(n.to_string()), n + 1))
    }))
}

#[tokio::test(start_paused = true)]
async fn events_go_on_after_the_timeout() {
    let mut response = ask(&service(Route::sse("/", slow)), "").await;

    assert_eq!(
        (response.status(), &response.headers()[CONTENT_TYPE]),
        (StatusCode::OK, &EVENT_STREAM.parse().unwrap())
    );
    assert_eq!(response.headers()[CACHE_CONTROL], "no-cache");
    for n in 0..100 {
        assert_eq!(next(&mut response).await, Some(format!("data: {n}\n\n")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_does_not_count_for_max_conns_but_in_a_gauge() {
    let service = service(Route::sse("/", slow));
    let streams = (ask(&service, "").await, ask(&service, "").await);
    assert_eq!((streams.0.status(), streams.1.status()), (StatusCode::OK, StatusCode::OK));

    let metrics = service.lifecycle().metrics().clone();
    assert!(metrics.text().contains("\nhttp_server_streams_open 2\n"), "{}", metrics.text());
    drop(streams);
    assert!(metrics.text().contains("\nhttp_server_streams_open 0\n"), "{}", metrics.text());
}

#[tokio::test(start_paused = true)]
async fn silence_is_broken_by_a_comment() {
    async fn silent() -> Sse<impl Stream<Item = Event>> {
        Sse::new(stream::pending()).heartbeat(Duration::from_secs(20))
    }
    let mut response = ask(&service(Route::sse("/", silent)), "").await;
    let begin = tokio::time::Instant::now();
    for n in 1..4 {
        assert_eq!(next(&mut response).await.as_deref(), Some(":\n\n"));
        assert_eq!(begin.elapsed(), Duration::from_secs(20) * n);
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_puts_the_heartbeat_off() {
    async fn handler() -> Sse<impl Stream<Item = Event>> {
        let after_a_while = tokio::time::sleep(Duration::from_secs(10)).map(|()| Event::new("a"));
        Sse::new(stream::once(after_a_while).chain(stream::pending()))
    }
    let mut response = ask(&service(Route::sse("/", handler)), "").await;
    let begin = tokio::time::Instant::now();
    assert_eq!(next(&mut response).await.as_deref(), Some("data: a\n\n"));
    assert_eq!(next(&mut response).await.as_deref(), Some(":\n\n"));
    assert_eq!(begin.elapsed(), Duration::from_secs(25));
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_the_engine_drains() {
    let service = service(Route::sse("/", slow));
    let mut response = ask(&service, "").await;
    assert_eq!(next(&mut response).await.as_deref(), Some("data: 0\n\n"));

    service.lifecycle().drain(tokio::time::Instant::now() + std::time::Duration::from_secs(5)).await;
    assert_eq!(next(&mut response).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_by_itself_says_what_it_has_to_say_when_the_engine_drains() {
    async fn handler(mut stopping: Stopping) -> Sse<impl Stream<Item = Event>> {
        Sse::new(stream::once(async move {
            stopping.draining().await;
            Event::new("bye")
        }))
        .ends_by_itself()
    }
    let service = service(Route::sse("/", handler));
    let mut response = ask(&service, "").await;
    service.lifecycle().drain(tokio::time::Instant::now() + std::time::Duration::from_secs(5)).await;
    assert_eq!(next(&mut response).await.as_deref(), Some("data: bye\n\n"));
    assert_eq!(next(&mut response).await, None);
}

#[tokio::test]
async fn the_last_event_is_known() {
    async fn handler(LastEventId(id): LastEventId) -> Sse<impl Stream<Item = Event>> {
        Sse::new(stream::iter([Event::new(format!("{id:?}"))]))
    }
    let service = service(Route::sse("/", handler));
    for (header, expected) in
        [("7", "data: Some(\"7\")\n\n"), ("", "data: None\n\n"), ("ü", "data: Some(\"ü\")\n\n")]
    {
        let mut response = ask(&service, header).await;
        assert_eq!((next(&mut response).await.as_deref(), next(&mut response).await), (Some(expected), None));
    }
}

#[tokio::test]
async fn a_refusal_is_an_ordinary_response() {
    #[derive(serde::Deserialize)]
    struct Wanted {
        _room: String,
    }
    async fn handler(_: Query<Wanted>) -> Sse<stream::Pending<Event>> {
        Sse::new(stream::pending())
    }
    let response = ask(&service(Route::sse("/", handler)), "").await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(response.extensions().get::<LongLived>().is_none());
}
