//! How the chat stops: everybody is told, nobody is waited for without end, the process ends well.

use std::io;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::net::TcpStream;

use crate::client::{Client, Online};
use crate::member::Member;
use crate::program::Program;
use crate::raw;

const STOPPING: &str = "the server is stopping";

/// Nothing ends by itself within the deadline of a test.
const PATIENT: &str =
    "Host: localhost\nMode: test\nShutdown: { WrapUpTime: 0s, WaitTime: 300s }\nWs: { CloseTimeout: 300s }\n";

#[tokio::test]
async fn sigterm_tells_200_open_sockets_and_the_process_ends_within_the_grace() {
    let grace = Duration::from_millis(5_500); // `Shutdown.WaitTime` of the built-in config
    let mut chat = Program::chat().await;
    let online = Online::of(chat.addr());
    let mut members = Vec::new();
    for _ in 0..200 {
        members.push(Client::connect(chat.addr(), "/ws").await);
    }
    online.becomes(200).await;

    let begin = Instant::now();
    chat.signal("TERM").await;

    for member in &mut members {
        assert_eq!(member.is_closed().await, (1001, STOPPING.to_owned()));
    }
    let status = chat.ended().await;
    assert!(begin.elapsed() < grace, "it took {:?}", begin.elapsed());
    assert_eq!(status.code(), Some(0));
    let log = chat.whole_log().await;
    assert!(!log.contains("aborted"), "all ended by themselves: {log}");
    refuses(&chat).await;
}

#[tokio::test]
async fn sigint_ends_as_cleanly() {
    let mut chat = Program::chat().await;
    let mut ann = member(&chat).await;

    chat.signal("INT").await;

    assert_eq!(ann.is_closed().await, (1001, STOPPING.to_owned()));
    assert_eq!(chat.ended().await.code(), Some(0));
}

#[tokio::test]
async fn those_who_speak_the_protocol_are_told_when_to_return_before_the_close() {
    let mut chat = Program::chat().await;
    let mut ann = Member::join(&chat, "Ann", "lobby").await;

    chat.signal("TERM").await;

    let end = ann.hears("end").await;
    assert_eq!((&end["code"], &end["message"]), (&json!("draining"), &json!(STOPPING)));
    assert!(end["retry_after_ms"].as_u64().is_some_and(|wait| wait < 5000), "{end}");
    assert_eq!(ann.is_closed().await, (1001, STOPPING.to_owned()));
    assert_eq!(chat.ended().await.code(), Some(0));
}

#[tokio::test]
async fn what_was_said_before_the_signal_is_heard_before_the_close() {
    let mut chat = Program::chat().await;
    let online = Online::of(chat.addr());
    let mut ann = Client::connect(chat.addr(), "/ws").await;
    let mut others = Vec::new();
    for _ in 0..50 {
        others.push(Client::connect(chat.addr(), "/ws").await);
    }
    online.becomes(51).await;

    // Once ann hears her last words they are in the room, whoever else has got them yet.
    let lines: Vec<_> = (1..=200).map(|n| format!("last words, {n}")).collect();
    ann.say_all(lines.clone()).await;
    assert_eq!(ann.hears_many(200).await, lines);
    chat.signal("TERM").await;

    assert_eq!(ann.is_closed().await, (1001, STOPPING.to_owned()));
    for other in &mut others {
        assert_eq!(other.hears_many(200).await, lines);
        assert_eq!(other.is_closed().await, (1001, STOPPING.to_owned()));
    }
    assert_eq!(chat.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_at_once_although_a_socket_does_not_read() {
    let mut chat = Program::chat_with(PATIENT).await;
    let _stuck = raw::handshake(chat.addr(), "/ws", None).await.expect("the handshake succeeds");
    let online = Online::of(chat.addr());
    online.becomes(1).await;
    let mut ann = Client::connect(chat.addr(), "/ws").await;
    online.becomes(2).await;

    chat.signal("INT").await;
    assert_eq!(ann.is_closed().await, (1001, STOPPING.to_owned()));
    refuses(&chat).await;
    assert!(chat.is_running(), "it waits for the socket that does not answer");

    // Not sooner, as it would pass for an echo of the first.
    tokio::time::sleep(Duration::from_millis(200)).await;
    chat.signal("INT").await;
    assert_eq!(chat.ended().await.code(), Some(0));
    let log = chat.whole_log().await;
    assert!(log.contains("asked a second time, the rest is aborted"), "{log}");
}

#[tokio::test]
async fn a_signal_that_comes_twice_at_once_is_one() {
    let mut chat = Program::chat().await;
    let mut ann = member(&chat).await;

    // Of two kinds, as one kind that is pending is not sent again.
    chat.signals(&["INT", "TERM"]).await;

    assert_eq!(ann.is_closed().await, (1001, STOPPING.to_owned()));
    assert_eq!(chat.ended().await.code(), Some(0));
    let log = chat.whole_log().await;
    assert!(!log.contains("asked a second time"), "{log}");
}

#[tokio::test]
async fn a_socket_that_never_answers_is_cut_when_the_time_is_up() {
    let mut chat = Program::chat_with(
        "Host: localhost\nMode: test\nShutdown: { WrapUpTime: 0s, WaitTime: 500ms }\nWs: { CloseTimeout: 300s }\n",
    )
    .await;
    let _stuck = raw::handshake(chat.addr(), "/ws", None).await.expect("the handshake succeeds");
    Online::of(chat.addr()).becomes(1).await;

    chat.signal("TERM").await;

    assert_eq!(chat.ended().await.code(), Some(0));
}

#[tokio::test]
async fn connections_without_a_request_are_not_waited_for() {
    let mut chat = Program::chat_with(PATIENT).await;
    let _silent = TcpStream::connect(chat.addr()).await.unwrap();
    // Accepted after it, and served: so the silent one is too.
    assert_eq!(raw::get(chat.addr(), "/").await.status(), "200 OK");

    chat.signal("TERM").await;

    assert_eq!(chat.ended().await.code(), Some(0));
    let log = chat.whole_log().await;
    assert!(!log.contains("aborted"), "it ended by itself: {log}");
}

async fn member(chat: &Program) -> Client {
    let client = Client::connect(chat.addr(), "/ws").await;
    Online::of(chat.addr()).becomes(1).await;
    client
}

async fn refuses(chat: &Program) {
    let refusal = TcpStream::connect(chat.addr()).await.map(|_| ()).map_err(|e| e.kind());
    assert_eq!(refusal, Err(io::ErrorKind::ConnectionRefused));
}
