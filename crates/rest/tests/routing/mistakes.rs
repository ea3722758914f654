use http::Method;
use rest::{Engine, RestConf, Route, RouteGroup, ServeError};

use crate::support::conf;

async fn ok() {}

/// An engine with each mistake there is.
fn mistaken(conf: RestConf) -> Engine {
    let mut engine = Engine::new(conf);
    engine.add_route(Route::get("/u/:id", ok));
    engine.add_routes(RouteGroup::new().prefix("/u").route(Route::get("/:name", ok)));
    engine.add_route(Route::new(Method::TRACE, "/u", ok));
    engine.add_route(Route::get("u", ok));
    engine.add_route(Route::get("/u/:", ok));
    engine.add_route(Route::get("/u/:id/:id", ok));
    engine.add_route(Route::get("/f/*path/info", ok));
    engine.mount("/static", nobody());
    engine.mount("/static/", nobody());
    engine.mount("files", nobody());
    engine
}

fn nobody() -> rest::EngineService {
    Engine::new(conf()).into_service().unwrap()
}

const MISTAKES: &str = "\
8 of the routes cannot be used:
  GET /u/:name conflicts with GET /u/:id
  TRACE /u has a method that routes cannot have, use one of DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT
  GET u must have a path that begins with /
  GET /u/: has a parameter without a name
  GET /u/:id/:id has more than one parameter named id
  GET /f/*path/info must have its * parameter at the end
  mount /static/ conflicts with mount /static/
  mount files must have a path that begins with /";

#[test]
fn all_mistakes_are_reported_together() {
    let error = mistaken(conf()).into_service().unwrap_err();

    assert_eq!(error.to_string(), MISTAKES);
    assert!(matches!(error, ServeError::Routes(mistakes) if mistakes.len() == 8));
}

#[tokio::test]
async fn an_engine_with_mistakes_does_not_listen() {
    let conf = RestConf { host: "127.0.0.1".to_owned(), port: 0, ..conf() };

    let error = mistaken(conf).bind().await.unwrap_err();

    assert_eq!(error.to_string(), MISTAKES);
}

#[test]
fn what_main_returns_is_readable() {
    let error = mistaken(conf()).into_service().unwrap_err();

    assert_eq!(format!("{error:?}"), MISTAKES);
}
