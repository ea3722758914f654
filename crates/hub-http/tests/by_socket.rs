//! The cases of the protocol, over WebSocket: with a whole engine, and a pipe instead of a network, so that the clock can stand.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use hub::protocol::{Publication, Server};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rest::extract::State;
use rest::{Engine, EngineService};
use serde_json::Value;
use tokio::io::duplex;
use tokio::task::yield_now;
use ws::{CloseCode, CloseFrame, Dialer, Error, Message, Prepared, Upgrader, WebSocket, WsConf};

use crate::cases::{self, House, Lines};
use crate::support::rest_conf;

type Chat = Server<Publication<Prepared>, House>;

struct OverSockets {
    service: EngineService,
    clients: HashMap<String, Client>,
}

struct Client {
    socket: WebSocket,
    /// Heard, and not yet asked for.
    waiting: VecDeque<String>,
    rooms: HashSet<String>,
}

async fn speak(socket: WebSocket, State(chat): State<Chat>) -> Result<(), Error> {
    ws::speak(socket, chat.opening(None)).await
}

impl OverSockets {
    fn new(server: Chat) -> Self {
        let mut engine = Engine::with_state(rest_conf(), server);
        engine.add_route(Upgrader::new(patient()).route("/ws", speak));
        Self { service: engine.into_service().expect("the engine can be built"), clients: HashMap::new() }
    }

    async fn connect(&self) -> WebSocket {
        let (near, far) = duplex(64 << 10);
        let served = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(far), TowerToHyperService::new(self.service.clone()))
            .with_upgrades();
        tokio::spawn(served); // ends with its connection
        Dialer::new(patient()).connect_over("ws://localhost/ws", near).await.expect("it is accepted")
    }

    fn client(&mut self, on: &str) -> &mut Client {
        self.clients.get_mut(on).expect("it is connected")
    }
}

impl Lines for OverSockets {
    async fn say(&mut self, on: &str, text: &str) {
        if !self.clients.contains_key(on) {
            let socket = self.connect().await;
            let client = Client { socket, waiting: VecDeque::new(), rooms: HashSet::new() };
            self.clients.insert(on.to_owned(), client);
        }
        self.client(on).socket.send(text).await.expect("it is open");
        for _ in 0..100 {
            yield_now().await; // until it is done
        }
    }

    async fn hear(&mut self, on: &str) -> String {
        let client = self.client(on);
        let Ok(Some(Message::Text(text))) = client.socket.recv().await else { panic!("a text was to come") };
        let said: Value = serde_json::from_str(&text).expect("an object");
        let topic = said["topic"].as_str().unwrap_or_default().to_owned();
        match said["type"].as_str() {
            Some("ok") if said.get("recovered").is_some() => drop(client.rooms.insert(topic)),
            Some("message" | "presence" | "gap") => {
                assert!(client.rooms.contains(&topic), "the answer to the join comes first");
            }
            Some("end") => {
                let mut socket = self.clients.remove(on).expect("it is connected").socket;
                assert!(matches!(socket.recv().await, Ok(None)), "the close is next");
                let code = socket.close_frame().map(CloseFrame::code);
                assert_eq!(code, Some(close_code(said["code"].as_str().expect("a code"))));
            }
            _ => {}
        }
        text.to_string()
    }

    async fn hear_one_that(&mut self, on: &str, answers: bool) -> String {
        let is_one = |text: &String| {
            let said: Value = serde_json::from_str(text).expect("an object");
            (said["type"] == "ok" || said["type"] == "error") == answers
        };
        let waiting = &mut self.client(on).waiting;
        if let Some(text) = waiting.iter().position(is_one).and_then(|at| waiting.remove(at)) {
            return text;
        }
        loop {
            let text = self.hear(on).await;
            if is_one(&text) {
                return text;
            }
            self.client(on).waiting.push_back(text);
        }
    }

    async fn cut(&mut self, on: &str) {
        self.clients.remove(on).expect("it is connected");
    }

    async fn close(&mut self, on: &str) {
        let client = self.clients.remove(on).expect("it is connected");
        client.socket.close(CloseFrame::new(CloseCode::NORMAL, "")).await;
    }
}

/// What the page says of ends.
fn close_code(end: &str) -> CloseCode {
    CloseCode(match end {
        "draining" => 1012,
        "replaced" => 4409,
        "kicked" => 4403,
        "expired" => 4401,
        "abuse" => 1008,
        other => panic!("{other} is none"),
    })
}

/// As the time that passes in a case passes for nobody who looks at a heartbeat.
fn patient() -> WsConf {
    let hour = Duration::from_secs(3600);
    WsConf { ping_interval: hour, pong_timeout: hour, ..WsConf::default() }
}

/// What a socket takes is on its way, so that nobody is too slow there who only does not read a few messages.
const OF_THE_SLOW: [&str; 3] = [
    "what is lost is told",
    "who is too slow is told, and told again on return",
    "a word for the return that nobody was given, and one that was told already, say nothing of anybody",
];

#[tokio::test(start_paused = true)]
async fn a_socket_answers_as_the_cases_say_but_for_those_of_the_slow() {
    cases::play_but(&OF_THE_SLOW, OverSockets::new).await;
}
