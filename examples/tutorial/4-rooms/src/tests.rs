use rest::test;
use serde_json::{Value, json};
use ws::{CloseCode, CloseFrame};

use super::*;

#[tokio::test]
async fn a_room_hears_what_is_said_in_it_and_who_said_it() {
    let server = test::Server::start(engine(conf().unwrap())).await;
    let mut ann = Visitor::come(&server, "Ann").await;
    let mut bob = Visitor::come(&server, "Bob").await;
    ann.join("kitchen").await;
    bob.join("kitchen").await;

    ann.say(json!({"type": "publish", "topic": "kitchen", "data": "Tea?"})).await;
    let heard = bob.hears("message").await;
    assert_eq!((&heard["from"]["user"], &heard["data"]), (&json!("Ann"), &json!("Tea?")));
}

#[tokio::test]
async fn who_comes_and_who_leaves_is_told_at_once() {
    let server = test::Server::start(engine(conf().unwrap())).await;
    let mut ann = Visitor::come(&server, "Ann").await;
    ann.join("kitchen").await;
    assert_eq!(ann.hears("presence").await["joined"][0]["user"], "Ann");

    let mut bob = Visitor::come(&server, "Bob").await;
    let online = bob.join("kitchen").await["presence"]["users"].clone();
    assert_eq!(online.as_array().map(Vec::len), Some(2));
    assert_eq!(ann.hears("presence").await["joined"][0]["user"], "Bob");

    bob.socket.close(CloseFrame::new(CloseCode::NORMAL, "bye")).await;
    assert_eq!(ann.hears("presence").await["left"], json!(["Bob"]));
}

#[tokio::test]
async fn nobody_comes_without_a_name() {
    let server = test::Server::start(engine(conf().unwrap())).await;
    let mut nobody = Visitor::connect(&server).await;
    nobody.say(json!({"type": "connect", "id": 1, "data": " "})).await;
    assert_eq!(nobody.hears("error").await["code"], "rejected");
}

/// What the page does, as a test does it.
struct Visitor {
    socket: WebSocket,
}

impl Visitor {
    async fn connect(server: &test::Server) -> Self {
        Self { socket: ws::connect(format!("ws://{}/ws", server.addr())).await.unwrap() }
    }

    async fn come(server: &test::Server, name: &str) -> Self {
        let mut visitor = Self::connect(server).await;
        visitor.say(json!({"type": "connect", "id": 1, "data": name})).await;
        visitor.hears("ok").await;
        visitor
    }

    async fn join(&mut self, room: &str) -> Value {
        self.say(json!({"type": "join", "id": 2, "topic": room})).await;
        self.hears("ok").await
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
