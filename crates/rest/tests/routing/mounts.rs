use std::convert::Infallible;

use rest::{Engine, EngineService, Request, Route};
use tower::{Service, service_fn};

use crate::support::{ask, conf};

/// A service that answers its name and what it sees.
fn named(
    name: &'static str,
) -> impl Service<Request, Response = String, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
    service_fn(move |request: Request| async move {
        Ok(format!("{name}: {} {}", request.method(), request.uri()))
    })
}

fn mounted<const N: usize>(prefixes: [&'static str; N]) -> EngineService {
    let mut engine = Engine::new(conf());
    for prefix in prefixes {
        engine.mount(prefix, named(prefix));
    }
    engine.add_route(Route::get("/static/route", || async { "route" }));
    engine.into_service().unwrap()
}

#[tokio::test]
async fn a_mount_gets_what_lies_under_its_prefix_without_it() {
    let service = mounted(["/static"]);

    for (line, expected) in [
        ("GET /static", "200 /static: GET /"),
        ("GET /static/", "200 /static: GET /"),
        ("GET /static/a/b", "200 /static: GET /a/b"),
        ("POST /static/a?q=1&r=/x", "200 /static: POST /a?q=1&r=/x"),
        ("GET /static?q=1", "200 /static: GET /?q=1"),
        ("GET /static/a%2Fb%20c", "200 /static: GET /a%2Fb%20c"),
        ("GET http://example.com/static/a", "200 /static: GET http://example.com/a"),
        ("GET //static/a", "200 /static: GET /a"),
        ("GET ///static//a//?q=//", "200 /static: GET /a/?q=//"),
        ("GET /statics", "404 404 page not found"),
        ("GET /a/static", "404 404 page not found"),
        ("GET /", "404 404 page not found"),
    ] {
        assert_eq!(ask(&service, line).await, expected, "{line}");
    }
}

#[tokio::test]
async fn the_longest_prefix_wins() {
    let service = mounted(["/", "/static/img/", "/static"]);

    for (line, expected) in [
        ("GET /static/img/a", "200 /static/img/: GET /a"),
        ("GET /static/imgs", "200 /static: GET /imgs"),
        ("GET /other?q", "200 /: GET /other?q"),
        ("GET /", "200 /: GET /"),
    ] {
        assert_eq!(ask(&service, line).await, expected, "{line}");
    }
}

#[tokio::test]
async fn a_route_goes_before_a_mount() {
    let service = mounted(["/static"]);

    for (line, expected) in [
        ("GET /static/route", "200 route"),
        ("GET /static/x/../route", "200 route"),
        ("POST /static/route", "200 /static: POST /route"),
    ] {
        assert_eq!(ask(&service, line).await, expected, "{line}");
    }
}

#[tokio::test]
async fn no_path_climbs_out_of_a_mount() {
    let service = mounted(["/static"]);

    for path in [
        "/static/..",
        "/static/../secret",
        "/static/a/../../secret",
        "/static/%2e%2E/secret",
        "/static/..%2fsecret",
        "/static/a%5c..%5csecret",
    ] {
        assert_eq!(ask(&service, &format!("GET {path}")).await, "404 404 page not found", "{path}");
    }
    assert_eq!(ask(&service, "GET /static/a..b/...").await, "200 /static: GET /a..b/...");
}

#[tokio::test]
async fn a_mounted_service_that_fails_is_a_500() {
    let mut engine = Engine::new(conf());
    engine.mount("/bad", service_fn(|_| async { Err::<String, _>(std::io::Error::other("out of order")) }));
    let service = engine.into_service().unwrap();

    assert_eq!(ask(&service, "GET /bad/a").await, "500");
}

#[tokio::test]
async fn an_engine_can_be_mounted_into_another() {
    let mut inner = Engine::new(conf());
    inner.add_route(Route::get("/hello", || async { "Hello!" }));
    let mut outer = Engine::new(conf());
    outer.mount("/inner", inner.into_service().unwrap());
    let service = outer.into_service().unwrap();

    assert_eq!(ask(&service, "GET /inner/hello").await, "200 Hello!");
}
