//! Members of the chat's rooms who speak the hub's protocol, object by object.

use std::collections::VecDeque;
use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, told};
use crate::program::Program;

/// One connection. What it is told while it waits for an answer is kept.
pub(crate) struct Member {
    client: Client,
    next_id: u64,
    kept: VecDeque<Value>,
}

impl Member {
    /// Connects, and says nothing yet.
    pub(crate) async fn open(chat: &Program) -> Self {
        Self::open_at(chat.addr()).await
    }

    /// The same, at a server that is not the program's only one.
    pub(crate) async fn open_at(addr: SocketAddr) -> Self {
        let client = Client::connect_for(addr, "/ws", "zeroxide.hub.v1").await;
        Self { client, next_id: 1, kept: VecDeque::new() }
    }

    /// Connects as a new user of this name.
    pub(crate) async fn connect(chat: &Program, name: &str) -> Self {
        let mut member = Self::open(chat).await;
        member.does(json!({ "type": "connect", "data": { "name": name } })).await;
        member
    }

    /// The same, and comes into a room.
    pub(crate) async fn join(chat: &Program, name: &str, room: &str) -> Self {
        let mut member = Self::connect(chat, name).await;
        member.does(json!({ "type": "join", "topic": room })).await;
        member
    }

    /// The same at one of several servers.
    pub(crate) async fn join_at(addr: SocketAddr, name: &str, room: &str) -> Self {
        let mut member = Self::open_at(addr).await;
        member.does(json!({ "type": "connect", "data": { "name": name } })).await;
        member.does(json!({ "type": "join", "topic": room })).await;
        member
    }

    /// Asks for something, and returns the answer.
    pub(crate) async fn asks(&mut self, mut command: Value) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        command["id"] = json!(id);
        self.client.say(&command.to_string()).await;
        loop {
            let object = self.next().await;
            if object["id"] == id {
                return object;
            }
            self.kept.push_back(object);
        }
    }

    /// Asks for something, which must succeed.
    pub(crate) async fn does(&mut self, command: Value) -> Value {
        let answer = self.asks(command.clone()).await;
        assert_eq!(answer["type"], "ok", "{command} is answered by {answer}");
        answer
    }

    /// Says a text in a room.
    pub(crate) async fn says(&mut self, room: &str, text: &str) -> Value {
        self.asks(json!({ "type": "publish", "topic": room, "data": { "text": text } })).await
    }

    /// The next object of this type.
    pub(crate) async fn hears(&mut self, kind: &str) -> Value {
        self.finds(|object| object["type"] == kind).await
    }

    /// The next object that is the right one; those before it are passed over.
    pub(crate) async fn finds(&mut self, is_right: impl Fn(&Value) -> bool) -> Value {
        loop {
            let object = match self.kept.pop_front() {
                Some(object) => object,
                None => self.next().await,
            };
            if is_right(&object) {
                return object;
            }
        }
    }

    async fn next(&mut self) -> Value {
        loop {
            match self.client.next().await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).expect("an object"),
                Some(Ok(Message::Ping(_))) => {} // one who waits for long is pinged
                other => panic!("expected an object, got {other:?}"),
            }
        }
    }

    /// Who says what next, by name.
    pub(crate) async fn hears_text(&mut self) -> (String, String) {
        let message = self.hears("message").await;
        let part = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (part(&message["from"]["info"]["name"]), part(&message["data"]["text"]))
    }

    /// Waits for the close, and returns its code and reason.
    pub(crate) async fn is_closed(&mut self) -> (u16, String) {
        loop {
            match self.client.next().await {
                Some(Ok(Message::Close(Some(frame)))) => return told(&frame),
                Some(Ok(Message::Text(_))) => {}
                other => panic!("expected a close, got {other:?}"),
            }
        }
    }

    pub(crate) fn into_client(self) -> Client {
        self.client
    }
}
