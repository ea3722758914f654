//! The API for other services.

use hub::backplane::loopback::Bus;
use hub::protocol::Publication;
use hub::test::TestHub;
use hub::{Event, HistoryConf, Hub, HubConf, Identity, PresenceConf, TopicConf};
use hub_http::{ApiConf, ApiKey, ServerApi};
use rest::test::{Answer, Client};
use rest::{Body, Engine, Request, RestConf};
use serde_json::{Value, json};

type Message = Publication<String>;

fn conf() -> HubConf {
    let presence = PresenceConf { enabled: true, ..PresenceConf::default() };
    let history = HistoryConf { max_messages: 3, ..HistoryConf::default() };
    HubConf { topic: TopicConf { presence, history, ..TopicConf::default() }, ..HubConf::default() }
}

/// Asks the API of this hub, which is open.
fn api(hub: &Hub<Message>) -> Client {
    let mut engine = Engine::new(RestConf::default());
    engine.add_routes(ServerApi::new(hub.clone()).without_auth().prefix("/hub"));
    Client::of(engine)
}

async fn post(api: &mut Client, path: &str, body: Value) -> Value {
    let answer = api.post_json(path, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

async fn get(api: &mut Client, path: &str) -> Value {
    let answer = api.get(path).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn text(event: Event<Message>) -> String {
    match event {
        Event::Message { offset, message, .. } => message.json(Some(offset)),
        Event::Direct(message) => message.json(None),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_published_has_its_place_and_is_heard() {
    let hub = TestHub::spawn(HubConf::default());
    let mut ann = hub.join("ann", "lobby").await;
    let mut api = api(hub.hub());

    let asked = json!({ "topic": "lobby", "data": { "text": "hello" }, "key": "k1" });
    let first = post(&mut api, "/hub/publish", asked.clone()).await;
    assert_eq!((&first["position"]["offset"], &first["duplicate"]), (&json!(1), &json!(false)));
    let again = post(&mut api, "/hub/publish", asked).await;
    assert_eq!((&again["position"], &again["duplicate"]), (&first["position"], &json!(true)));

    let heard: Value = serde_json::from_str(&text(ann.next().await)).unwrap();
    assert_eq!(heard["data"], json!({ "text": "hello" }));
    assert_eq!(
        (&heard["type"], &heard["key"], &heard["from"]),
        (&json!("message"), &json!("k1"), &Value::Null)
    );
    ann.expect_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn a_user_or_one_client_is_told_cut_and_taken_out() {
    let hub = TestHub::spawn(HubConf::default());
    let (mut phone, mut laptop) = (hub.join("ann", "lobby").await, hub.join("ann", "lobby").await);
    let client = phone.handle().id().to_string();
    let mut api = api(hub.hub());

    let told = post(&mut api, "/hub/send", json!({ "user": "ann", "data": 7 })).await;
    assert_eq!(told, json!({ "clients": 2 }));
    for device in [&mut phone, &mut laptop] {
        assert!(text(device.next().await).contains(r#""type":"direct""#));
    }
    let told = post(&mut api, "/hub/send", json!({ "client": client, "data": 8 })).await;
    assert_eq!(told, json!({ "clients": 1 }));
    assert!(text(phone.next().await).ends_with(r#""data":8}"#));

    let taken_out = post(&mut api, "/hub/unsubscribe", json!({ "client": client, "topic": "lobby" })).await;
    assert_eq!(taken_out, json!({ "clients": 1 }));
    assert!(matches!(phone.next().await, Event::Left { .. }));

    assert_eq!(post(&mut api, "/hub/kick", json!({ "user": "ann" })).await, json!({ "clients": 2 }));
    for device in [&mut phone, &mut laptop] {
        assert_eq!(device.expect_end().await.cause(), hub::Cause::Kicked);
    }
    drop((phone, laptop));
    hub.settle().await;
    assert_eq!(post(&mut api, "/hub/kick", json!({ "user": "ann" })).await, json!({ "clients": 0 }));
}

#[tokio::test(start_paused = true)]
async fn presence_comes_by_name_in_pages_and_as_a_count() {
    let hub = TestHub::<Message>::spawn(conf());
    let mut members = vec![];
    for user in ["carl", "ann", "bob", "ann"] {
        members.push(hub.join(user, "lobby").await);
    }
    let who = Identity::user("dora".try_into().unwrap()).info(r#"{"name":"Dora"}"#);
    let mut dora = hub.connect_as(who).await;
    dora.join("lobby", hub::Join::new()).await;
    let mut api = api(hub.hub());

    let page = get(&mut api, "/hub/presence?topic=lobby&limit=2").await;
    assert_eq!(page["total"], 4);
    assert_eq!(page["users"], json!([{ "user": "ann", "devices": 2 }, { "user": "bob", "devices": 1 }]));
    let page = get(&mut api, "/hub/presence?topic=lobby&after=carl").await;
    assert_eq!(page["users"], json!([{ "user": "dora", "devices": 1, "info": { "name": "Dora" } }]));
    assert_eq!(get(&mut api, "/hub/presence/count?topic=lobby").await, json!({ "users": 4, "devices": 5 }));
    assert_eq!(get(&mut api, "/hub/presence/count?topic=empty").await, json!({ "users": 0, "devices": 0 }));
}

#[tokio::test(start_paused = true)]
async fn history_is_the_last_messages_or_those_after_a_position_or_gone() {
    let hub = TestHub::spawn(HubConf {
        topic: TopicConf {
            history: HistoryConf { max_messages: 3, ..HistoryConf::default() },
            max_messages: 3.try_into().unwrap(),
            ..TopicConf::default()
        },
        ..HubConf::default()
    });
    let mut api = api(hub.hub());
    let mut positions = vec![];
    for number in 1..=5 {
        let published = post(&mut api, "/hub/publish", json!({ "topic": "a/b c", "data": number })).await;
        positions.push(published["position"].clone());
        hub.settle().await;
    }
    let data = |page: &Value| -> Vec<Value> {
        page["messages"].as_array().unwrap().iter().map(|message| message["data"].clone()).collect()
    };
    let last = get(&mut api, "/hub/history?topic=a%2Fb%20c&limit=2").await;
    assert_eq!(data(&last), [4, 5]);
    assert_eq!(last["position"], positions[4]);

    let epoch = positions[0]["epoch"].as_str().unwrap();
    let after = get(&mut api, &format!("/hub/history?topic=a%2Fb+c&offset=2&epoch={epoch}")).await;
    assert_eq!(data(&after), [3, 4, 5]);

    let gone = api.get(&format!("/hub/history?topic=a%2Fb+c&offset=1&epoch={epoch}")).await;
    assert_eq!(gone.status, 410);
    let expected = format!("the topic no longer has all of it: it is at offset 5, epoch {epoch}");
    assert_eq!(gone.json::<Value>(), json!({ "code": 410, "msg": expected }));
}

#[tokio::test(start_paused = true)]
async fn no_answer_has_more_items_than_it_may() {
    let hub = TestHub::<Message>::spawn(conf());
    let members = [hub.join("ann", "lobby").await, hub.join("bob", "lobby").await];
    let mut engine = Engine::new(RestConf::default());
    let most = ApiConf { max_items: 1, ..ApiConf::default() };
    engine.add_routes(ServerApi::with_conf(hub.hub().clone(), most).without_auth());
    let mut api = Client::of(engine);
    for data in 1..=3 {
        post(&mut api, "/publish", json!({ "topic": "lobby", "data": data })).await;
    }
    let page = get(&mut api, "/presence?topic=lobby&limit=1000000").await;
    assert_eq!((page["users"].as_array().unwrap().len(), &page["total"]), (1, &json!(2)));
    assert_eq!(
        get(&mut api, "/history?topic=lobby&limit=1000000").await["messages"].as_array().unwrap().len(),
        1
    );
    drop(members);
}

#[tokio::test(start_paused = true)]
async fn stats_are_what_the_hub_counts() {
    let hub = TestHub::<Message>::spawn(HubConf::default());
    let _ann = hub.join("ann", "lobby").await;
    hub.settle().await;
    let stats = get(&mut api(hub.hub()), "/hub/stats").await;
    assert_eq!(
        (&stats["clients"], &stats["joins"], &stats["evicted"]["age"]),
        (&json!(1), &json!(1), &json!(0))
    );
}

/// What is answered to a body as it is.
async fn say(api: &mut Client, path: &str, body: impl Into<Body>) -> (u16, Value) {
    let request = Request::post(path).header("content-type", "application/json");
    let answer: Answer = api.send(request.body(body.into()).expect("a request")).await;
    (answer.status.as_u16(), answer.json())
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_done_has_a_code_and_a_reason() {
    let hub =
        Hub::<Message>::spawn(HubConf { max_message_bytes: 200.try_into().unwrap(), ..HubConf::default() });
    let mut api = api(&hub);
    for (path, body, status, expected) in [
        ("/hub/publish", r#"{"data":1}"#, 422, "the body has not the fields and types that are wanted"),
        (
            "/hub/publish",
            r#"{"topic":"a","data":1,"to":2}"#,
            422,
            "the body has not the fields and types that are wanted",
        ),
        ("/hub/publish", r#"{"topic":"","data":1}"#, 400, "topic: a name cannot be empty"),
        (
            "/hub/publish",
            r#"{"topic":"a\u0000","data":1}"#,
            400,
            "topic: a name cannot have control characters",
        ),
        ("/hub/publish", "hello", 400, "JSON"),
        ("/hub/send", r#"{"data":1}"#, 400, "either user or client says who is meant"),
        (
            "/hub/send",
            r#"{"user":"a","client":"1","data":1}"#,
            400,
            "either user or client says who is meant",
        ),
        ("/hub/kick", r#"{"client":"ann"}"#, 400, "client: that is no client's number"),
        ("/hub/unsubscribe", r#"{"user":"","topic":"a"}"#, 400, "user: a name cannot be empty"),
    ] {
        let (answered, error) = say(&mut api, path, body).await;
        assert_eq!((answered, &error["code"]), (status, &json!(status)), "{path} {body}");
        assert!(error["msg"].as_str().unwrap().contains(expected), "{path} {body}: {error}");
    }
    for path in ["/hub/presence", "/hub/history?topic=a&offset=1", "/hub/history?topic=a&offset=1&epoch=x"] {
        assert_eq!(api.get(path).await.status, 400, "{path}");
    }
    let heavy = json!({ "topic": "a", "data": "x".repeat(200) }).to_string();
    assert_eq!(
        say(&mut api, "/hub/publish", heavy).await,
        (413, json!({ "code": 413, "msg": "the message is too large" }))
    );
    let large = json!({ "topic": "a", "data": "x".repeat(64 << 10) }).to_string();
    assert_eq!(say(&mut api, "/hub/publish", large).await.0, 413);
    hub.close().await;
    let closed = say(&mut api, "/hub/publish", r#"{"topic":"a","data":1}"#).await;
    assert_eq!(closed, (503, json!({ "code": 503, "msg": "the hub is closed" })));
}

#[tokio::test]
async fn without_a_key_no_route_does_anything() {
    let hub = Hub::<Message>::spawn(HubConf::default());
    let keys = ["the key of today", "the key of tomorrow"].map(|key| ApiKey::new(key).unwrap());
    let mut engine = Engine::new(RestConf::default());
    engine.add_routes(ServerApi::new(hub).with_keys(keys).prefix("/hub"));
    let mut api = Client::of(engine);
    let mut ask = async |method: &str, path: &str, key: Option<&str>| {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        api.send(request.body(Body::empty()).unwrap()).await
    };
    for (method, path) in [
        ("POST", "/hub/publish"),
        ("POST", "/hub/send"),
        ("POST", "/hub/kick"),
        ("POST", "/hub/unsubscribe"),
        ("GET", "/hub/presence?topic=a"),
        ("GET", "/hub/presence/count?topic=a"),
        ("GET", "/hub/history?topic=a"),
        ("GET", "/hub/stats"),
    ] {
        for key in [None, Some("the key of yesterday"), Some("")] {
            let answer = ask(method, path, key).await;
            assert_eq!(
                (answer.status.as_u16(), answer.header("www-authenticate")),
                (401, "Bearer"),
                "{path} {key:?}"
            );
            assert_eq!(answer.json::<Value>()["code"], 401);
        }
    }
    assert_eq!(ask("GET", "/hub/stats", Some("the key of today")).await.status, 200);
    assert_eq!(ask("GET", "/hub/stats", Some("the key of tomorrow")).await.status, 200);
}

#[tokio::test]
async fn a_guard_of_ones_own_is_around_all_routes() {
    use rest::middleware::{Next, from_fn};
    let hub = Hub::<Message>::spawn(HubConf::default());
    let guard = async |request: Request, next: Next| match request.headers().contains_key("x-trusted") {
        true => next.run(request).await,
        false => rest::IntoResponse::into_response(rest::StatusCode::FORBIDDEN),
    };
    let mut engine = Engine::new(RestConf::default());
    engine.add_routes(ServerApi::new(hub).guarded_by(|group| group.layer(from_fn(guard))));
    let mut api = Client::of(engine);
    assert_eq!(api.get("/stats").await.status, 403);
    let trusted = Request::get("/stats").header("x-trusted", "1").body(Body::empty()).unwrap();
    assert_eq!(api.send(trusted).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn what_needs_a_cluster_that_is_away_is_503_and_safe_to_try_again() {
    let bus = Bus::new(1);
    let hub = Hub::<Message>::spawn_on(conf(), bus.node("one"));
    let mut api = api(&hub);
    let asked = json!({ "topic": "lobby", "data": 1, "key": "k" });
    let first = post(&mut api, "/hub/publish", asked.clone()).await;
    bus.stop();
    let away = say(&mut api, "/hub/publish", asked.to_string()).await;
    assert_eq!(away, (503, json!({ "code": 503, "msg": "the other servers cannot be reached" })));
    bus.start();
    tokio::time::sleep(std::time::Duration::from_secs(10)).await; // it connects anew
    let again = post(&mut api, "/hub/publish", asked).await;
    assert_eq!((&again["position"], &again["duplicate"]), (&first["position"], &json!(true)));
}
