//! What no route takes: HEAD and OPTIONS, 404 and 405 in one's own words.

use rest::extract::{Json, Path, State};
use rest::header::{ALLOW, CONTENT_LENGTH};
use rest::{Engine, Method, RestConf, Route, StatusCode};

use crate::support::{ask, call, conf, request, text};

fn engine(conf: RestConf) -> Engine {
    let mut engine = Engine::new(conf);
    engine.add_route(Route::get("/hello/:name", async |Path(name): Path<String>| format!("Hello, {name}!")));
    engine.add_route(Route::delete("/hello/:name", async || StatusCode::NO_CONTENT));
    engine
}

#[tokio::test]
async fn head_is_answered_by_the_route_for_get_without_the_body() {
    let service = engine(conf()).into_service().unwrap();

    let answer = call(&service, request("HEAD /hello/Ann")).await;

    assert_eq!(answer.headers()[CONTENT_LENGTH], "11");
    assert_eq!(text(answer).await, "200");
    assert_eq!(ask(&service, "HEAD /nowhere").await, "404 404 page not found");
}

#[tokio::test]
async fn a_route_for_head_goes_before_that_for_get() {
    let mut engine = engine(conf());
    engine.add_route(Route::head("/hello/:name", async || StatusCode::ACCEPTED));
    let service = engine.into_service().unwrap();

    assert_eq!(ask(&service, "HEAD /hello/Ann").await, "202");
}

#[tokio::test]
async fn head_can_be_left_to_the_routes() {
    let service = engine(RestConf { handle_head: false, ..conf() }).into_service().unwrap();

    let answer = call(&service, request("HEAD /hello/Ann")).await;

    assert_eq!((answer.status().as_u16(), &answer.headers()[ALLOW]), (405, &"DELETE, GET".parse().unwrap()));
}

#[tokio::test]
async fn options_is_405_unless_it_is_to_be_answered() {
    let service = engine(conf()).into_service().unwrap();
    let answer = call(&service, request("OPTIONS /hello/Ann")).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()[ALLOW]),
        (405, &"DELETE, GET, HEAD".parse().unwrap())
    );

    let service = engine(RestConf { handle_options: true, ..conf() }).into_service().unwrap();
    let answer = call(&service, request("OPTIONS /hello/Ann")).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()[ALLOW]),
        (204, &"DELETE, GET, HEAD".parse().unwrap())
    );
    assert_eq!(ask(&service, "OPTIONS /nowhere").await, "404 404 page not found");
}

#[tokio::test]
async fn an_application_says_404_and_405_in_its_own_words() {
    async fn not_found(State(shop): State<&'static str>, method: Method) -> (StatusCode, String) {
        (StatusCode::NOT_FOUND, format!("{shop} has nothing to {method} here"))
    }
    let mut engine = Engine::with_state(conf(), "the shop");
    engine.add_route(Route::get("/pears", async || "12"));
    // Nothing is said of a status: it must not become a success by that.
    engine.not_found(not_found).not_allowed(async || Json("not so"));
    let service = engine.into_service().unwrap();

    assert_eq!(ask(&service, "GET /apples").await, "404 the shop has nothing to GET here");
    let answer = call(&service, request("PUT /pears")).await;
    assert_eq!(answer.headers()[ALLOW], "GET, HEAD");
    assert_eq!(text(answer).await, "405 \"not so\"");
    assert_eq!(ask(&service, "GET /pears").await, "200 12");
}
