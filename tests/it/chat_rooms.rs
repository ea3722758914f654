//! The chat's rooms with members who speak the hub's protocol: who is there, what was said, and what one missed.

use serde_json::json;

use crate::client::{Client, Cut, Online};
use crate::member::Member;
use crate::program::Program;

#[tokio::test]
async fn members_of_a_room_hear_each_other_and_nobody_elsewhere_does() {
    let chat = Program::chat().await;
    let mut ann = Member::join(&chat, "Ann", "garden").await;
    let mut bob = Member::join(&chat, "Bob", "garden").await;
    let mut eve = Member::join(&chat, "Eve", "attic").await;

    ann.says("garden", "good morning").await;
    eve.says("attic", "alone").await;

    assert_eq!(bob.hears_text().await, ("Ann".to_owned(), "good morning".to_owned()));
    assert_eq!(eve.hears_text().await, ("Eve".to_owned(), "alone".to_owned()));
}

#[tokio::test]
async fn the_lobby_is_one_room_for_those_with_the_protocol_and_those_without() {
    let chat = Program::chat().await;
    let mut ann = Member::join(&chat, "Ann", "lobby").await;
    let mut bob = Client::connect(chat.addr(), "/ws").await;
    Online::of(chat.addr()).becomes(2).await;

    bob.say("hello\nfrom a terminal").await;
    assert_eq!(bob.hears().await, "hello from a terminal");
    assert_eq!(ann.hears_text().await, ("guest".to_owned(), "hello from a terminal".to_owned()));

    ann.says("lobby", "hello\nfrom a page").await;
    ann.does(json!({ "type": "publish", "topic": "lobby", "data": { "text": "waves", "action": true } }))
        .await;
    ann.does(json!({ "type": "publish", "topic": "lobby", "data": { "typing": true } })).await;
    ann.says("lobby", "bye").await;
    assert_eq!(bob.hears_many(3).await, ["Ann: hello from a page", "* Ann waves", "Ann: bye"]);
}

#[tokio::test]
async fn presence_counts_the_devices_of_a_user_and_has_each_user_once() {
    let chat = Program::chat().await;
    let secret = "a secret of ann's own";
    let mut users = Vec::new();
    for name in ["Ann", "Ann"] {
        let mut ann = Member::open(&chat).await;
        ann.does(json!({ "type": "connect", "token": secret, "data": { "name": name } })).await;
        let joined = ann.does(json!({ "type": "join", "topic": "lobby" })).await;
        users.push((ann, joined["presence"]["users"].clone()));
    }
    let [(_first, alone), (_second, both)] = &users[..] else { panic!("there are two") };
    assert_eq!((&alone[0]["devices"], &both[0]["devices"]), (&json!(1), &json!(2)));
    assert_eq!(both.as_array().map(Vec::len), Some(1));
    assert_eq!(both[0]["info"], json!({ "name": "Ann" }), "one's own name is not taken");
    assert!(!both.to_string().contains(secret), "{both}");
}

#[tokio::test]
async fn who_leaves_is_gone_at_once_and_who_is_cut_off_after_the_grace() {
    let chat = Program::chat_with(
        "Host: localhost\nMode: test\nHub: { Presence: { Enabled: true, Grace: 100ms } }\n",
    )
    .await;
    let mut ann = Member::join(&chat, "Ann", "lobby").await;
    for (name, how) in [("Bob", None), ("Carl", Some(Cut::Fin)), ("Dora", Some(Cut::Reset))] {
        let bob = Member::join(&chat, name, "lobby").await;
        let came = ann.finds(|object| object["joined"][0]["info"]["name"] == name).await;
        match how {
            None => bob.into_client().leave().await,
            Some(how) => bob.into_client().cut(how),
        }
        let left = ann.finds(|object| object["left"].is_array()).await;
        assert_eq!(left["left"], json!([came["joined"][0]["user"]]), "{how:?}");
    }
}

#[tokio::test]
async fn a_newcomer_gets_the_last_messages_and_who_returns_what_was_missed() {
    let chat = Program::chat().await;
    let mut ann = Member::join(&chat, "Ann", "lobby").await;
    for number in 1..=60 {
        ann.says("lobby", &number.to_string()).await;
    }
    ann.does(json!({ "type": "publish", "topic": "lobby", "data": { "typing": true } })).await;

    let mut bob = Member::connect(&chat, "Bob").await;
    let joined = bob.does(json!({ "type": "join", "topic": "lobby", "history": 50 })).await;
    for number in 11..=60 {
        assert_eq!(bob.hears_text().await.1, number.to_string());
    }
    bob.into_client().cut(Cut::Reset);
    for number in 61..=63 {
        ann.says("lobby", &number.to_string()).await;
    }

    let mut bob = Member::connect(&chat, "Bob").await;
    let back = bob.does(json!({ "type": "join", "topic": "lobby", "since": joined["position"] })).await;
    assert_eq!(back["recovered"], true);
    for number in 61..=63 {
        assert_eq!(bob.hears_text().await.1, number.to_string());
    }
}

#[tokio::test]
async fn a_retry_says_nothing_twice() {
    let chat = Program::chat().await;
    let mut ann = Member::join(&chat, "Ann", "lobby").await;
    let said = json!({ "type": "publish", "topic": "lobby", "data": { "text": "once" }, "key": "k1" });
    let first = ann.does(said.clone()).await;
    let second = ann.does(said).await;
    assert_eq!((&second["position"], &second["duplicate"]), (&first["position"], &json!(true)));
    ann.says("lobby", "next").await;
}

#[tokio::test]
async fn a_room_is_freed_when_nobody_is_there_and_nothing_is_kept_of_it() {
    let chat = Program::chat_with(
        "Host: localhost\nMode: test\nHub: { History: { MaxMessages: 10, MaxAge: 100ms } }\n",
    )
    .await;
    let mut ann = Member::join(&chat, "Ann", "lobby").await;
    let before = ann.says("lobby", "soon forgotten").await["position"]["epoch"].clone();
    ann.does(json!({ "type": "leave", "topic": "lobby" })).await;

    // Another life of the room has another epoch. It is asked for until then, as time is the server's affair.
    loop {
        let joined = ann.does(json!({ "type": "join", "topic": "lobby" })).await;
        ann.does(json!({ "type": "leave", "topic": "lobby" })).await;
        if joined["position"]["epoch"] != before {
            break;
        }
    }
}
