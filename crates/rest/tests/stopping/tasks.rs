//! The tasks of upgraded connections while the engine runs and stops.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use rest::conf::ShutdownConf;
use rest::{Connection, Engine, RestConf, Route, Stopping, Upgrade};
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::support::client::Client;
use crate::support::log::Log;
use crate::support::{Running, conf, within};

const SHORT: Duration = Duration::from_millis(200);
const UPGRADE: &str = "Connection: upgrade\r\nUpgrade: any\r\n";

/// An engine whose `/` is upgraded to this task.
async fn running<F, Fut>(conf: RestConf, task: F) -> Running
where
    F: FnOnce(Connection, Stopping) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let mut engine = Engine::new(conf);
    engine.add_route(Route::get("/", |upgrade: Upgrade| async move {
        upgrade.on_upgrade(HeaderMap::new(), task)
    }));
    engine.add_route(Route::get(
        "/stopping",
        |upgrade: Upgrade| async move { upgrade.is_stopping().to_string() },
    ));
    Running::start(engine).await
}

/// Says so when it is dropped.
struct Dropped(Arc<Notify>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tokio::test]
async fn a_task_is_told_and_waited_for() {
    let leave = Arc::new(Notify::new());
    let may_leave = leave.clone();
    let running = running(conf(), move |mut connection: Connection, mut stopping: Stopping| async move {
        assert_eq!((stopping.has_begun(), stopping.remaining()), (false, None));
        connection.write_all(b"begun;").await.unwrap();
        stopping.draining().await;
        assert!(stopping.has_begun() && stopping.remaining() > Some(Duration::from_secs(60)));
        connection.write_all(b"told;").await.unwrap();
        may_leave.notified().await;
        connection.write_all(b"bye").await.unwrap();
    })
    .await;
    let mut client = Client::connect(running.addr).await;
    assert_eq!(client.request("GET /", UPGRADE).await.status, 101);
    assert_eq!(client.read(6).await, "begun;");

    let mut stopped = Box::pin(running.stop());
    assert_eq!(client.read(5).await, "told;");
    assert!(futures_util::poll!(&mut stopped).is_pending(), "the task is not waited for");
    leave.notify_one();

    assert_eq!(client.closed().await, "bye");
    stopped.await;
}

#[tokio::test]
async fn a_task_that_does_not_end_is_dropped_at_the_wait_time() {
    let dropped = Arc::new(Notify::new());
    let in_task = dropped.clone();
    let shutdown = ShutdownConf { wrap_up_time: Duration::ZERO, wait_time: SHORT };
    let task = move |connection: Connection, _| async move {
        let _held = (connection, Dropped(in_task));
        std::future::pending::<()>().await;
    };
    let running = running(RestConf { shutdown, ..conf() }, task).await;
    let mut client = Client::connect(running.addr).await;
    client.request("GET /", UPGRADE).await;

    let begin = Instant::now();
    running.stop().await;

    assert!(begin.elapsed() >= SHORT, "{:?}", begin.elapsed());
    within("the task is dropped", dropped.notified()).await;
    assert_eq!(client.closed().await, "");
}

#[tokio::test]
async fn a_panic_in_a_task_ends_its_connection_alone() {
    let (log, _guard) = Log::capture();
    let running = running(conf(), |_, _| async { panic!("what a pity") }).await;

    for _ in 0..2 {
        let mut client = Client::connect(running.addr).await;
        assert_eq!(client.request("GET /", UPGRADE).await.status, 101);
        assert_eq!(client.closed().await, "");
    }

    running.stop().await;
    assert_eq!(log.text().matches("what a pity").count(), 2, "{}", log.text());
}

#[tokio::test]
async fn a_task_outlives_the_requests_timeout_and_the_idle_timeout() {
    let conf = RestConf { timeout: SHORT, header_timeout: SHORT, idle_timeout: SHORT, ..conf() };
    let (proceed, dropped) = <(Arc<Notify>, Arc<Notify>)>::default();
    let (may_proceed, in_task) = (proceed.clone(), dropped.clone());
    let running = running(conf, move |mut connection: Connection, _| async move {
        let _held = Dropped(in_task);
        may_proceed.notified().await;
        connection.write_all(b"still here").await.unwrap();
    })
    .await;
    let mut client = Client::connect(running.addr).await;
    client.request("GET /", UPGRADE).await;

    // Others that are cut, one after the other, show that the time has passed.
    for _ in 0..2 {
        Client::connect(running.addr).await.closed().await;
    }
    proceed.notify_one();

    assert_eq!(client.closed().await, "still here");
    dropped.notified().await;
}

#[tokio::test]
async fn a_handler_can_tell_that_the_engine_is_stopping() {
    let wrap_up_time = Duration::from_secs(2);
    let shutdown = ShutdownConf { wrap_up_time, ..conf().shutdown };
    let running = running(RestConf { shutdown, ..conf() }, |_, _| async {}).await;
    let mut client = Client::connect(running.addr).await;
    assert_eq!(client.request("GET /stopping", UPGRADE).await.body, "false");

    let stopped = running.stop();

    within("it is stopping", async {
        while client.request("GET /stopping", UPGRADE).await.body != "true" {}
    })
    .await;
    stopped.await;
}

#[tokio::test]
async fn a_task_of_a_mounted_engine_belongs_to_the_engine_that_serves() {
    let mut inner = Engine::new(conf());
    inner.add_route(Route::get("/", |upgrade: Upgrade| async {
        upgrade.on_upgrade(HeaderMap::new(), |mut connection: Connection, mut stopping| async move {
            stopping.draining().await;
            connection.write_all(b"bye").await.unwrap();
        })
    }));
    let mut outer = Engine::new(conf());
    outer.mount("/inner", inner.into_service().unwrap());
    let running = Running::start(outer).await;
    let mut client = Client::connect(running.addr).await;
    assert_eq!(client.request("GET /inner", UPGRADE).await.status, 101);

    running.stop().await;

    assert_eq!(client.closed().await, "bye");
}
