//! Clients by WebSocket and by events in the same rooms.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use hub::protocol::{Anyone, Publication, Server};
use hub::{Hub, HubConf};
use hub_http::{Listener, Sessions, SessionsConf};
use rest::extract::State;
use rest::sse::Event;
use rest::{Engine, Route, test};
use ws::{Error, Message, Prepared, Upgrader, WebSocket, WsConf};

use crate::sockets::Stream;
use crate::support::rest_conf;

/// What a message becomes, each once.
#[derive(Clone)]
struct Frame(Arc<Twins>);

struct Twins {
    text: String,
    event: OnceLock<Event>,
    prepared: OnceLock<Prepared>,
}

static EVENTS: AtomicUsize = AtomicUsize::new(0);
static PREPARED: AtomicUsize = AtomicUsize::new(0);

impl From<String> for Frame {
    fn from(text: String) -> Self {
        Self(Arc::new(Twins { text, event: OnceLock::new(), prepared: OnceLock::new() }))
    }
}

impl From<Frame> for Event {
    fn from(Frame(twins): Frame) -> Self {
        let make = || {
            EVENTS.fetch_add(usize::from(twins.text.contains("hello")), Ordering::Relaxed);
            Self::from(twins.text.clone())
        };
        twins.event.get_or_init(make).clone()
    }
}

impl From<Frame> for Prepared {
    fn from(Frame(twins): Frame) -> Self {
        let make = || {
            PREPARED.fetch_add(usize::from(twins.text.contains("hello")), Ordering::Relaxed);
            Self::text(&twins.text)
        };
        twins.prepared.get_or_init(make).clone()
    }
}

type Chat = Server<Publication<Frame>, Anyone>;

async fn speak(socket: WebSocket, State(chat): State<Chat>) -> Result<(), Error> {
    ws::speak(socket, chat.opening(None)).await
}

async fn socket(server: &test::Server) -> WebSocket {
    let mut socket = ws::connect(&format!("ws://{}/ws", server.addr())).await.expect("it is accepted");
    for command in [r#"{"type":"connect"}"#, r#"{"type":"join","topic":"lobby"}"#] {
        socket.send(command).await.expect("it is open");
        hear(&mut socket).await;
    }
    socket
}

async fn hear(socket: &mut WebSocket) -> String {
    match socket.recv().await {
        Ok(Some(Message::Text(text))) => text.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn all_hear_the_same_and_each_kind_of_frame_is_made_once() {
    let chat: Chat = Server::new(Hub::spawn(HubConf::default()), Anyone);
    let sessions = Sessions::new(SessionsConf::default());
    let commands = sessions.commands("/commands");
    let events =
        async move |State(chat): State<Chat>, listener: Listener| sessions.open(chat.opening(None), listener);
    let mut engine = Engine::with_state(rest_conf(), chat);
    engine.add_route(Route::sse("/events", events)).add_routes(commands);
    engine.add_route(Upgrader::new(WsConf::default()).route("/ws", speak));
    let server = test::Server::start(engine).await;

    let mut sockets = [socket(&server).await, socket(&server).await];
    let mut streams = [Stream::open(&server).await, Stream::open(&server).await];
    for stream in &mut streams {
        stream.say(&server, r#"[{"type":"connect"},{"type":"join","topic":"lobby"}]"#).await;
        stream.wait_for(r#""topic":"lobby","position""#).await;
    }
    sockets[0].send(r#"{"type":"publish","topic":"lobby","data":"hello"}"#).await.unwrap();
    let mut heard = Vec::new();
    for socket in &mut sockets {
        heard.push(hear(socket).await);
    }
    for stream in &mut streams {
        stream.wait_for(r#""data":"hello"}"#).await;
        let (_, message) = stream.text.rsplit_once("data: {\"type\":\"message\"").unwrap();
        heard.push(format!("{{\"type\":\"message\"{}", message.lines().next().unwrap()));
    }
    assert!(heard.iter().all(|text| *text == heard[0]), "{heard:?}");
    assert_eq!((EVENTS.load(Ordering::Relaxed), PREPARED.load(Ordering::Relaxed)), (1, 1));
    drop((sockets, streams));
    server.stop().await;
}
