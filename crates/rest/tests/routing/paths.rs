use rest::extract::Path;
use rest::{Engine, EngineService, Method, Route, header};

use crate::support::{ask, call, conf, request, text};

async fn ok() {}

async fn one(Path(value): Path<String>) -> String {
    value
}

/// An engine with these GET routes, each of which answers its only parameter.
fn params<const N: usize>(paths: [&str; N]) -> EngineService {
    let mut engine = Engine::new(conf());
    for path in paths {
        engine.add_route(Route::get(path, one));
    }
    engine.into_service().unwrap()
}

#[tokio::test]
async fn each_method_has_its_own_route() {
    async fn method(method: Method) -> String {
        method.to_string()
    }
    let mut engine = Engine::new(conf());
    let shorthands =
        [Route::get, Route::post, Route::put, Route::patch, Route::delete, Route::head, Route::options];
    for route in shorthands {
        engine.add_route(route("/a", method));
    }
    engine.add_route(Route::new(Method::POST, "/b", method));
    let service = engine.into_service().unwrap();

    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] {
        assert_eq!(ask(&service, &format!("{method} /a")).await, format!("200 {method}"));
    }
    assert_eq!(ask(&service, "POST /b").await, "200 POST");
}

#[tokio::test]
async fn a_parameter_is_one_decoded_segment() {
    let service = params(["/users/:id"]);

    for (path, expected) in [
        ("/users/7", "200 7"),
        ("/users/a%20b", "200 a b"),
        ("/users/a%2Fb", "200 a/b"),
        ("/users/%C3%BC", "200 ü"),
        ("/users/a+b?id=8", "200 a+b"),
        ("/users/", "404 404 page not found"),
        ("/users/7/8", "404 404 page not found"),
    ] {
        assert_eq!(ask(&service, &format!("GET {path}")).await, expected, "{path}");
    }
}

#[tokio::test]
async fn a_catch_all_takes_the_rest_of_the_path() {
    let service = params(["/files/*path", "/files/top/:name"]);

    for (path, expected) in [
        ("/files/a", "200 a"),
        ("/files/a/b/c", "200 a/b/c"),
        ("/files/top/x", "200 x"),
        ("/files/top/x/y", "200 top/x/y"),
        ("/files", "404 404 page not found"),
        ("/files/", "404 404 page not found"),
    ] {
        assert_eq!(ask(&service, &format!("GET {path}")).await, expected, "{path}");
    }
}

#[tokio::test]
async fn a_path_is_cleaned_and_never_redirected() {
    let service = params(["/a/:id"]);

    for path in ["/a/1", "/a/1/", "//a//1", "/./a/./1", "/x/../a/1", "/x/%2e%2E/a/1", "/../a/1"] {
        assert_eq!(ask(&service, &format!("GET {path}")).await, "200 1", "{path}");
    }
}

#[tokio::test]
async fn an_unknown_path_is_404_with_a_text() {
    let service = params(["/a/:id"]);

    for line in ["GET /", "GET /b", "POST /b", "OPTIONS *", "TRACE /b"] {
        assert_eq!(ask(&service, line).await, "404 404 page not found", "{line}");
    }
}

#[tokio::test]
async fn a_path_of_other_methods_is_405_with_their_names_sorted() {
    let mut engine = Engine::new(conf());
    engine.add_route(Route::put("/a", ok));
    engine.add_route(Route::get("/:any", ok));
    engine.add_route(Route::delete("/a", ok));
    let service = engine.into_service().unwrap();

    for (line, allow) in
        [("POST /a", "DELETE, GET, HEAD, PUT"), ("TRACE /b", "GET, HEAD"), ("get /b", "GET, HEAD")]
    {
        let response = call(&service, request(line)).await;
        assert_eq!(response.headers()[header::ALLOW], allow, "{line}");
        assert_eq!(text(response).await, "405", "{line}");
    }
}

#[tokio::test]
async fn a_path_with_a_broken_encoding_is_400() {
    let service = params(["/a/:id"]);

    for path in ["/a/%", "/a/%zz", "/a/%ff", "/%2/../a/1"] {
        let answer = ask(&service, &format!("GET {path}")).await;
        assert_eq!(answer, "400 the path is not valid percent-encoded UTF-8", "{path}");
    }
}

#[test]
fn routes_are_listed_in_the_order_in_which_they_were_added() {
    let mut engine = Engine::new(conf());
    engine.add_route(Route::post("/b", ok)).add_route(Route::get("/c/", ok)).add_route(Route::get("/a", ok));

    let routes: Vec<_> = engine.routes().collect();

    assert_eq!(routes, [(&Method::POST, "/b"), (&Method::GET, "/c/"), (&Method::GET, "/a")]);
}
