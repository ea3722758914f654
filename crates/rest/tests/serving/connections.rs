//! How many connections there may be.

use rest::{Engine, RestConf, Route};

use crate::support::client::Client;
use crate::support::{Running, conf, within};

async fn running(max_connections: usize, max_connections_per_ip: usize) -> Running {
    let mut engine = Engine::new(RestConf { max_connections, max_connections_per_ip, ..conf() });
    engine.add_route(Route::get("/", async || "Hello!"));
    Running::start(engine).await
}

#[tokio::test]
async fn one_connection_too_many_is_told_to_come_again() {
    for (total, per_ip) in [(1, 0), (0, 1)] {
        let running = running(total, per_ip).await;
        let mut first = Client::connect(running.addr).await;
        assert_eq!(first.get("/").await.status, 200);

        let mut second = Client::connect(running.addr).await;
        let reply = second.reply().await;
        assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")));
        assert_eq!(second.closed().await, "");

        drop(first);
        within("there is room again", async {
            loop {
                let mut third = Client::connect(running.addr).await;
                if third.get("/").await.status == 200 {
                    return;
                }
            }
        })
        .await;
    }
}
