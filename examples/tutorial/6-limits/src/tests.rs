use rest::test;
use serde_json::{Value, json};
use ws::Dialer;
use ws::test::{Frame, Peer};

use super::*;
use crate::login::LoggedIn;

#[tokio::test]
async fn nobody_gets_in_without_a_token() {
    let server = test::Server::start(engine(conf().unwrap())).await;
    let refused = ws::connect(format!("ws://{}/ws", server.addr())).await.unwrap_err();
    assert!(refused.to_string().contains("401"), "{refused}");
}

#[tokio::test]
async fn who_has_logged_in_speaks_in_that_name() {
    let server = test::Server::start(engine(conf().unwrap())).await;
    let mut ann = Visitor::come(&server, "Ann").await;
    ann.say(json!({"type": "publish", "id": 3, "topic": "lobby", "data": "Tea?"})).await;
    assert_eq!(ann.hears("message").await["from"]["user"], "Ann");
}

#[tokio::test]
async fn who_talks_too_fast_is_told_when_to_go_on() {
    let server = test::Server::start(engine(conf().unwrap())).await;
    let mut ann = Visitor::come(&server, "Ann").await;
    for _ in 0..6 {
        ann.say(json!({"type": "publish", "topic": "lobby", "data": "Tea!"})).await;
    }
    let error = ann.hears("error").await;
    assert_eq!(error["code"], "rate_limited");
    assert!(error["retry_after_ms"].as_u64().unwrap() <= 1000, "one message a second: {error}");
}

#[tokio::test]
async fn who_says_too_much_at_once_is_refused() {
    let server = test::Server::start(engine(conf().unwrap())).await;
    let mut ann = Visitor::come(&server, "Ann").await;
    ann.say(json!({"type": "publish", "id": 3, "topic": "lobby", "data": "x".repeat(501)})).await;
    assert_eq!(ann.hears("error").await["message"], "a message has 1 to 500 characters");
}

#[tokio::test]
async fn who_is_too_slow_is_sent_away_and_told_why() {
    let mut bob = slow("lobby").await;
    let mut frame = bob.frame().await;
    let mut last = Value::Null;
    while frame.first == TEXT {
        last = serde_json::from_slice(&frame.payload).unwrap();
        frame = bob.frame().await;
    }
    assert_eq!((&last["type"], &last["code"]), (&json!("end"), &json!("too_slow")));
    assert_eq!(frame.close().0, 1013);
}

#[tokio::test]
async fn who_is_too_slow_in_a_live_room_loses_the_oldest_and_is_told_how_many() {
    let mut bob = slow("live:match").await;
    let (mut heard, mut lost) = (0, 0);
    while heard + lost < FLOOD {
        let object: Value = serde_json::from_str(&bob.text().await).unwrap();
        match object["type"].as_str().unwrap() {
            "gap" => lost += object["to"].as_u64().unwrap() - object["from"].as_u64().unwrap() + 1,
            "message" => heard += 1,
            _ => {}
        }
    }
    assert!(lost > 0);
}

/// Bob, who joins a room and then reads nothing, while it is flooded; what he did not read waits in a pipe of 1 KiB.
async fn slow(room: &str) -> Peer {
    let conf = conf().unwrap();
    let hub = Hub::spawn(conf.hub);
    let chat = Server::with_conf(hub.clone(), Members, conf.protocol);
    let (socket, mut bob) = Peer::of_server(conf.ws, 1024).await;
    let user = Identity::user(UserId::new("Bob").unwrap());
    tokio::spawn(socket.run(async move |socket| ws::speak(socket, chat.opening(Some(user))).await));
    bob.send(Frame::text(json!({"type": "connect", "id": 1}).to_string())).await;
    bob.send(Frame::text(json!({"type": "join", "id": 2, "topic": room}).to_string())).await;
    for _ in ["connected", "joined", "present"] {
        bob.text().await;
    }
    let topic = hub::TopicName::new(room).unwrap();
    let data = serde_json::value::to_raw_value(&"x".repeat(100)).unwrap();
    for _ in 0..FLOOD {
        hub.publish(&topic, Publication::message(&Draft::of_server(&topic, &data))).await.unwrap();
    }
    bob
}

const FLOOD: u64 = 1000;
const TEXT: u8 = 0x81;

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
        visitor.hears("presence").await;
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
