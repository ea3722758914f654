//! Clients in memory: events that are read as they come, and the requests beside them.

use std::collections::VecDeque;
use std::time::Duration;

use http_body_util::BodyExt;
use hub::protocol::{Anyone, Authorizer, Publication, Server};
use hub::{Hub, HubConf, TopicConf};
use hub_http::{Listener, Sessions, SessionsConf};
use rest::conf::ShutdownConf;
use rest::extract::State;
use rest::sse::Event;
use rest::{Body, Engine, EngineService, Request, Response, RestConf, Route};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, yield_now};
use tower::ServiceExt;

pub(crate) type Message = Publication<Event>;

pub(crate) fn chat(topic: TopicConf) -> Server<Message, Anyone> {
    Server::new(Hub::spawn(HubConf { topic, ..HubConf::default() }), Anyone)
}

/// An engine with the routes for clients, at `/events` and `/commands`.
pub(crate) fn engine<A: Authorizer<Message>>(
    server: Server<Message, A>,
    conf: SessionsConf,
) -> Engine<Server<Message, A>> {
    engine_of(server, Sessions::new(conf))
}

pub(crate) fn engine_of<A: Authorizer<Message>>(
    server: Server<Message, A>,
    sessions: Sessions,
) -> Engine<Server<Message, A>> {
    let commands = sessions.commands("/commands");
    let events = async move |State(server): State<Server<Message, A>>, listener: Listener| {
        sessions.open(server.opening(None), listener)
    };
    let mut engine = Engine::with_state(rest_conf(), server);
    engine.add_route(Route::sse("/events", events)).add_routes(commands);
    engine
}

/// Stops without waiting for a load balancer to notice.
pub(crate) fn rest_conf() -> RestConf {
    let shutdown = ShutdownConf { wrap_up_time: Duration::ZERO, ..ShutdownConf::default() };
    RestConf { shutdown, ..RestConf::default() }
}

pub(crate) fn service<A: Authorizer<Message>>(
    server: Server<Message, A>,
    conf: SessionsConf,
) -> EngineService {
    engine(server, conf).into_service().expect("the engine can be built")
}

pub(crate) async fn ask(service: &EngineService, request: Request) -> Response {
    let Ok(response) = service.clone().oneshot(request).await;
    response
}

/// The status of an answer, and its body.
pub(crate) async fn answer(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.expect("the whole body").to_bytes();
    (status, String::from_utf8(body.into()).expect("text"))
}

/// Lets everybody do what there is to do, while no time passes.
pub(crate) async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

/// An event as it came: its name, its id, the time to wait, and its data.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) name: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) retry: Option<u64>,
    pub(crate) data: String,
}

/// Reads what a browser would; comments are none.
pub(crate) fn events(text: &str) -> Vec<Heard> {
    let event = |block: &str| {
        let mut heard = Heard::default();
        let mut data = Vec::new();
        for line in block.lines() {
            match line.split_once(": ") {
                Some(("event", name)) => heard.name = Some(name.to_owned()),
                Some(("id", id)) => heard.id = Some(id.to_owned()),
                Some(("retry", retry)) => heard.retry = Some(retry.parse().expect("a number")),
                Some(("data", part)) => data.push(part),
                _ => assert!(line.starts_with(':'), "{line}"),
            }
        }
        heard.data = data.join("\n");
        heard
    };
    text.split_terminator("\n\n").map(event).filter(|heard| !heard.data.is_empty()).collect()
}

/// A session whose events nobody reads yet, with the word for it.
pub(crate) async fn unread(service: &EngineService) -> (Body, String) {
    let response = ask(service, Request::get("/events").body(Body::empty()).expect("a request")).await;
    let mut body = response.into_body();
    let hello = body.frame().await.expect("an event").expect("no error").into_data().expect("data");
    let hello: Value =
        serde_json::from_str(&events(str::from_utf8(&hello).expect("text"))[0].data).expect("an object");
    (body, hello["session"].as_str().expect("a word").to_owned())
}

/// A client with a session.
pub(crate) struct Client {
    service: EngineService,
    pub(crate) session: String,
    pub(crate) hello: Heard,
    heard: mpsc::UnboundedReceiver<Heard>,
    reader: JoinHandle<()>,
}

impl Client {
    pub(crate) async fn open(service: &EngineService) -> Self {
        Self::open_again(service, "").await
    }

    /// As a browser that comes back by itself.
    pub(crate) async fn open_again(service: &EngineService, last_event_id: &str) -> Self {
        let request = Request::get("/events").header("last-event-id", last_event_id);
        let response = ask(service, request.body(Body::empty()).expect("a request")).await;
        assert_eq!(response.status(), 200);
        let (sender, mut heard) = mpsc::unbounded_channel();
        let reader = tokio::spawn(async move {
            let mut body = response.into_body();
            while let Some(frame) = body.frame().await {
                let data = frame.expect("no error").into_data().expect("data");
                let text = str::from_utf8(&data).expect("text");
                events(text).into_iter().for_each(|event| drop(sender.send(event)));
            }
        });
        let hello = heard.recv().await.expect("a first event");
        assert_eq!(hello.name.as_deref(), Some("session"));
        let session: Value = serde_json::from_str(&hello.data).expect("an object");
        let session = session["session"].as_str().expect("a word").to_owned();
        Self { service: service.clone(), session, hello, heard, reader }
    }

    /// One that is connected, as nobody in particular.
    pub(crate) async fn connect(service: &EngineService) -> Self {
        let mut client = Self::open(service).await;
        client.say(r#"{"type":"connect"}"#).await;
        assert!(client.hear().await.data.starts_with(r#"{"type":"ok","client":"#));
        client
    }

    /// The same, in a room.
    pub(crate) async fn join(service: &EngineService, room: &str) -> Self {
        let mut client = Self::connect(service).await;
        client.say(&format!(r#"{{"type":"join","topic":"{room}"}}"#)).await;
        assert!(client.hear().await.data.starts_with(r#"{"type":"ok","topic":"#));
        client
    }

    pub(crate) async fn request(&self, method: &str, body: impl Into<Body>) -> (u16, String) {
        let request = Request::builder().method(method).uri("/commands").header("hub-session", &self.session);
        answer(ask(&self.service, request.body(body.into()).expect("a request")).await).await
    }

    pub(crate) async fn say(&self, body: &str) {
        assert_eq!(self.request("POST", body.to_owned()).await, (202, String::new()));
        settle().await;
    }

    pub(crate) async fn hear(&mut self) -> Heard {
        self.heard.recv().await.expect("an event")
    }

    /// The data of all events that have come.
    pub(crate) fn heard(&mut self) -> VecDeque<String> {
        std::iter::from_fn(|| self.heard.try_recv().ok()).map(|heard| heard.data).collect()
    }

    /// Waits for the end of the stream, before which nothing else comes.
    pub(crate) async fn hear_the_end(&mut self) {
        assert!(self.heard.recv().await.is_none(), "another event");
    }

    /// Breaks the connection.
    pub(crate) async fn cut(self) {
        self.reader.abort();
        settle().await;
    }
}
