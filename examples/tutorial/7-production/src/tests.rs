use hub::backplane::loopback::Bus;
use rest::test;
use serde_json::{Value, json};
use ws::Dialer;

use super::*;
use crate::login::LoggedIn;

#[tokio::test]
async fn the_built_in_config_is_good() {
    let conf = built_in().unwrap();
    assert!(conf.rest.dev_server.enabled);
    assert!(DRAIN < conf.rest.shutdown.wait_time);
}

#[tokio::test]
async fn who_is_connected_when_the_server_stops_is_told_when_to_return() {
    let server = start(Hub::spawn(HubConf::default())).await;
    let mut ann = Visitor::come(&server, "Ann").await;
    let stopped = server.stop();
    let end = ann.hears("end").await;
    assert_eq!(end["code"], "draining");
    assert!(end["retry_after_ms"].as_u64().unwrap() <= 5000, "{end}");
    assert!(ann.socket.recv().await.unwrap().is_none(), "the close is the last");
    stopped.await;
}

#[tokio::test]
async fn two_servers_on_one_bus_are_one_chat() {
    let bus = Bus::new(1);
    let on = |name| start(Hub::spawn_on(built_in().unwrap().hub, bus.node(name)));
    let (a, b) = (on("a").await, on("b").await);
    let mut ann = Visitor::come(&a, "Ann").await;
    let mut bob = Visitor::come(&b, "Bob").await;
    while ann.hears("presence").await["joined"][0]["user"] != "Bob" {}

    ann.say(json!({"type": "publish", "topic": "lobby", "data": "Tea?"})).await;
    assert_eq!(bob.hears("message").await["from"]["user"], "Ann");
}

async fn start(hub: Hub<Publication<Prepared>>) -> test::Server {
    test::Server::start(engine(built_in().unwrap(), hub)).await
}

/// What the page does, as a test does it.
struct Visitor {
    socket: WebSocket,
}

impl Visitor {
    /// Logs in, connects, and joins the lobby.
    async fn come(server: &test::Server, name: &str) -> Self {
        let answer = server.connect().await.post_json("/login", &json!({"name": name})).await;
        let LoggedIn { token } = answer.json();
        let dialer = Dialer::new(WsConf::default()).subprotocols([SUBPROTOCOL, "bearer", &token]);
        let socket = dialer.connect(format!("ws://{}/ws", server.addr())).await.unwrap();
        let mut visitor = Self { socket };
        visitor.say(json!({"type": "connect", "id": 1})).await;
        visitor.say(json!({"type": "join", "id": 2, "topic": "lobby"})).await;
        visitor.hears("ok").await; // to connect
        visitor.hears("ok").await; // to join
        visitor
    }

    async fn say(&mut self, command: Value) {
        self.socket.send(command.to_string()).await.unwrap();
    }

    /// The next object of this type; what comes before it is let go.
    async fn hears(&mut self, kind: &str) -> Value {
        loop {
            let message = self.socket.recv().await.unwrap().expect("a message, and not the end");
            let object: Value = serde_json::from_slice(message.as_bytes()).unwrap();
            if object["type"] == kind {
                return object;
            }
        }
    }
}
