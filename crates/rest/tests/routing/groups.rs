use rest::{Engine, Route, RouteGroup};

use crate::support::{ask, conf};

async fn ok() {}

#[test]
fn a_prefix_stands_before_each_path_of_its_group() {
    for (prefix, path, expected) in [
        ("/api", "/users", "/api/users"),
        ("/api/", "/users", "/api/users"),
        ("/api", "/", "/api"),
        ("/api/", "/", "/api"),
        ("/api", "/users/", "/api/users/"),
        ("/rooms/:room", "/lines/:n", "/rooms/:room/lines/:n"),
        ("", "/users", "/users"),
        ("/", "/users", "/users"),
        ("/", "/", "/"),
        ("", "/", "/"),
    ] {
        let mut engine = Engine::new(conf());
        engine.add_routes(RouteGroup::new().prefix(prefix).route(Route::get(path, ok)));

        let (_, joined) = engine.routes().next().unwrap();
        assert_eq!(joined, expected, "{prefix:?} and {path:?}");
        assert!(engine.into_service().is_ok(), "{prefix:?} and {path:?}");
    }
}

#[test]
fn a_prefix_does_not_mend_a_path_and_a_path_not_a_prefix() {
    for (prefix, path, expected) in [
        ("/api", "users", "GET users must have a path that begins with /"),
        ("/api", "", "GET  must have a path that begins with /"),
        ("api", "/users", "GET api/users must have a path that begins with /"),
    ] {
        let mut engine = Engine::new(conf());
        engine.add_routes(RouteGroup::new().prefix(prefix).route(Route::get(path, ok)));

        let error = engine.into_service().unwrap_err().to_string();
        assert_eq!(error, format!("1 of the routes cannot be used:\n  {expected}"));
    }
}

#[tokio::test]
async fn groups_share_a_prefix_and_nothing_else() {
    let named = |name: &'static str| Route::get(format!("/{name}"), move || async move { name });
    let mut engine = Engine::new(conf());
    engine.add_routes(RouteGroup::new().prefix("/api").routes([named("a"), named("b")]));
    engine.add_routes(RouteGroup::new().prefix("/api").route(named("c")));
    engine.add_routes(RouteGroup::new().prefix("/other").route(named("a")));
    let service = engine.into_service().unwrap();

    for (path, expected) in [
        ("/api/a", "200 a"),
        ("/api/b", "200 b"),
        ("/api/c", "200 c"),
        ("/other/a", "200 a"),
        ("/other/c", "404 404 page not found"),
        ("/a", "404 404 page not found"),
    ] {
        assert_eq!(ask(&service, &format!("GET {path}")).await, expected, "{path}");
    }
}
