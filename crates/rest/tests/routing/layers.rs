use std::time::Duration;

use http::HeaderMap;
use rest::{Body, Engine, Request, Response, Route, RouteGroup};
use tower::timeout::TimeoutLayer;
use tower::util::{MapRequestLayer, MapResponseLayer};
use tower_http::limit::RequestBodyLimitLayer;

use crate::support::{ask, call, conf, request, text};

/// A layer that writes its name into a request's header.
fn seen(name: &'static str) -> MapRequestLayer<impl Fn(Request) -> Request + Clone + Send + Sync + 'static> {
    MapRequestLayer::new(move |mut request: Request| {
        request.headers_mut().append("seen", name.parse().unwrap());
        request
    })
}

/// A layer that writes its name into a response's header.
fn left(
    name: &'static str,
) -> MapResponseLayer<impl Fn(Response) -> Response + Clone + Send + Sync + 'static> {
    MapResponseLayer::new(move |mut response: Response| {
        response.headers_mut().append("left", name.parse().unwrap());
        response
    })
}

fn names(headers: &HeaderMap, key: &str) -> String {
    headers.get_all(key).iter().map(|name| name.to_str().unwrap()).collect::<Vec<_>>().join(" ")
}

async fn handler(headers: HeaderMap) -> String {
    names(&headers, "seen")
}

#[tokio::test]
async fn the_engines_layers_are_outside_the_groups_and_the_first_is_outermost() {
    let mut engine = Engine::new(conf());
    let group =
        RouteGroup::new().route(Route::get("/a", handler)).layer(seen("group1")).layer(seen("group2"));
    engine.layer(seen("engine1")).add_routes(group.layer(left("group"))).layer(seen("engine2"));
    engine.layer(left("engine"));
    engine.add_route(Route::get("/b", handler));
    let service = engine.into_service().unwrap();

    let response = call(&service, request("GET /a")).await;
    assert_eq!(names(response.headers(), "left"), "group engine");
    assert_eq!(text(response).await, "200 engine1 engine2 group1 group2");
    assert_eq!(ask(&service, "GET /b").await, "200 engine1 engine2");
}

#[tokio::test]
async fn a_mount_has_the_engines_layers_which_see_its_whole_path() {
    let mut engine = Engine::new(conf());
    engine.layer(MapRequestLayer::new(|mut request: Request| {
        let path = request.uri().path().parse().unwrap();
        request.headers_mut().insert("seen", path);
        request
    }));
    let service = tower::service_fn(|request: Request| async move {
        let seen = names(request.headers(), "seen");
        Ok::<_, std::convert::Infallible>(format!("{seen} {}", request.uri()))
    });
    engine.mount("/static", service);
    let service = engine.into_service().unwrap();

    assert_eq!(ask(&service, "GET /static/a").await, "200 /static/a /a");
}

#[tokio::test]
async fn a_layer_may_change_the_types_of_the_bodies() {
    let mut engine = Engine::new(conf());
    let group = RouteGroup::new().layer(RequestBodyLimitLayer::new(5));
    engine.add_routes(group.route(Route::post("/", |body: String| async move { body })));
    let service = engine.into_service().unwrap();

    let post = |body: &'static str| Request::post("/").body(Body::from(body)).unwrap();
    assert_eq!(text(call(&service, post("five!")).await).await, "200 five!");
    let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>("five"), Ok("six")]);
    let chunked = Request::post("/").body(Body::from_stream(chunks)).unwrap();
    assert_eq!(call(&service, chunked).await.status(), 413);
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_fails_is_a_500() {
    let mut engine = Engine::new(conf());
    engine.layer(TimeoutLayer::new(Duration::from_secs(1)));
    engine.add_route(Route::get("/slow", std::future::pending::<()>));
    engine.add_route(Route::get("/quick", || async { "quick" }));
    let service = engine.into_service().unwrap();

    assert_eq!(ask(&service, "GET /slow").await, "500");
    assert_eq!(ask(&service, "GET /quick").await, "200 quick");
}

#[tokio::test(start_paused = true)]
async fn a_layer_inside_another_does_not_fail_it() {
    let mut engine = Engine::new(conf());
    engine.layer(left("outer"));
    let group = RouteGroup::new().layer(TimeoutLayer::new(Duration::from_secs(1)));
    engine.add_routes(group.route(Route::get("/slow", std::future::pending::<()>)));
    let service = engine.into_service().unwrap();

    let response = call(&service, request("GET /slow")).await;
    assert_eq!(names(response.headers(), "left"), "outer", "{response:?}");
    assert_eq!(response.status(), 500);
}
