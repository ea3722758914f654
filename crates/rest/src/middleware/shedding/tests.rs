//! The shedders between a client and a handler.

use tower::{ServiceExt, service_fn};

use super::*;
use crate::conf::MiddlewaresConf;
use crate::{Body, IntoResponse};

/// A route with these answers; what is not asked for an answer stays.
fn route(
    layer: &SheddingLayer,
    status: StatusCode,
) -> impl Service<Request, Response = Response, Error = Infallible> + Clone {
    layer.layer(service_fn(move |_| async move { Ok(status.into_response()) }))
}

async fn ask(layer: &SheddingLayer) -> StatusCode {
    let answer = route(layer, StatusCode::OK).oneshot(Request::new(Body::empty())).await;
    answer.unwrap().status()
}

/// Makes twenty requests that stay, and ten that do not: the average is 20 * (1 - 0.9^10) = 13.0.
async fn crowd(layer: &SheddingLayer) -> Vec<impl Future> {
    let mut route = route(layer, StatusCode::OK);
    let crowd = (0..20).map(|_| route.call(Request::new(Body::empty()))).collect();
    for _ in 0..10 {
        assert_eq!(ask(layer).await, StatusCode::OK);
    }
    crowd
}

#[tokio::test(start_paused = true)]
async fn a_crowd_on_a_busy_machine_is_shed_until_it_has_gone() {
    let shedding = Shedding::new(&RestConf::default()).unwrap();
    let layer = shedding.layer(false, Stat::default());
    let crowd = crowd(&layer).await;
    assert_eq!(ask(&layer).await, StatusCode::OK, "the CPU is idle");

    shedding.cpu.set(1000.0);
    assert_eq!(ask(&layer).await, StatusCode::SERVICE_UNAVAILABLE);

    drop(crowd); // as when the clients go away
    assert_eq!(ask(&layer).await, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn priority_gives_way_later() {
    let shedding = Shedding::new(&RestConf::default()).unwrap();
    let (normal, priority) = (shedding.layer(false, Stat::default()), shedding.layer(true, Stat::default()));
    let _crowds = (crowd(&normal).await, crowd(&priority).await);

    shedding.cpu.set(949.0); // normal: (1000 - 949) / 100 of the 10 of a service without a past
    assert_eq!(ask(&normal).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ask(&priority).await, StatusCode::OK);
    shedding.cpu.set(950.0);
    assert_eq!(ask(&priority).await, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_upgraded_is_no_load() {
    let shedding = Shedding::new(&RestConf::default()).unwrap();
    let layer = shedding.layer(false, Stat::default());
    let mut upgraded = Vec::new();
    for _ in 0..100 {
        let upgrade = route(&layer, StatusCode::SWITCHING_PROTOCOLS);
        upgraded.push(upgrade.oneshot(Request::new(Body::empty())).await.unwrap());
    }
    shedding.cpu.set(1000.0);
    assert_eq!(ask(&layer).await, StatusCode::OK);
    assert_eq!(upgraded.len(), 100, "they are all still there");
}

#[test]
fn the_config_can_do_without() {
    let conf = RestConf::default();
    assert!(Shedding::new(&conf).is_some());
    assert!(Shedding::new(&RestConf { cpu_threshold: 0, ..conf.clone() }).is_none());
    let middlewares = MiddlewaresConf { shedding: false, ..MiddlewaresConf::default() };
    assert!(Shedding::new(&RestConf { middlewares, ..conf.clone() }).is_none());
    for mode in [Mode::Dev, Mode::Test, Mode::Rt, Mode::Pre] {
        assert!(Shedding::new(&RestConf { mode, ..conf.clone() }).is_none(), "{mode:?}");
    }
}
