use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{HeaderMap, Uri};
use rest::extract::{Json, Path, Query, State};
use rest::{Body, Engine, Html, Method, Request, Route, header};

use crate::support::{ask, call, conf, request, text};

#[tokio::test]
async fn a_handler_has_up_to_sixteen_extractors() {
    type One = State<usize>;
    async fn none() -> &'static str {
        "none"
    }
    async fn one(body: String) -> String {
        body
    }
    async fn three(method: Method, uri: Uri, State(state): One) -> String {
        format!("{method} {uri} {state}")
    }
    #[expect(clippy::too_many_arguments, reason = "so many are allowed")]
    async fn sixteen(
        a: One,
        b: One,
        c: One,
        d: One,
        e: One,
        f: One,
        g: One,
        h: One,
        i: One,
        j: One,
        k: One,
        l: One,
        m: One,
        n: One,
        o: One,
        body: String,
    ) -> String {
        let all = [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o];
        format!("{} {body}", all.iter().map(|State(one)| one).sum::<usize>())
    }
    let mut engine = Engine::with_state(conf(), 1_usize);
    engine.add_route(Route::get("/none", none)).add_route(Route::post("/one", one));
    engine.add_route(Route::get("/three", three)).add_route(Route::post("/sixteen", sixteen));
    let service = engine.into_service().unwrap();

    assert_eq!(ask(&service, "GET /none").await, "200 none");
    assert_eq!(ask(&service, "GET /three?q").await, "200 GET /three?q 1");
    let post = |path| Request::post(path).body(Body::from("body")).unwrap();
    assert_eq!(text(call(&service, post("/one")).await).await, "200 body");
    assert_eq!(text(call(&service, post("/sixteen")).await).await, "200 15 body");
}

#[tokio::test]
async fn the_first_rejection_is_the_answer() {
    async fn handler(Path(_): Path<u8>, Query(_): Query<Vec<(String, u8)>>, Json(_): Json<u8>) {}
    let mut engine = Engine::new(conf());
    engine.add_route(Route::get("/:n", handler));
    let service = engine.into_service().unwrap();

    assert_eq!(ask(&service, "GET /x?a=y").await, r#"400 {"code":400,"msg":"the path's n must be u8"}"#);
    assert!(ask(&service, "GET /1?a=y").await.starts_with(r#"400 {"code":400,"msg":"the query"#));
    let unread = r#"415 {"code":415,"msg":"the Content-Type must be application/json"}"#;
    assert_eq!(ask(&service, "GET /1?a=1").await, unread);
}

#[tokio::test]
async fn the_state_is_cloned_once_for_each_request() {
    struct Counted(Arc<AtomicUsize>);
    impl Clone for Counted {
        fn clone(&self) -> Self {
            self.0.fetch_add(1, Ordering::Relaxed);
            Self(self.0.clone())
        }
    }
    let clones = Arc::new(AtomicUsize::new(0));
    let mut engine = Engine::with_state(conf(), Counted(clones.clone()));
    engine.add_route(Route::get("/", || async {}));
    let service = engine.into_service().unwrap();
    let at_first = clones.load(Ordering::Relaxed);

    for _ in 0..3 {
        assert_eq!(ask(&service, "GET /").await, "200");
    }

    assert_eq!(clones.load(Ordering::Relaxed) - at_first, 3);
}

#[tokio::test]
async fn html_says_what_it_is() {
    let mut engine = Engine::new(conf());
    engine.add_route(Route::get("/", || async { Html("<p>Hello!") }));
    let service = engine.into_service().unwrap();

    let response = call(&service, request("GET /")).await;

    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
    assert_eq!(text(response).await, "200 <p>Hello!");
}

#[tokio::test]
async fn a_handler_answers_whatever_is_a_response() {
    async fn result(Path(ok): Path<bool>) -> Result<HeaderMap, (http::StatusCode, &'static str)> {
        if ok { Ok(HeaderMap::new()) } else { Err((http::StatusCode::CONFLICT, "no")) }
    }
    let mut engine = Engine::new(conf());
    engine.add_route(Route::get("/:ok", result));
    let service = engine.into_service().unwrap();

    assert_eq!(ask(&service, "GET /true").await, "200");
    assert_eq!(ask(&service, "GET /false").await, "409 no");
}
