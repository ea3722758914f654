//! The cases of the protocol, over events and POST.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use futures_util::FutureExt;
use http_body_util::BodyExt;
use hub::protocol::Server;
use hub_http::SessionsConf;
use rest::{Body, EngineService, Request};
use tokio::task::yield_now;

use crate::cases::{self, House, Lines};
use crate::support::{Message, answer, ask, events, service, unread};

struct OverHttp {
    service: EngineService,
    clients: HashMap<String, Client>,
}

/// A client that reads when it speaks, and when it waits for something: in the cases somebody may be slow.
struct Client {
    body: Body,
    session: String,
    heard: VecDeque<String>,
}

impl OverHttp {
    fn new(server: Server<Message, House>) -> Self {
        // In a case nobody is silent for too long, however much time passes in it.
        let conf = SessionsConf { max_silence: Duration::ZERO, ..SessionsConf::default() };
        Self { service: service(server, conf), clients: HashMap::new() }
    }

    /// What is answered to this client's request. Then it reads what there is.
    async fn ask(&mut self, method: &str, on: &str, body: &str) -> u16 {
        let client = self.clients.get_mut(on).expect("it is connected");
        let request = Request::builder().method(method).uri("/commands");
        let request = request.header("hub-session", &client.session).body(body.to_owned().into());
        let (status, _) = answer(ask(&self.service, request.expect("a request")).await).await;
        for _ in 0..100 {
            while let Some(Some(frame)) = client.body.frame().now_or_never() {
                client.take(&frame.expect("no error").into_data().expect("data"));
            }
            yield_now().await;
        }
        status
    }
}

impl Client {
    fn take(&mut self, data: &[u8]) {
        let text = str::from_utf8(data).expect("text");
        self.heard.extend(events(text).into_iter().map(|event| event.data));
    }
}

impl Lines for OverHttp {
    async fn say(&mut self, on: &str, text: &str) {
        if !self.clients.contains_key(on) {
            let (body, session) = unread(&self.service).await;
            self.clients.insert(on.to_owned(), Client { body, session, heard: VecDeque::new() });
        }
        assert_eq!(self.ask("POST", on, text).await, 202);
    }

    async fn hear(&mut self, on: &str) -> String {
        let client = self.clients.get_mut(on).expect("it is connected");
        loop {
            if let Some(data) = client.heard.pop_front() {
                if data.starts_with(r#"{"type":"end""#) {
                    assert!(client.body.frame().await.is_none(), "the events end");
                    self.clients.remove(on);
                }
                return data;
            }
            let frame = client.body.frame().await.expect("no end before").expect("no error");
            client.take(&frame.into_data().expect("data"));
        }
    }

    async fn cut(&mut self, on: &str) {
        self.clients.remove(on).expect("it is connected");
    }

    async fn close(&mut self, on: &str) {
        assert_eq!(self.ask("DELETE", on, "").await, 204);
        let mut client = self.clients.remove(on).expect("it is connected");
        assert!(client.body.frame().await.is_none(), "the events end");
    }
}

#[tokio::test(start_paused = true)]
async fn events_and_post_answer_as_the_cases_say() {
    cases::play(OverHttp::new).await;
}
