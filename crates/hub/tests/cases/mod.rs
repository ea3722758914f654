//! The cases of docs/protocol-cases.json, for whatever carries the protocol.

use std::collections::HashMap;
use std::time::Duration;

use hub::protocol::{
    Admission, Authorizer, Draft, ErrorCode, Hello, Permit, ProtocolConf, Publication, Refusal, Server,
    Spoken,
};
use hub::{Drain, Hub, HubConf, Identity, Post, TopicName, UserId, Whom};
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

/// The clients' side of a server's connections, by the names that the cases give them.
pub(crate) trait Lines {
    /// Sends this; the first use of a name opens a connection.
    async fn say(&mut self, on: &str, text: &str);

    /// Waits for the next object.
    async fn hear(&mut self, on: &str) -> String;

    /// The same, where answers and the rest have an order each, and none between them.
    async fn hear_one_that(&mut self, on: &str, _answers: bool) -> String {
        self.hear(on).await
    }

    /// Cuts the connection.
    async fn cut(&mut self, on: &str);

    /// Closes it in order.
    async fn close(&mut self, on: &str);
}

/// Plays all cases, each with a server of its own, with whose clients the lines are.
///
/// Panics where something else is heard than a case says; what was played until then is on the standard output.
pub(crate) async fn play<M: Spoken, L: Lines>(lines: impl Fn(Server<M, House>) -> L) {
    play_but(&[], lines).await;
}

/// The same, without these cases.
pub(crate) async fn play_but<M: Spoken, L: Lines>(without: &[&str], lines: impl Fn(Server<M, House>) -> L) {
    let mut cases: Vec<Case> = serde_json::from_str(include_str!("../../../../docs/protocol-cases.json"))
        .expect("a case that is well made");
    let all = cases.len();
    cases.retain(|case| !without.contains(&&*case.name));
    assert_eq!(cases.len(), all - without.len(), "there are such cases");
    for Case { name, hub, protocol, steps } in cases {
        let hub = Hub::spawn(hub);
        let server = Server::with_conf(hub.clone(), House, protocol);
        let mut cast = Cast { lines: lines(server.clone()), server, names: HashMap::new() };
        for (number, step) in steps.into_iter().enumerate() {
            println!("{name}: step {} {step:?}", number + 1); // shown if the case fails
            cast.play(step).await;
        }
        drop(cast);
        hub.close().await;
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    hub: HubConf,
    #[serde(default)]
    protocol: ProtocolConf,
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Step {
    Advance { advance_ms: u64 },
    Server { server: Deed },
    Connect { on: String, connect: String },
    Send { on: String, send: Value },
    Text { on: String, text: String },
    Expect { on: String, expect: Value },
    Drop { on: String, drop: bool },
    Close { on: String, close: bool },
}

#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Deed {
    Publish { publish: String, data: Value },
    Send { send: String, data: Value },
    Unsubscribe { unsubscribe: String, topic: String },
    Kick { kick: String },
    Drain { drain: bool },
}

/// What the page says of the server of the cases.
pub(crate) struct House;

impl House {
    fn read(token: &str) -> Result<(&str, Option<Duration>), Refusal> {
        let (user, time) = token.split_once(" for ").map_or((token, None), |(user, time)| (user, Some(time)));
        if user == "wrong" {
            return Err(Refusal::new(ErrorCode::Unauthorized, "who is wrong?"));
        }
        Ok((
            user,
            time.map(|time| {
                Duration::from_secs(time.trim_end_matches(" s").parse().expect("a case that is well made"))
            }),
        ))
    }
}

impl<M: Spoken> Authorizer<M> for House {
    async fn connect(&self, hello: Hello<'_>) -> Result<Admission, Refusal> {
        let Some(token) = hello.token else { return Ok(Identity::default().into()) };
        let (user, time) = Self::read(token)?;
        let admission = Admission::from(Identity::user(UserId::new(user).expect("a case that is well made")));
        Ok(time.map_or(admission.clone(), |time| admission.expires_in(time)))
    }

    async fn join(&self, _who: &Identity, topic: &TopicName) -> Result<Permit, Refusal> {
        match topic.as_str().starts_with("secret") {
            true => Err(Refusal::new(ErrorCode::Forbidden, "it is secret")),
            false => Ok(Permit::new()),
        }
    }

    async fn refresh(&self, _who: &Identity, token: &str) -> Result<Option<Duration>, Refusal> {
        Self::read(token).map(|(_, time)| time)
    }

    fn say(&self, _who: &Identity, draft: &Draft<'_>) -> Result<Post<M>, Refusal> {
        match draft.data.get() {
            r#""spam""# => Err(Refusal::rejected("no spam")),
            _ => Ok(M::speak(Publication::message(draft)).into()),
        }
    }
}

struct Cast<M, L> {
    server: Server<M, House>,
    lines: L,
    names: HashMap<String, Value>,
}

impl<M: Spoken, L: Lines> Cast<M, L> {
    async fn play(&mut self, step: Step) {
        match step {
            Step::Advance { advance_ms } => tokio::time::advance(Duration::from_millis(advance_ms)).await,
            Step::Server { server } => self.serve(server).await,
            Step::Connect { on, connect } => {
                self.lines.say(&on, &json!({ "type": "connect", "token": connect }).to_string()).await;
                let answer = self.hear(&on, true).await;
                assert_eq!(answer["type"], "ok", "{answer}");
            }
            Step::Send { on, send } => {
                let text = self.filled(send).to_string();
                self.lines.say(&on, &text).await;
            }
            Step::Text { on, text } => self.lines.say(&on, &text).await,
            Step::Expect { on, expect } => {
                let answers = expect["type"] == "ok" || expect["type"] == "error";
                let heard = self.hear(&on, answers).await;
                assert!(self.matches(&expect, &heard), "expected {expect}\n   heard {heard}");
            }
            Step::Drop { on, drop } => {
                assert!(drop, "a case that is well made");
                self.lines.cut(&on).await;
            }
            Step::Close { on, close } => {
                assert!(close, "a case that is well made");
                self.lines.close(&on).await;
            }
        }
    }

    async fn hear(&mut self, on: &str, answers: bool) -> Value {
        serde_json::from_str(&self.lines.hear_one_that(on, answers).await).expect("an object")
    }

    async fn serve(&mut self, deed: Deed) {
        let hub = self.server.hub().clone();
        let user = |name: &str| Whom::from(UserId::new(name).expect("a case that is well made"));
        let raw = |data: &Value| -> Box<RawValue> { to_raw_value(data).expect("a case that is well made") };
        match deed {
            Deed::Publish { publish, data } => {
                let topic = TopicName::new(&publish).expect("a case that is well made");
                let message = M::speak(Publication::message(&Draft::of_server(&topic, &raw(&data))));
                hub.publish(topic, message).await.expect("a case that is well made");
            }
            Deed::Send { send, data } => {
                assert_eq!(hub.send(user(&send), M::speak(Publication::direct(&raw(&data)))).await, Ok(1));
            }
            Deed::Unsubscribe { unsubscribe, topic } => {
                assert_eq!(hub.unsubscribe(user(&unsubscribe), topic).await, Ok(1));
            }
            Deed::Kick { kick } => assert_eq!(hub.kick(user(&kick)).await, Ok(1)),
            Deed::Drain { drain } => assert!(drain && hub.drain(Drain::default()).await.is_ok()),
        }
    }

    /// The same, with what the names stand for.
    fn filled(&self, value: Value) -> Value {
        match value {
            Value::String(text) => match text.strip_prefix('$') {
                Some(name) => self.names[name].clone(),
                None => Value::String(text),
            },
            Value::Array(items) => items.into_iter().map(|item| self.filled(item)).collect(),
            Value::Object(fields) => {
                fields.into_iter().map(|(name, field)| (name, self.filled(field))).collect()
            }
            other => other,
        }
    }

    /// `$name` is anything the first time, and that from then on; `$_` is anything each time.
    fn matches(&mut self, expected: &Value, heard: &Value) -> bool {
        match (expected, heard) {
            (Value::String(text), heard) if text.starts_with('$') => match &text[1..] {
                "_" => true,
                name => self.names.entry(name.to_owned()).or_insert_with(|| heard.clone()) == heard,
            },
            (Value::Object(expected), Value::Object(heard)) => {
                expected.len() == heard.len()
                    && expected
                        .iter()
                        .all(|(name, field)| heard.get(name).is_some_and(|heard| self.matches(field, heard)))
            }
            (Value::Array(expected), Value::Array(heard)) => {
                expected.len() == heard.len()
                    && expected.iter().zip(heard).all(|(expected, heard)| self.matches(expected, heard))
            }
            (expected, heard) => expected == heard,
        }
    }
}
