//! Sessions over real connections: what only a socket shows.

use std::num::NonZeroUsize;

use hub::protocol::{Anyone, Draft, Publication, Server};
use hub::{HubConf, Identity, Join, TopicConf, TopicName};
use hub_http::{Sessions, SessionsConf};
use rest::{Request, test};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::yield_now;

use crate::support::{Message, chat, engine, engine_of};

/// A connection that has asked for events, and what has come of them.
pub(crate) struct Stream {
    socket: TcpStream,
    pub(crate) text: String,
}

impl Stream {
    pub(crate) async fn open(server: &test::Server) -> Self {
        let mut socket = TcpStream::connect(server.addr()).await.expect("it can be done");
        socket
            .write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .await
            .expect("it can be done");
        Self { socket, text: String::new() }
    }

    /// Reads until this has come.
    pub(crate) async fn wait_for(&mut self, part: &str) {
        while !self.text.contains(part) {
            assert!(self.read().await > 0, "{part} did not come: {}", self.text);
        }
    }

    async fn read(&mut self) -> usize {
        let mut chunk = vec![0; 1 << 16];
        let count = self.socket.read(&mut chunk).await.unwrap_or(0);
        self.text.push_str(str::from_utf8(&chunk[..count]).expect("text"));
        count
    }

    /// Says this in the session that the first event tells.
    pub(crate) async fn say(&mut self, server: &test::Server, commands: &str) {
        self.wait_for("\n\n").await;
        let (_, hello) = self.text.split_once("event: session\ndata: ").expect("the first event");
        let hello: Value = serde_json::from_str(hello.lines().next().expect("a line")).expect("an object");
        let request =
            Request::post("/commands").header("hub-session", hello["session"].as_str().expect("a word"));
        let answer =
            server.connect().await.send(request.body(commands.to_owned().into()).expect("a request")).await;
        assert_eq!(answer.status, 202);
    }
}

async fn publish(chat: &Server<Message, Anyone>, data: &str) {
    let topic = TopicName::new("lobby").expect("a name");
    let data = serde_json::value::to_raw_value(data).expect("JSON");
    chat.hub()
        .publish(&topic, Publication::message(&Draft::of_server(&topic, &data)))
        .await
        .expect("it can be done");
}

#[tokio::test]
async fn a_server_that_stops_says_when_to_return_after_all_that_was_said() {
    let chat = chat(TopicConf::default());
    let server = test::Server::start(engine(chat.clone(), SessionsConf::default())).await;
    let mut ann = Stream::open(&server).await;
    ann.say(&server, r#"[{"type":"connect"},{"type":"join","topic":"lobby"}]"#).await;
    ann.wait_for(r#""topic":"lobby","position""#).await;
    let mut silent = Stream::open(&server).await; // has not connected
    silent.wait_for("event: session").await;
    for number in 0..50 {
        publish(&chat, &format!("number {number}")).await;
    }
    let stopped = server.stop();
    let end = r#"data: {"type":"end","code":"draining","message":"the server is stopping","retry_after_ms":"#;
    for stream in [&mut ann, &mut silent] {
        while stream.read().await > 0 {}
        assert!(stream.text.contains(end), "{}", stream.text);
        assert!(stream.text.contains("\nretry: "), "{}", stream.text);
        assert!(stream.text.ends_with("0\r\n\r\n"), "the body ends in order: {}", stream.text);
    }
    stopped.await;
    let said = |number| format!(r#""data":"number {number}"}}"#);
    let places: Vec<_> =
        (0..50).map(|number| ann.text.find(&said(number)).expect("all that was said")).collect();
    assert!(places.is_sorted() && places[49] < ann.text.find(end).unwrap());
}

#[tokio::test]
async fn a_browser_that_reads_nothing_is_given_up_while_others_hear_everything() {
    let topic = TopicConf { max_messages: NonZeroUsize::new(16).unwrap(), ..TopicConf::default() };
    let chat = Server::new(hub::Hub::spawn(HubConf { topic, ..HubConf::default() }), Anyone);
    let server = test::Server::start(engine(chat.clone(), SessionsConf::default())).await;
    let mut stuck = Stream::open(&server).await;
    stuck.say(&server, r#"[{"type":"connect"},{"type":"join","topic":"lobby"}]"#).await;
    stuck.wait_for(r#""topic":"lobby","position""#).await;

    let mut quick = chat.hub().connect(Identity::default()).await.unwrap();
    quick.join("lobby", Join::new()).await.unwrap();
    let large = "x".repeat(64 << 10);
    let mut count = 0;
    while chat.hub().stats().evicted.total() == 0 {
        publish(&chat, &large).await;
        quick.next_event().await.expect("it keeps up").expect("the hub is open");
        count += 1;
        assert!(count < 2_000, "128 MB fit into the socket");
    }
    assert_eq!(chat.hub().stats().evicted.count, 1);
    while stuck.read().await > 0 {}
    assert!(
        stuck.text.contains(r#"data: {"type":"end","code":"too_slow","#),
        "it learns why, as it reads on"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_session_is_a_stream_of_http_2_too() {
    let sessions = Sessions::new(SessionsConf::default());
    let server = test::Server::start(engine_of(chat(TopicConf::default()), sessions.clone())).await;
    let mut client = server.connect_http2().await;
    let asked = tokio::spawn(async move { client.get("/events").await });
    while sessions.is_empty() {
        yield_now().await;
    }
    server.stop().await;
    let text = asked.await.unwrap().text();
    assert!(text.starts_with("event: session\ndata: {"), "{text}");
    assert!(text.contains(r#"data: {"type":"end","code":"draining""#), "{text}");
    assert!(sessions.is_empty());
}
