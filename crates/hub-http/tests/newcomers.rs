//! Whoever comes while a hub is being drained.

use hub::{Drain, Hub, HubConf};
use rest::{Engine, RouteGroup, test};
use ws::{Prepared, WebSocket};

use crate::support::rest_conf;

async fn chat(mut socket: WebSocket) -> Result<(), ws::Error> {
    while socket.recv().await?.is_some() {}
    Ok(())
}

#[tokio::test]
async fn a_handshake_is_refused_with_503_and_a_time_while_the_hub_is_drained() {
    let hub = Hub::<Prepared>::spawn(HubConf::default());
    let mut engine = Engine::new(rest_conf());
    let door = hub_http::refuse_while_draining(&hub);
    engine.add_routes(RouteGroup::new().layer(door).route(ws::route("/ws", chat)));
    let server = test::Server::start(engine).await;
    let url = format!("ws://{}/ws", server.addr());
    let before = ws::connect(&url).await.expect("the hub is not drained yet");

    hub.drain(Drain::default()).await.expect("it can be drained");

    let refused = ws::connect(&url).await.expect_err("it is drained");
    assert!(refused.is_transient());
    let response = refused.response().expect("an answer");
    assert_eq!(response.status(), 503);
    let seconds: u64 = response.headers()["retry-after"].to_str().expect("text").parse().expect("seconds");
    assert!((1..=5).contains(&seconds), "{seconds}");
    drop(before);
    server.stop().await;
}
