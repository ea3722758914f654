use std::time::Duration;

use rest::{Engine, RestConf, Route};

use crate::support::client::Client;
use crate::support::log::Log;
use crate::support::{Running, conf, within};

#[tokio::test]
async fn an_engine_that_stops_writes_what_it_has_counted_since_the_last_minute() {
    let (log, _guard) = Log::capture();
    let mut engine = Engine::new(RestConf { name: "shop".to_owned(), ..conf() });
    engine.add_route(Route::get("/", || tokio::time::sleep(Duration::from_millis(1))));
    let running = Running::start(engine).await;
    let mut client = Client::connect(running.addr).await;
    for _ in 0..3 {
        client.get("/").await;
    }
    drop(client);
    within("the engine has stopped", running.stop()).await;

    let text = log.text();
    let lines: Vec<_> = text.lines().filter(|line| line.contains(": stat name=\"shop\" qps=")).collect();
    assert_eq!(lines.len(), 1, "{text}");
    assert!(lines[0].contains(" drops=0 avg="), "{lines:?}");
}
