//! What the chat permits: names, texts, how fast, how many.

use serde_json::{Value, json};

use crate::client::{Client, Online};
use crate::member::Member;
use crate::program::Program;

#[tokio::test]
async fn a_name_is_one_person_s_in_a_room_and_the_next_gets_a_number() {
    let chat = Program::chat().await;
    let mut ann = Member::join(&chat, "Ann", "lobby").await;
    let mut members = Vec::new();
    for (name, shown) in [("ann", "ann 2"), ("  \u{ff21}nn ", "\u{ff21}nn 3"), ("A\u{308}nn", "\u{c4}nn")] {
        let mut other = Member::join(&chat, name, "lobby").await;
        other.says("lobby", "hello").await;
        assert_eq!(ann.hears_text().await.0, shown);
        members.push(other);
    }
    let mut elsewhere = Member::join(&chat, "Ann", "attic").await;
    elsewhere.says("attic", "hello").await;
    assert_eq!(elsewhere.hears_text().await.0, "Ann", "in another room it is free");

    let mut plain = Client::connect(chat.addr(), "/ws").await;
    let mut second = Client::connect(chat.addr(), "/ws").await;
    Online::of(chat.addr()).becomes(7).await;
    plain.say("one").await;
    let first_guest = ann.hears_text().await.0;
    second.say("two").await;
    let mut guests = [first_guest, ann.hears_text().await.0];
    guests.sort();
    assert_eq!(guests, ["guest", "guest 2"]);
}

#[tokio::test]
async fn many_who_come_at_once_by_one_name_have_different_ones() {
    let chat = Program::chat().await;
    let joins = (0..20).map(|_| Member::join(&chat, "Ann", "lobby"));
    let members = futures_util::future::join_all(joins).await;
    let mut bob = Member::connect(&chat, "Bob").await;
    let joined = bob.does(json!({ "type": "join", "topic": "lobby" })).await;
    // Bob himself, and whoever came a moment before him, may be told of later.
    let mut users = vec![joined["presence"]["users"].clone()];
    let mut names: Vec<String> = Vec::new();
    while names.len() < members.len() + 1 {
        let new = match users.pop() {
            Some(users) => users,
            None => bob.hears("presence").await["joined"].take(),
        };
        for user in new.as_array().expect("a list") {
            let name = user["info"]["name"].as_str().expect("a name").to_owned();
            assert!(!names.contains(&name), "{name} is there twice: {names:?}");
            names.push(name);
        }
    }
}

#[tokio::test]
async fn names_that_are_none_are_refused_in_words_and_may_be_mended() {
    let chat = Program::chat().await;
    let mut ann = Member::open(&chat).await;
    for name in ["", "  ", "An\u{202e}n", "An\u{200b}n", "A\u{0}n", &"x".repeat(33)] {
        let answer = ann.asks(json!({ "type": "connect", "data": { "name": name } })).await;
        assert_eq!(
            (&answer["code"], answer["message"].as_str()),
            (&json!("rejected"), Some(NO_NAME)),
            "{name:?}"
        );
    }
    for data in [Value::Null, json!("Ann"), json!({ "nom": "Ann" })] {
        let answer = ann.asks(json!({ "type": "connect", "data": data })).await;
        assert_eq!(answer["code"], "rejected", "{data}");
    }
    let short = ann.asks(json!({ "type": "connect", "token": "short", "data": { "name": "Ann" } })).await;
    assert_eq!(short["code"], "unauthorized");
    ann.does(json!({ "type": "connect", "data": { "name": "x".repeat(32) } })).await;
    for room in ["\u{200b}", &"x".repeat(33), " lobby", "two  spaces"] {
        let answer = ann.asks(json!({ "type": "join", "topic": room })).await;
        assert_eq!(
            (&answer["code"], answer["message"].as_str()),
            (&json!("rejected"), Some(NO_NAME)),
            "{room:?}"
        );
    }
}

#[tokio::test]
async fn what_is_no_message_is_refused_in_words_and_the_connection_stays() {
    let chat = Program::chat().await;
    let mut ann = Member::join(&chat, "Ann", "lobby").await;
    for (data, message) in [
        (json!({ "text": " \n" }), "a message is not blank"),
        (json!({ "text": "\u{1b}[2J" }), "a message has no control characters"),
        (json!({ "text": "x".repeat(2001) }), "a message has at most 2000 characters"),
    ] {
        let answer = ann.asks(json!({ "type": "publish", "topic": "lobby", "data": data })).await;
        assert_eq!((&answer["code"], answer["message"].as_str()), (&json!("rejected"), Some(message)));
    }
    for data in [
        json!("hello"),
        json!({}),
        json!({ "text": 1 }),
        json!({ "text": "a", "html": "<b>a</b>" }),
        json!({ "typing": false }),
        json!({ "text": "a", "typing": true }),
    ] {
        let answer = ann.asks(json!({ "type": "publish", "topic": "lobby", "data": data })).await;
        assert_eq!(answer["code"], "rejected", "{data}");
    }
    assert_eq!(ann.says("lobby", &"\u{1f600}".repeat(2000)).await["type"], "ok");
}

#[tokio::test]
async fn who_talks_too_fast_is_told_when_to_go_on() {
    let chat = Program::chat_as_it_is().await;
    let mut ann = Member::join(&chat, "Ann", "lobby").await;
    let mut refused = Vec::new();
    for number in 0..30 {
        let answer = ann.says("lobby", &number.to_string()).await;
        if answer["type"] == "error" {
            refused.push(answer);
        }
    }
    let first = refused.first().expect("a burst is ten");
    assert_eq!(first["code"], "rate_limited");
    assert!(first["retry_after_ms"].as_u64().is_some_and(|wait| (1..=200).contains(&wait)), "{first}");

    let mut plain = Client::connect(chat.addr(), "/ws").await;
    plain.say_all((0..30).map(|number| number.to_string())).await;
    let notice = loop {
        let line = plain.hears().await;
        if line.starts_with('*') {
            break line;
        }
    };
    assert!(notice.starts_with("* too fast: wait 0."), "{notice}");
    assert!(notice.ends_with(" s"), "{notice}");
}

#[tokio::test]
async fn the_sixth_connection_of_a_user_replaces_the_first_which_is_told() {
    let chat = Program::chat().await;
    let mut members = Vec::new();
    for _ in 0..6 {
        let mut ann = Member::open(&chat).await;
        let hello = json!({ "type": "connect", "token": "a secret of ann's own", "data": { "name": "Ann" } });
        ann.does(hello).await;
        members.push(ann);
    }
    let end = members[0].hears("end").await;
    assert_eq!(end["code"], "replaced");
    assert_eq!(members[0].is_closed().await.0, 4409);
    for ann in &mut members[1..] {
        ann.does(json!({ "type": "ping" })).await;
    }
}

#[tokio::test]
async fn one_address_has_so_many_connections() {
    let chat = Program::chat_with("Host: localhost\nMode: test\nWs: { MaxConnectionsPerIp: 2 }\n").await;
    let _members = [Member::join(&chat, "Ann", "lobby").await, Member::join(&chat, "Bob", "lobby").await];
    let refusal = crate::raw::handshake(chat.addr(), "/ws", None).await.expect_err("there are two already");
    assert_eq!(refusal.status(), "429 Too Many Requests");
}

const NO_NAME: &str = "a name has 1 to 32 visible characters";
