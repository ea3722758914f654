use rest::test;
use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn a_newcomer_hears_what_was_said_before() {
    let server = test::Server::start(engine(conf().unwrap())).await;
    let mut ann = Visitor::come(&server, "Ann").await;
    ann.join("history", json!(50)).await;
    ann.publish("Tea?", "ann-1").await;

    let mut bob = Visitor::come(&server, "Bob").await;
    bob.join("history", json!(50)).await;
    assert_eq!(bob.hears("message").await["data"], "Tea?");
}

#[tokio::test]
async fn who_returns_hears_what_it_missed_and_nobody_noticed_that_it_was_gone() {
    let server = test::Server::start(engine(conf().unwrap())).await;
    let mut ann = Visitor::come(&server, "Ann").await;
    ann.join("history", json!(50)).await;
    let mut bob = Visitor::come(&server, "Bob").await;
    let position = bob.join("history", json!(50)).await["position"].clone();
    bob.hears("presence").await;
    drop(bob); // no close: the plug is pulled

    ann.publish("Tea?", "ann-1").await;
    ann.publish("Nobody?", "ann-2").await;

    let mut bob = Visitor::come(&server, "Bob").await;
    let joined = bob.join("since", position).await;
    assert_eq!(joined["recovered"], true);
    assert_eq!(bob.hears("message").await["data"], "Tea?");
    assert_eq!(bob.hears("message").await["data"], "Nobody?");

    bob.publish("I am back.", "bob-1").await;
    let notices = ann.hears_until("I am back.").await;
    assert!(notices.iter().all(|object| object["left"].is_null()), "{notices:?}");
}

#[tokio::test]
async fn what_is_said_again_with_its_key_is_said_once() {
    let server = test::Server::start(engine(conf().unwrap())).await;
    let mut ann = Visitor::come(&server, "Ann").await;
    ann.join("history", json!(50)).await;
    let first = ann.publish("Tea?", "ann-1").await;
    let again = ann.publish("Tea?", "ann-1").await;
    assert_eq!((&again["duplicate"], &again["position"]), (&json!(true), &first["position"]));
}

/// What the page does, as a test does it.
struct Visitor {
    socket: WebSocket,
}

impl Visitor {
    async fn come(server: &test::Server, name: &str) -> Self {
        let socket = ws::connect(format!("ws://{}/ws", server.addr())).await.unwrap();
        let mut visitor = Self { socket };
        visitor.say(json!({"type": "connect", "id": 1, "data": name})).await;
        visitor.hears("ok").await;
        visitor
    }

    async fn join(&mut self, how: &str, from: Value) -> Value {
        self.say(json!({"type": "join", "id": 2, "topic": "lobby", (how): from})).await;
        self.hears("ok").await
    }

    async fn publish(&mut self, text: &str, key: &str) -> Value {
        self.say(json!({"type": "publish", "id": 3, "topic": "lobby", "data": text, "key": key})).await;
        self.hears("ok").await
    }

    async fn say(&mut self, command: Value) {
        self.socket.send(command.to_string()).await.unwrap();
    }

    async fn next(&mut self) -> Value {
        let message = self.socket.recv().await.unwrap().expect("a message, and not the end");
        serde_json::from_slice(message.as_bytes()).unwrap()
    }

    /// The next object of this type; what comes before it is let go.
    async fn hears(&mut self, kind: &str) -> Value {
        loop {
            let object = self.next().await;
            if object["type"] == kind {
                return object;
            }
        }
    }

    /// All objects up to the message with this text.
    async fn hears_until(&mut self, text: &str) -> Vec<Value> {
        let mut objects = Vec::new();
        loop {
            let object = self.next().await;
            if object["data"] == text {
                return objects;
            }
            objects.push(object);
        }
    }
}
