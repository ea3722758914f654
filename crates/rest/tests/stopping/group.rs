//! Several services as one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rest::{Engine, RestConf, Route, Service, ServiceGroup, Stopping};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;

use crate::support::client::Client;
use crate::support::{conf, within};

type Said = Arc<Mutex<Vec<&'static str>>>;
type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// A service that says when it is asked to end, and has ended.
fn polite(said: &Said, name: [&'static str; 2], all: &Arc<Barrier>) -> impl Service + use<> {
    let (said, all) = (said.clone(), all.clone());
    async move |mut stopping: Stopping| -> Outcome {
        all.wait().await;
        stopping.draining().await;
        said.lock().expect("no panic").push(name[0]);
        tokio::task::yield_now().await;
        said.lock().expect("no panic").push(name[1]);
        Ok(())
    }
}

async fn stops(mut stopping: Stopping) -> Outcome {
    stopping.draining().await;
    Ok(())
}

#[tokio::test]
async fn services_start_together_and_stop_one_by_one_in_reverse() {
    let said = Said::default();
    let all = Arc::new(Barrier::new(3)); // the test is one of them
    let mut group = ServiceGroup::new();
    group.add(polite(&said, ["first is asked", "first has ended"], &all));
    group.add(polite(&said, ["second is asked", "second has ended"], &all));
    let stop = group.stop_handle();
    let running = tokio::spawn(group.start());
    within("all have started", all.wait()).await;

    within("all have ended", stop.stop()).await;

    running.await.unwrap().unwrap();
    assert_eq!(
        *said.lock().unwrap(),
        ["second is asked", "second has ended", "first is asked", "first has ended"]
    );
}

#[tokio::test]
async fn engines_are_services_bound_or_not() {
    let local = || RestConf { host: "127.0.0.1".to_owned(), port: 0, ..conf() };
    let mut engine = Engine::new(local());
    engine.add_route(Route::get("/", async || "Hello!"));
    let server = engine.bind().await.unwrap();
    let addr = server.addr();
    let mut group = ServiceGroup::new();
    group.add(server).add(Engine::new(local()));
    let stop = group.stop_handle();
    let running = tokio::spawn(group.start());
    assert_eq!(Client::connect(addr).await.get("/").await.body, "Hello!");

    within("all have ended", stop.stop()).await;

    running.await.unwrap().unwrap();
    assert!(TcpStream::connect(addr).await.is_err(), "nobody listens");
}

#[tokio::test]
async fn the_failure_of_one_stops_the_others_and_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let said = Said::default();
    let mut group = ServiceGroup::new();
    group.add(polite(&said, ["is asked", "has ended"], &Arc::new(Barrier::new(1))));
    group.add(Engine::new(RestConf { host: "127.0.0.1".to_owned(), port, ..conf() }));

    let error = within("it ends", group.start()).await.unwrap_err().to_string();

    assert!(error.starts_with(&format!("cannot listen on 127.0.0.1:{port}: ")), "{error}");
    assert_eq!(*said.lock().unwrap(), ["is asked", "has ended"]);
}

#[tokio::test]
async fn a_panic_is_a_failure() {
    let mut group = ServiceGroup::new();
    group.add(stops).add(async |_: Stopping| -> Outcome { panic!("no queue") });

    let error = within("it ends", group.start()).await.unwrap_err();

    assert_eq!(error.to_string(), "a service panicked: no queue");
}

#[tokio::test]
async fn a_group_ends_when_all_are_done() {
    let mut group = ServiceGroup::new();
    group.add(async |_: Stopping| Ok(())).add(async |_: Stopping| Ok(()));

    within("it ends", group.start()).await.unwrap();
    within("nothing is done at once", ServiceGroup::new().start()).await.unwrap();
}

#[tokio::test]
async fn a_service_that_does_not_end_is_dropped_after_its_time() {
    struct Stubborn(Arc<Barrier>);

    impl Service for Stubborn {
        async fn start(self, _: Stopping) -> Outcome {
            self.0.wait().await;
            std::future::pending().await
        }

        fn wait_time(&self) -> Duration {
            Duration::from_millis(50)
        }
    }

    let begun = Arc::new(Barrier::new(2));
    let mut group = ServiceGroup::new();
    group.add(stops).add(Stubborn(begun.clone()));
    let stop = group.stop_handle();
    let running = tokio::spawn(group.start());
    begun.wait().await;

    within("it ends all the same", stop.stop()).await;

    running.await.unwrap().unwrap();
    assert_eq!(Arc::strong_count(&begun), 1, "it was dropped");
}
