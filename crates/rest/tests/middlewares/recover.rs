use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rest::{Engine, Request, Route, RouteGroup};
use tower::util::MapRequestLayer;

use crate::support::client::Client;
use crate::support::log::Log;
use crate::support::{Running, ask, conf};

async fn panics() {
    panic!("what a pity");
}

#[tokio::test]
async fn a_panic_in_a_handler_is_an_empty_500_and_a_line_in_the_log() {
    let (log, _guard) = Log::capture();
    let mut engine = Engine::new(conf());
    engine.add_route(Route::get("/", panics));
    let service = engine.into_service().unwrap();

    assert_eq!(ask(&service, "GET /").await, "500");
    assert!(log.text().contains("what a pity"), "{}", log.text());
}

#[tokio::test]
async fn the_connection_and_the_server_outlive_a_panic() {
    let mut engine = Engine::new(conf());
    engine.add_route(Route::get("/panic", panics)).add_route(Route::get("/", || async { "well" }));
    let running = Running::start(engine).await;
    let mut client = Client::connect(running.addr).await;

    let panicked = client.get("/panic").await;
    let after = client.get("/").await;

    assert_eq!((panicked.status, &*panicked.body), (500, ""));
    assert_eq!((after.status, &*after.body), (200, "well"));
}

#[tokio::test]
async fn a_panic_in_a_layer_is_a_500() {
    let mut engine = Engine::new(conf());
    let group = RouteGroup::new().layer(MapRequestLayer::new(|_: Request| -> Request { panic!("no") }));
    engine.add_routes(group.route(Route::get("/", || async {})));
    let service = engine.into_service().unwrap();

    assert_eq!(ask(&service, "GET /").await, "500");
}

#[tokio::test]
async fn a_panic_in_a_clone_of_the_state_or_of_a_layer_is_a_500() {
    struct Fragile(Arc<AtomicBool>);
    impl Clone for Fragile {
        fn clone(&self) -> Self {
            assert!(!self.0.load(Ordering::Relaxed), "broken");
            Self(self.0.clone())
        }
    }
    let (state_broken, layer_broken) = <(Arc<AtomicBool>, Arc<AtomicBool>)>::default();
    let layer_state = Fragile(layer_broken.clone());
    let mut engine = Engine::with_state(conf(), Fragile(state_broken.clone()));
    engine.layer(MapRequestLayer::new(move |request: Request| {
        let _ = &layer_state;
        request
    }));
    engine.add_route(Route::get("/", || async {}));
    let service = engine.into_service().unwrap();
    assert_eq!(ask(&service, "GET /").await, "200");

    for broken in [state_broken, layer_broken] {
        broken.store(true, Ordering::Relaxed);
        assert_eq!(ask(&service, "GET /").await, "500");
        broken.store(false, Ordering::Relaxed);
        assert_eq!(ask(&service, "GET /").await, "200");
    }
}
