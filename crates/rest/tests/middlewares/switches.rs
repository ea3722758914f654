use std::pin::pin;
use std::time::Duration;

use futures_util::poll;
use rest::conf::MiddlewaresConf;
use rest::{Body, Engine, EngineService, Request, RestConf, Route};
use tokio::time::sleep;

use crate::support::log::Log;
use crate::support::{ask, call, conf, request, text};

/// An engine with low limits.
fn service(middlewares: MiddlewaresConf) -> EngineService {
    let timeout = Duration::from_secs(1);
    let mut engine = Engine::new(RestConf { max_conns: 1, max_bytes: 1, timeout, middlewares, ..conf() });
    engine.add_route(Route::get("/slow", || sleep(Duration::from_secs(2))));
    engine.add_route(Route::post("/echo", |body: String| async { body }));
    engine.into_service().unwrap()
}

/// What each limit does to a request that is over it.
async fn answers(service: &EngineService) -> [String; 3] {
    let timeout = ask(service, "GET /slow").await;
    let body = Request::post("/echo").body(Body::from("ab")).unwrap();
    let max_bytes = call(service, body).await.status().as_str().to_owned();

    let mut first = pin!(ask(service, "GET /slow"));
    assert!(poll!(first.as_mut()).is_pending());
    let second = call(service, request("GET /slow"));
    let max_conns = tokio::join!(first, async { text(second.await).await }).1;

    [timeout, max_bytes, max_conns]
}

#[tokio::test(start_paused = true)]
async fn each_limit_has_its_switch() {
    let all = MiddlewaresConf::default();
    let late = "503 Request Timeout";

    for (middlewares, expected) in [
        (all.clone(), [late, "413", "503"]),
        (MiddlewaresConf { timeout: false, ..all.clone() }, ["200", "413", "503"]),
        (MiddlewaresConf { max_bytes: false, ..all.clone() }, [late, "200", "503"]),
        (MiddlewaresConf { max_conns: false, ..all.clone() }, [late, "413", late]),
    ] {
        assert_eq!(answers(&service(middlewares.clone())).await, expected, "{middlewares:?}");
    }
}

#[tokio::test]
async fn the_access_log_has_its_switch() {
    let (log, _guard) = Log::capture();
    let service = service(MiddlewaresConf { log: false, ..MiddlewaresConf::default() });

    assert_eq!(ask(&service, "GET /none").await, "404 404 page not found");

    assert_eq!(log.text(), "");
}

#[tokio::test]
async fn without_recover_a_panic_is_still_a_500() {
    let mut conf = conf();
    conf.middlewares.recover = false;
    let mut engine = Engine::new(conf);
    engine.add_route(Route::get("/", || async { panic!("no") as () }));
    let service = engine.into_service().unwrap();

    assert_eq!(ask(&service, "GET /").await, "500");
}
