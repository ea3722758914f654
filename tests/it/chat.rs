//! The chat's lobby with clients that have no protocol.

use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, Cut, Online};
use crate::program::Program;

/// The limit of the built-in config.
const LIMIT: usize = 16_384;

#[tokio::test]
async fn everybody_hears_everything_in_the_same_order() {
    let chat = Program::chat().await;
    let (mut ann, mut bob, _) = two_members(&chat).await;

    // Neither waits for the other, so that only the room can bring order into it.
    let lines = |name: &'static str| (1..=100).map(move |n| format!("{name} {n}"));
    tokio::join!(ann.say_all(lines("ann")), bob.say_all(lines("bob")));

    let heard = ann.hears_many(200).await;
    assert_eq!(heard, bob.hears_many(200).await);
    for name in ["ann", "bob"] {
        let own: Vec<_> = heard.iter().filter(|line| line.starts_with(name)).cloned().collect();
        assert_eq!(own, lines(name).collect::<Vec<_>>(), "what one says stays in order");
    }
}

#[tokio::test]
async fn who_comes_later_hears_only_what_is_said_from_then_on() {
    let chat = Program::chat().await;
    let mut ann = Client::connect(chat.addr(), "/ws").await;
    ann.say("too early").await;
    assert_eq!(ann.hears().await, "too early");

    let mut bob = Client::connect(chat.addr(), "/ws").await;
    bob.say("good morning").await;

    assert_eq!(bob.hears().await, "good morning");
    assert_eq!(ann.hears().await, "good morning");
}

#[tokio::test]
async fn a_message_becomes_a_line_and_a_blank_one_nothing() {
    let chat = Program::chat().await;
    let mut ann = Client::connect(chat.addr(), "/ws").await;

    for text in ["  one\ntwo\n", "", "   ", "\n\t\n", "a\n\nb", "\r\nthree\r\n", "äö \u{1f600}\n<b>"] {
        ann.say(text).await;
    }

    assert_eq!(ann.hears_many(4).await, ["one two", "a  b", "three", "äö \u{1f600} <b>"]);
}

#[tokio::test]
async fn binary_is_refused_with_1003_and_the_others_stay() {
    let chat = Program::chat().await;
    let (mut ann, mut bob, online) = two_members(&chat).await;

    ann.send(Message::binary(vec![1, 2, 3])).await;

    assert_eq!(ann.is_closed().await, (1003, "this chat takes text only".to_owned()));
    online.becomes(1).await;
    bob.say("still here").await;
    assert_eq!(bob.hears().await, "still here");
}

#[tokio::test]
async fn a_message_as_long_as_the_limit_is_heard_and_a_longer_one_refused_in_words() {
    let chat = Program::chat().await;
    let mut ann = Client::connect(chat.addr(), "/ws").await;
    for text in ["x".repeat(2000), "\u{1f600}".repeat(2000)] {
        ann.say(&text).await;
        assert_eq!(ann.hears().await, text);
        ann.say(&format!("{text}y")).await;
        assert_eq!(ann.hears().await, "* a message has at most 2000 characters");
    }
}

#[tokio::test]
async fn a_message_over_the_limit_closes_with_1009_and_names_the_limit() {
    let chat = Program::chat().await;
    for len in [LIMIT + 1, 1 << 20] {
        let mut ann = Client::connect(chat.addr(), "/ws").await;
        ann.say(&"x".repeat(len)).await;
        assert_eq!(ann.is_closed().await, (1009, format!("message is larger than {LIMIT} bytes")), "{len}");
    }
}

#[tokio::test]
async fn the_count_rises_with_each_member_and_falls_when_one_leaves() {
    let chat = Program::chat().await;
    let online = Online::of(chat.addr());

    let ann = Client::connect(chat.addr(), "/ws").await;
    online.becomes(1).await;
    let bob = Client::connect(chat.addr(), "/ws").await;
    online.becomes(2).await;
    ann.leave().await;
    online.becomes(1).await;
    bob.leave().await;
    online.becomes(0).await;
}

#[tokio::test]
async fn the_count_falls_when_one_goes_without_a_close() {
    let chat = Program::chat().await;
    for how in [Cut::Fin, Cut::Reset] {
        let (ann, bob, online) = two_members(&chat).await;
        ann.cut(how);
        online.becomes(1).await;
        bob.leave().await;
        online.becomes(0).await;
    }
}

/// Two who are in the room, as the third can tell.
async fn two_members(chat: &Program) -> (Client, Client, Online) {
    let online = Online::of(chat.addr());
    let ann = Client::connect(chat.addr(), "/ws").await;
    let bob = Client::connect(chat.addr(), "/ws").await;
    online.becomes(2).await;
    (ann, bob, online)
}
