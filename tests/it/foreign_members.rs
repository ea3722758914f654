//! Clients that others wrote, in other languages, are full members of the chat.

use crate::client::{Client, Online};
use crate::foreign::Foreigner;
use crate::program::Program;

#[tokio::test]
async fn clients_of_all_kinds_share_one_room() {
    let chat = Program::chat().await;
    let mut ann = Client::connect(chat.addr(), "/ws").await;
    let mut foreigners = Foreigner::connect_all(&chat.ws_url("/ws")).await;
    Online::of(chat.addr()).becomes(1 + foreigners.len()).await;

    let lines = |name: &str| (1..=20).map(|n| format!("{name} {n} ä\u{1f600}\"")).collect::<Vec<_>>();
    let speech = foreigners.iter_mut().map(async |foreigner| {
        for line in lines(foreigner.name) {
            foreigner.say(&line).await;
        }
    });
    futures_util::future::join(ann.say_all(lines("ann")), futures_util::future::join_all(speech)).await;

    let count = 20 * (1 + foreigners.len());
    let heard = ann.hears_many(count).await;
    for foreigner in &mut foreigners {
        let name = foreigner.name;
        assert_eq!(foreigner.hears_many(count).await, heard, "{name} hears what ann hears");
        let own: Vec<_> = heard.iter().filter(|line| line.starts_with(name)).cloned().collect();
        assert_eq!(own, lines(name), "{name} is heard in order");
    }
}

#[tokio::test]
async fn foreign_text_becomes_a_line() {
    let chat = Program::chat().await;
    for mut foreigner in Foreigner::connect_all(&chat.ws_url("/ws")).await {
        for text in ["", " \n ", "  one\ntwo\n"] {
            foreigner.say(text).await;
        }
        assert_eq!(foreigner.hears().await, "one two", "{}", foreigner.name);
    }
}

#[tokio::test]
async fn foreign_mistakes_are_closed_with_their_reasons() {
    let long = format!("send \"{}\"", "x".repeat(16_385));
    for (command, close) in [
        ("binary 010203", "closed 1003 this chat takes text only"),
        (long.as_str(), "closed 1009 message is larger than 16384 bytes"),
        ("close 1000 good bye", "closed 1000 good bye"),
        ("close 4000 of my own", "closed 4000 of my own"),
    ] {
        let chat = Program::chat().await;
        for mut foreigner in Foreigner::connect_all(&chat.ws_url("/ws")).await {
            foreigner.order(command).await;
            assert_eq!(foreigner.event().await, close, "{}", foreigner.name);
        }
    }
}

#[tokio::test]
async fn a_foreign_ping_is_answered() {
    let chat = Program::chat().await;
    for mut foreigner in Foreigner::connect_all(&chat.ws_url("/ws")).await {
        foreigner.order("ping").await;
        assert_eq!(foreigner.event().await, "pong", "{}", foreigner.name);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_stop_is_told_to_foreigners_as_1001() {
    let mut chat = Program::chat().await;
    let foreigners = Foreigner::connect_all(&chat.ws_url("/ws")).await;
    Online::of(chat.addr()).becomes(foreigners.len()).await;

    chat.signal("TERM").await;

    for mut foreigner in foreigners {
        assert_eq!(foreigner.event().await, "closed 1001 the server is stopping", "{}", foreigner.name);
    }
    assert!(chat.ended().await.success());
}
