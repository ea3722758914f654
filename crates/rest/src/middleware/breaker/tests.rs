//! The breaker in an engine.

use futures_util::FutureExt;
use http::StatusCode;
use tower::{Service, ServiceExt};

use crate::conf::MiddlewaresConf;
use crate::extract::Path;
use crate::service::EngineService;
use crate::{Engine, Request, RestConf, Route};

async fn answer(Path(status): Path<u16>) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or_default()
}

async fn wait() {
    std::future::pending::<()>().await;
}

async fn fail() {
    panic!("on purpose");
}

fn engine(middlewares: MiddlewaresConf) -> EngineService {
    let mut engine = Engine::new(RestConf { middlewares, ..RestConf::default() });
    engine.add_route(Route::get("/status/:status", answer));
    engine.add_route(Route::post("/status/:status", answer));
    engine.add_route(Route::get("/wait", wait));
    engine.add_route(Route::get("/panic", fail));
    engine.into_service().unwrap()
}

fn get(path: &str) -> Request {
    Request::get(path).body(crate::Body::empty()).unwrap()
}

/// Sends requests one after another and counts those answered with 503, which the handlers here never do.
async fn rejected(service: &EngineService, path: &str, count: usize) -> usize {
    let mut rejected = 0;
    for _ in 0..count {
        let response = service.clone().oneshot(get(path)).await.unwrap();
        rejected += usize::from(response.status() == StatusCode::SERVICE_UNAVAILABLE);
    }
    rejected
}

#[tokio::test(start_paused = true)]
async fn a_route_that_keeps_failing_is_rejected_and_others_are_not() {
    let service = engine(MiddlewaresConf::default());

    rejected(&service, "/status/500", 1000).await;
    // go-zero's own test: at least 80 of the next 100.
    let after = rejected(&service, "/status/500", 100).await;
    assert!(after >= 80, "{after} of 100 were rejected");

    let post = Request::post("/status/200").body(crate::Body::empty()).unwrap();
    assert_eq!(service.clone().oneshot(post).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn what_the_client_did_wrong_is_a_success() {
    let service = engine(MiddlewaresConf::default());
    assert_eq!(rejected(&service, "/status/400", 1000).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_switch_takes_it_out() {
    let service = engine(MiddlewaresConf { breaker: false, ..MiddlewaresConf::default() });
    assert_eq!(rejected(&service, "/status/500", 1000).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_does_not_count() {
    let mut service = engine(MiddlewaresConf::default());
    for _ in 0..1000 {
        let request = service.call(get("/wait"));
        let gone = tokio::time::timeout(std::time::Duration::from_millis(1), request).await;
        assert!(
            gone.is_err(),
            "the handler waits for ever: {:?}",
            gone.map(|response| response.unwrap().status())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_is_a_failure() {
    let service = engine(MiddlewaresConf::default());
    let all: Vec<_> = (0..1000).map(|_| service.clone().oneshot(get("/wait"))).collect();
    for answer in futures_util::future::join_all(all).await {
        assert_eq!(answer.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    let at_once = (0..100).filter(|_| service.clone().oneshot(get("/wait")).now_or_never().is_some()).count();
    assert!(at_once >= 80, "{at_once} of 100 were rejected, the others wait for the timeout");
}

#[tokio::test(start_paused = true)]
async fn a_panic_that_is_not_recovered_below_is_a_failure() {
    let service = engine(MiddlewaresConf { recover: false, ..MiddlewaresConf::default() });
    let rejected = rejected(&service, "/panic", 1000).await;
    assert!(rejected > 500, "{rejected} of 1000 were rejected");
}
