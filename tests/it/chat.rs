//! The chat room with plain clients, and its page.

use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, Cut, Online};
use crate::program::Program;
use crate::raw;

/// The limit of the built-in config.
const LIMIT: usize = 4096;

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
    let (mut ann, mut bob, mut online) = two_members(&chat).await;

    ann.send(Message::binary(vec![1, 2, 3])).await;

    assert_eq!(ann.is_closed().await, (1003, "this chat takes text only".to_owned()));
    online.becomes(1).await;
    bob.say("still here").await;
    assert_eq!(bob.hears().await, "still here");
}

#[tokio::test]
async fn a_message_as_long_as_the_limit_is_heard() {
    let chat = Program::chat().await;
    let mut ann = Client::connect(chat.addr(), "/ws").await;
    ann.say(&"x".repeat(LIMIT)).await;
    assert_eq!(ann.hears().await.len(), LIMIT);
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
async fn online_tells_the_count_at_once_and_when_asked() {
    let chat = Program::chat().await;
    let mut watcher = Client::connect(chat.addr(), "/online").await;
    assert_eq!(watcher.hears().await, "0", "who only watches is not counted");
    watcher.say("how many?").await;
    assert_eq!(watcher.hears().await, "0");
}

#[tokio::test]
async fn the_count_rises_with_each_member_and_falls_when_one_leaves() {
    let chat = Program::chat().await;
    let mut online = Online::watch(chat.addr()).await;

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
        let (ann, bob, mut online) = two_members(&chat).await;
        ann.cut(how);
        online.becomes(1).await;
        bob.leave().await;
        online.becomes(0).await;
    }
}

#[tokio::test]
async fn the_page_is_served_with_a_strict_policy() {
    let chat = Program::chat().await;

    let page = raw::get(chat.addr(), "/").await;

    assert_eq!((page.status(), page.header("content-type")), ("200 OK", "text/html; charset=utf-8"));
    assert_eq!(page.body, include_str!("../../examples/chat/page/index.html"));
    let policy: Vec<_> = page.header("content-security-policy").split("; ").map(str::trim).collect();
    for directive in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"] {
        assert!(policy.contains(&directive), "{directive} is missing in {policy:?}");
    }
    for loophole in ["unsafe", "http:", "https:", "*"] {
        assert!(!policy.join(" ").contains(loophole), "{loophole} is in {policy:?}");
    }
}

#[tokio::test]
async fn the_files_of_the_page_have_their_types() {
    let chat = Program::chat().await;
    let script = include_str!("../../examples/chat/page/chat.js");
    let style = include_str!("../../examples/chat/page/chat.css");
    for (path, content_type, content) in
        [("/chat.js", "text/javascript", script), ("/chat.css", "text/css", style)]
    {
        let file = raw::get(chat.addr(), path).await;
        let declared = file.header("content-type").split(';').next();
        assert_eq!((file.status(), declared), ("200 OK", Some(content_type)), "{path}");
        assert_eq!(file.body, content, "{path}");
    }
}

#[tokio::test]
async fn pages_of_other_sites_are_refused() {
    let chat = Program::chat().await;
    let own = format!("http://{}", chat.addr());
    let hostile = [
        "https://evil.example".to_owned(),
        "null".to_owned(),
        format!("{own}.evil.example"),
        "http://127.0.0.1:1".to_owned(),
    ];
    for path in ["/ws", "/online"] {
        for origin in &hostile {
            let refusal = raw::handshake(chat.addr(), path, Some(origin)).await;
            let refusal = refusal.err().unwrap_or_else(|| panic!("{origin} may connect to {path}"));
            assert_eq!(refusal.status(), "403 Forbidden", "{origin} at {path}");
            assert_eq!(refusal.body, "pages of this origin may not connect\n");
        }
        for origin in [Some(own.as_str()), None] {
            let accepted = raw::handshake(chat.addr(), path, origin).await;
            assert!(accepted.is_ok(), "{origin:?} at {path}: {accepted:?}");
        }
    }
}

/// Two who are in the room, as the third can tell.
async fn two_members(chat: &Program) -> (Client, Client, Online) {
    let mut online = Online::watch(chat.addr()).await;
    let ann = Client::connect(chat.addr(), "/ws").await;
    let bob = Client::connect(chat.addr(), "/ws").await;
    online.becomes(2).await;
    (ann, bob, online)
}
