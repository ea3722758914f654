//! Clients that come by events and POST.

use std::num::NonZeroUsize;
use std::time::Duration;

use http_body_util::BodyExt;
use hub::protocol::{Anyone, Draft, Publication, Server};
use hub::{ClientId, PresenceConf, TopicConf, TopicName};
use hub_http::SessionsConf;
use rest::{Body, EngineService, Request};
use serde_json::{Value, json};
use tokio::time::{Instant, advance, sleep};

use crate::support::{Client, Message, answer, ask, chat, events, service, settle, unread};

fn served(server: &Server<Message, Anyone>) -> EngineService {
    service(server.clone(), SessionsConf::default())
}

async fn publish(server: &Server<Message, Anyone>, topic: &str, data: &str) {
    let topic = TopicName::new(topic).expect("a name");
    let data = serde_json::value::to_raw_value(data).expect("JSON");
    server
        .hub()
        .publish(&topic, Publication::message(&Draft::of_server(&topic, &data)))
        .await
        .expect("it can be done");
}

#[tokio::test(start_paused = true)]
async fn who_is_in_a_room_hears_what_is_said_there_with_its_place() {
    let chat = chat(TopicConf::default());
    let service = served(&chat);
    let (mut ann, mut bob) = (Client::join(&service, "lobby").await, Client::join(&service, "lobby").await);
    ann.say(r#"{"type":"publish","topic":"lobby","data":"hello"}"#).await;
    for client in [&mut ann, &mut bob] {
        let heard = client.hear().await;
        assert_eq!((heard.name, heard.id), (None, None));
        assert!(
            heard.data.starts_with(r#"{"type":"message","topic":"lobby","offset":1,"from":{"#),
            "{}",
            heard.data
        );
        assert!(heard.data.ends_with(r#""data":"hello"}"#), "{}", heard.data);
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_of_commands_is_answered_in_its_order() {
    let chat = chat(TopicConf::default());
    let service = served(&chat);
    let mut ann = Client::open(&service).await;
    ann.say(r#"[{"type":"connect","id":1},{"type":"ping","id":2},7,{"type":"ping","id":3}]"#).await;
    let ids: Vec<_> =
        ann.heard().iter().map(|data| serde_json::from_str::<Value>(data).unwrap()["id"].clone()).collect();
    assert_eq!(ids, [json!(1), json!(2), Value::Null, json!(3)]);
}

#[tokio::test(start_paused = true)]
async fn a_message_is_written_once_for_all_who_receive_it() {
    let chat = chat(TopicConf::default());
    let service = served(&chat);
    let mut bodies = vec![];
    for _ in 0..2 {
        let (mut body, session) = unread(&service).await;
        let commands = r#"[{"type":"connect"},{"type":"join","topic":"lobby"}]"#;
        let request = Request::post("/commands").header("hub-session", session);
        assert_eq!(ask(&service, request.body(commands.into()).unwrap()).await.status(), 202);
        for _ in 0..2 {
            body.frame().await.unwrap().unwrap(); // the answers
        }
        bodies.push(body);
    }
    publish(&chat, "lobby", "hello").await;
    let mut places = vec![];
    for body in &mut bodies {
        let data = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(data.starts_with(b"data: {\"type\":\"message\""), "{data:?}");
        places.push(data.as_ptr());
    }
    assert_eq!(places[0], places[1], "the same bytes");
}

#[tokio::test(start_paused = true)]
async fn what_is_said_to_no_session_is_refused() {
    let chat = chat(TopicConf::default());
    let service = served(&chat);
    let ann = Client::connect(&service).await;
    assert_eq!(ann.session.len(), 32, "128 bits");
    let post = async |session: Option<&str>| {
        let mut request = Request::post("/commands");
        if let Some(session) = session {
            request = request.header("hub-session", session);
        }
        answer(ask(&service, request.body(r#"{"type":"ping"}"#.into()).unwrap()).await).await
    };
    let unknown = json!({ "code": 404, "msg": "there is no such session: open the events anew" }).to_string();
    assert_eq!(post(Some("00000000000000000000000000000000")).await, (404, unknown.clone()));
    let nameless = json!({ "code": 400, "msg": "the header Hub-Session says which session this is for" });
    assert_eq!(post(None).await, (400, nameless.to_string()));
    assert_eq!(ann.request("POST", vec![0xff]).await.0, 400);

    let session = ann.session.clone();
    assert_eq!(post(Some(&session)).await.0, 202);
    ann.cut().await;
    assert_eq!(post(Some(&session)).await, (404, unknown));
}

#[tokio::test(start_paused = true)]
async fn one_session_too_many_is_503_until_another_ends() {
    let conf = SessionsConf { max_sessions: 1, ..SessionsConf::default() };
    let service = service(chat(TopicConf::default()), conf);
    let ann = Client::open(&service).await;
    let response = ask(&service, Request::get("/events").body(Body::empty()).unwrap()).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (503, &"5".parse().unwrap())
    );
    ann.cut().await;
    Client::open(&service).await;
}

#[tokio::test(start_paused = true)]
async fn who_talks_and_does_not_listen_is_429_and_nothing_of_that_is_taken() {
    let conf = SessionsConf { max_waiting: 3, max_waiting_bytes: 100, ..SessionsConf::default() };
    let service = service(chat(TopicConf::default()), conf);
    let (mut body, session) = unread(&service).await;
    let post = async |text: String| {
        let request = Request::post("/commands").header("hub-session", &session);
        let response = ask(&service, request.body(text.into()).unwrap()).await;
        (response.status().as_u16(), response.headers().get("retry-after").cloned())
    };
    let ping = |id: u64| format!(r#"{{"type":"ping","id":{id}}}"#);
    assert_eq!(post(r#"{"type":"connect","id":1}"#.into()).await.0, 202);
    assert_eq!(post(ping(2)).await.0, 202);
    assert_eq!(post(format!("[{},{}]", ping(3), ping(4))).await, (429, Some("1".parse().unwrap())));
    assert_eq!(post(format!(r#"{{"type":"ping","data":"{}"}}"#, "x".repeat(100))).await.0, 429);
    assert_eq!(post(ping(5)).await.0, 202);
    for id in [1, 2, 5] {
        let data = body.frame().await.unwrap().unwrap().into_data().unwrap();
        let heard: Value = serde_json::from_str(&events(str::from_utf8(&data).unwrap())[0].data).unwrap();
        assert_eq!(heard["id"], id);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_too_large_is_413() {
    let service = served(&chat(TopicConf::default()));
    let ann = Client::connect(&service).await;
    assert_eq!(ann.request("POST", "x".repeat((64 << 10) + 1)).await.0, 413);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_connect_in_time_is_told_so_and_sent_away() {
    let chat = chat(TopicConf::default());
    let service = served(&chat);
    let (mut ann, begin) = (Client::open(&service).await, Instant::now());
    ann.say(r#"{"type":"ping","id":1}"#).await;
    assert!(ann.hear().await.data.starts_with(r#"{"type":"error","id":1,"code":"not_connected","#));
    let expected = r#"{"code":"not_connected","message":"no connect came in time","type":"error"}"#;
    assert_eq!(ann.hear().await.data, expected);
    assert_eq!(begin.elapsed(), Duration::from_secs(10));
    ann.hear_the_end().await;
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_for_too_long_is_taken_for_dead() {
    let chat = chat(TopicConf::default());
    let service = served(&chat);
    let mut ann = Client::join(&service, "lobby").await;
    let hello: Value = serde_json::from_str(&ann.hello.data).unwrap();
    assert_eq!(hello["max_silence_ms"], 30_000);
    for _ in 0..3 {
        advance(Duration::from_secs(25)).await;
        ann.say(r#"{"type":"ping","id":1}"#).await;
        assert_eq!(ann.hear().await.data, r#"{"type":"ok","id":1}"#);
    }
    let begin = Instant::now();
    ann.hear_the_end().await;
    assert_eq!(begin.elapsed(), Duration::from_secs(30));
    sleep(Duration::from_millis(1)).await;
    assert_eq!(chat.hub().stats().clients, 0);
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_is_told_at_once_and_a_loss_after_a_while() {
    let presence = PresenceConf { enabled: true, ..PresenceConf::default() };
    let chat = chat(TopicConf { presence, ..TopicConf::default() });
    let named = |name: &'static str| {
        let sessions = hub_http::Sessions::new(SessionsConf::default());
        let (commands, chat) = (sessions.commands("/commands"), chat.clone());
        let mut engine = rest::Engine::new(rest::RestConf::default());
        let events = async move |listener: hub_http::Listener| {
            sessions.open(chat.opening(Some(hub::Identity::user(name.try_into().unwrap()))), listener)
        };
        engine.add_route(rest::Route::sse("/events", events)).add_routes(commands);
        engine.into_service().unwrap()
    };
    let enter = async |name: &'static str| {
        let service = named(name);
        let mut client = Client::open(&service).await;
        client.say(r#"[{"type":"connect"},{"type":"join","topic":"lobby"}]"#).await;
        for _ in 0..3 {
            client.hear().await; // two answers, and the notice that it is there
        }
        client
    };
    let mut ann = enter("ann").await;
    for (name, says_goodbye) in [("bob", true), ("carl", false)] {
        let client = enter(name).await;
        assert!(ann.hear().await.data.contains(r#""joined""#));
        let begin = Instant::now();
        if says_goodbye {
            assert_eq!(client.request("DELETE", "").await.0, 204);
            settle().await;
        } else {
            client.cut().await;
        }
        let left = ann.hear().await.data;
        assert!(left.ends_with(&format!(r#""left":["{name}"]}}"#)), "{left}");
        assert_eq!(begin.elapsed().as_secs(), if says_goodbye { 0 } else { 5 }, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_the_server_cuts_is_told_why_and_its_events_end() {
    let chat = chat(TopicConf::default());
    let service = served(&chat);
    let mut ann = Client::open(&service).await;
    ann.say(r#"{"type":"connect"}"#).await;
    let answer: Value = serde_json::from_str(&ann.hear().await.data).unwrap();
    let number: u64 = answer["client"].as_str().unwrap().parse().unwrap();
    chat.hub().kick(ClientId::from(number)).await.unwrap();
    assert_eq!(ann.hear().await.data, r#"{"type":"end","code":"kicked","message":"cut by the server"}"#);
    ann.hear_the_end().await;
    assert_eq!(ann.request("POST", r#"{"type":"ping"}"#).await.0, 404);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_given_up_and_told_when_it_reads_or_returns() {
    let max_messages = NonZeroUsize::new(4).unwrap();
    let chat = chat(TopicConf { max_messages, ..TopicConf::default() });
    let service = served(&chat);
    let (mut body, session) = unread(&service).await;
    let mut quick = Client::join(&service, "lobby").await;
    let request = Request::post("/commands").header("hub-session", &session);
    let commands = r#"[{"type":"connect"},{"type":"join","topic":"lobby"}]"#;
    assert_eq!(ask(&service, request.body(commands.into()).unwrap()).await.status(), 202);
    let mut next = async || {
        let data = body.frame().await?.unwrap().into_data().unwrap();
        Some(events(str::from_utf8(&data).unwrap()).remove(0))
    };
    let connected = next().await.unwrap();
    let resume = connected.id.expect("an id for when it returns");
    assert!(connected.data.contains(&format!(r#""resume":"{resume}""#)));
    assert!(next().await.unwrap().data.contains(r#""topic":"lobby""#));

    for _ in 0..6 {
        publish(&chat, "lobby", "tick").await;
        assert!(quick.hear().await.data.ends_with(r#""data":"tick"}"#));
    }
    assert_eq!(chat.hub().stats().evicted.count, 1);
    let end = next().await.unwrap().data;
    assert_eq!(end, r#"{"type":"end","code":"too_slow","message":"too slow: fell 5 messages behind"}"#);
    assert!(next().await.is_none());

    let mut again = Client::open_again(&service, &resume).await; // the browser does so by itself
    again.say(r#"{"type":"connect"}"#).await;
    let answer: Value = serde_json::from_str(&again.hear().await.data).unwrap();
    assert_eq!(answer["previous"]["code"], "too_slow");
}

#[tokio::test(start_paused = true)]
async fn sessions_and_what_they_refuse_are_counted() {
    let chat = chat(TopicConf::default());
    let engine = crate::support::engine(chat, SessionsConf::default());
    let metrics = engine.metrics();
    let service = engine.into_service().unwrap();
    let ann = Client::connect(&service).await;
    assert!(metrics.text().contains("\nhub_sessions_open 1\n"), "{}", metrics.text());
    let session = ann.session.clone();
    ann.cut().await;
    let request = Request::post("/commands").header("hub-session", session).body(Body::empty()).unwrap();
    assert_eq!(ask(&service, request).await.status(), 404);
    assert!(metrics.text().contains("\nhub_sessions_open 0\n"), "{}", metrics.text());
    assert!(
        metrics.text().contains("\nhub_sessions_refused_total{cause=\"unknown\"} 1\n"),
        "{}",
        metrics.text()
    );
}
