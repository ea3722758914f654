//! What browsers are told.

use http::header::ALLOW;
use tower::ServiceExt;

use super::*;
use crate::{Body, Engine, RestConf, Route, ServeError};

const APP: &str = "https://app.example.com";

fn conf() -> CorsConf {
    CorsConf { expose_headers: vec!["X-Total".into()], ..CorsConf::new([APP, "https://*.example.org"]) }
}

async fn ask(conf: CorsConf, method: &str, path: &str, origin: Option<&str>) -> Response {
    let mut engine = Engine::new(RestConf::default());
    engine.cors(conf);
    engine.add_route(Route::get("/users", async || "users"));
    engine.add_route(Route::post("/users", async || "user"));
    engine.add_route(Route::get("/own", async || "own"));
    engine.add_route(Route::options("/own", async || "what there is"));
    let mut request = Request::builder().method(method).uri(path);
    if method == "OPTIONS" {
        request = request.header(ACCESS_CONTROL_REQUEST_METHOD, "POST");
    }
    if let Some(origin) = origin {
        request = request.header(ORIGIN, origin);
    }
    engine.into_service().unwrap().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

/// The status and these headers of an answer, as text.
fn told(response: &Response, names: &[http::HeaderName]) -> (u16, Vec<String>) {
    let value = |name| response.headers().get(name).map_or("-", |value| value.to_str().unwrap()).to_owned();
    (response.status().as_u16(), names.iter().map(value).collect())
}

#[tokio::test]
async fn an_allowed_page_may_read() {
    for origin in [APP, "https://App.Example.com", "https://a.b.example.org"] {
        let response = ask(conf(), "GET", "/users", Some(origin)).await;
        let names = [
            ACCESS_CONTROL_ALLOW_ORIGIN,
            ACCESS_CONTROL_EXPOSE_HEADERS,
            ACCESS_CONTROL_ALLOW_CREDENTIALS,
            VARY,
        ];
        assert_eq!(
            told(&response, &names),
            (200, [origin, "X-Total", "-", "origin"].map(str::to_owned).to_vec())
        );
    }
}

#[tokio::test]
async fn another_page_is_served_and_may_not_read() {
    for origin in [
        Some("https://evil.example"),
        Some("https://app.example.com.evil.example"),
        Some("http://app.example.com"),
        Some("https://example.org"),
        Some("https://.example.org"),
        Some("null"),
        None,
    ] {
        let response = ask(conf(), "GET", "/users", origin).await;
        let expected = (200, ["-", "-", "origin"].map(str::to_owned).to_vec());
        let names = [ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, VARY];
        assert_eq!(told(&response, &names), expected, "{origin:?}");
    }
}

#[tokio::test]
async fn a_preflight_is_answered_with_the_methods_of_its_path() {
    let names = [
        ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_HEADERS,
        ACCESS_CONTROL_MAX_AGE,
    ];
    let response = ask(conf(), "OPTIONS", "/users", Some(APP)).await;
    let headers = "Content-Type, Origin, X-CSRF-Token, Authorization, AccessToken, Token, Range";
    assert_eq!(
        told(&response, &names),
        (204, [APP, "GET, HEAD, POST", headers, "86400"].map(str::to_owned).to_vec())
    );

    let response = ask(conf(), "OPTIONS", "/users", Some("https://evil.example")).await;
    assert_eq!(told(&response, &names), (204, vec!["-".to_owned(); 4]), "it is told nothing");
}

#[tokio::test]
async fn a_preflight_of_nothing_is_a_404_and_one_of_a_route_is_its_own() {
    let response = ask(conf(), "OPTIONS", "/nowhere", Some(APP)).await;
    assert_eq!(told(&response, &[ACCESS_CONTROL_ALLOW_ORIGIN]), (404, vec![APP.to_owned()]));

    let response = ask(conf(), "OPTIONS", "/own", Some(APP)).await;
    assert_eq!(told(&response, &[ACCESS_CONTROL_ALLOW_ORIGIN]), (200, vec![APP.to_owned()]));
}

#[tokio::test]
async fn a_wrong_method_stays_a_405() {
    let response = ask(conf(), "PUT", "/users", Some(APP)).await;
    assert_eq!(
        told(&response, &[ALLOW, ACCESS_CONTROL_ALLOW_ORIGIN]),
        (405, vec!["GET, HEAD, POST".into(), APP.into()])
    );

    let response = ask(conf(), "OPTIONS", "/users", None).await;
    assert_eq!(
        told(&response, &[ALLOW]),
        (405, vec!["GET, HEAD, POST".into()]),
        "without an origin it is no preflight"
    );
}

#[tokio::test]
async fn any_origin_is_told_so_and_never_with_credentials() {
    let response = ask(CorsConf::new(["*"]), "GET", "/users", Some(APP)).await;
    assert_eq!(told(&response, &[ACCESS_CONTROL_ALLOW_ORIGIN]), (200, vec!["*".into()]));

    let listed = CorsConf { allow_credentials: true, ..conf() };
    let response = ask(listed, "GET", "/users", Some(APP)).await;
    let names = [ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_ALLOW_CREDENTIALS];
    assert_eq!(told(&response, &names), (200, vec![APP.into(), "true".into()]));
}

#[test]
fn a_mistake_in_the_config_is_an_error_when_the_engine_is_built() {
    for (conf, expected) in [
        (
            CorsConf { allow_credentials: true, ..CorsConf::new(["*"]) },
            "CORS: any origin cannot be allowed together with credentials",
        ),
        (CorsConf::new(["example.com"]), "CORS: \"example.com\" is no origin, such as https://example.com"),
        (
            CorsConf::new(["https://a.com/"]),
            "CORS: \"https://a.com/\" is no origin, such as https://example.com",
        ),
        (
            CorsConf::new(["https://a*.com"]),
            "CORS: \"https://a*.com\" has a * elsewhere than for what is below a host",
        ),
        (CorsConf { allow_headers: vec!["a\nb".into()], ..conf() }, "CORS: \"a\\nb\" is no list of headers"),
    ] {
        let mut engine = Engine::new(RestConf::default());
        engine.cors(conf);
        let error: ServeError = engine.into_service().map(drop).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[tokio::test]
async fn pages_that_may_not_are_counted() {
    let mut engine = Engine::new(RestConf::default());
    engine.cors(conf());
    let metrics = engine.metrics();
    engine.add_route(Route::get("/", async || "users"));
    let service = engine.into_service().unwrap();
    for (origin, host) in [
        ("https://evil.example", "api.example.com"),
        ("null", "api.example.com"),
        (APP, "api.example.com"),
        ("https://api.example.com", "API.example.com"), // a page of the service itself
    ] {
        let request = Request::get("/").header(ORIGIN, origin).header(HOST, host);
        service.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    }
    assert!(metrics.text().contains("http_server_cors_refusals_total 2\n"), "{}", metrics.text());
}
