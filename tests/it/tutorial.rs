//! The tutorial, followed: each step's program is run, and asked what its page asks it. `house/tutorial.rs` sees to it that the
//! page has all of the program.

use std::net::SocketAddr;
use std::path::Path;

use rest::RestConf;
use rest::conf::{Format, parse};
use serde_json::{Value, json};

use crate::client::{Client, Cut};
use crate::folder::Folder;
use crate::page::{self, Block, STEPS, blocks};
use crate::program::{Program, command};
use crate::raw;

#[tokio::test]
async fn each_program_announces_itself_and_answers_as_its_page_says() {
    let mut asked = 0;
    for step in STEPS {
        let program = start(step).await;
        for command in blocks(&page::step(step)).iter().flat_map(Block::commands) {
            let place = format!("{step}.md:{}: {}", command.line, command.text);
            if command.text == "cargo run" {
                let announced = without_ports(program.announcement());
                assert_eq!(
                    command.output.iter().map(|line| without_ports(line)).collect::<Vec<_>>(),
                    [announced],
                    "{place}"
                );
            } else if command.text.starts_with("curl ") && !command.text.contains("https:") {
                asked += 1;
                let said = curl(&program, &command.text, &place).await;
                match &command.output[..] {
                    [] => assert!(!said.is_empty(), "{place} says nothing"),
                    [head] if command.text.contains(" -i ") => {
                        assert_eq!(said.lines().next(), Some(&**head), "{place}");
                    }
                    output => assert_eq!(said.lines().collect::<Vec<_>>(), output, "{place}"),
                }
            }
        }
    }
    assert_eq!(asked, 5, "the pages ask as often");
}

#[tokio::test]
async fn each_conversation_goes_as_its_page_says() {
    let mut lines = 0;
    for step in STEPS {
        for block in blocks(&page::step(step)).iter().filter(|block| block.lines[0].starts_with('→')) {
            let program = start(step).await;
            let mut client = Client::connect(program.addr(), "/ws").await;
            for (number, line) in (block.line..).zip(&block.lines) {
                lines += 1;
                if let Some(command) = line.strip_prefix("→ ") {
                    client.say(command).await;
                    continue;
                }
                let expected = line.strip_prefix("← ").expect("a line is said or heard");
                let heard = client.hears().await;
                assert!(is_like(&heard, expected), "{step}.md:{number} has {expected}, and it says {heard}");
            }
        }
    }
    assert_eq!(lines, 7, "the pages have as many");
}

#[tokio::test]
async fn step_1_tells_a_slip_in_the_config_as_its_page_says() {
    let error =
        parse::<RestConf>("Name: chat\nHost: localhost\nProt: 8888\n", Format::Yaml).expect_err("a slip");
    assert!(page::step("1-hello").contains(&format!("\nError: {error:?}\n")), "Error: {error:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn step_2_has_a_page_says_everything_back_and_says_good_bye_as_its_page_says() {
    let mut program = start("2-echo").await;
    let page = raw::get(program.addr(), "/").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.body.contains("new WebSocket("), "{}", page.body);

    let mut ann = Client::connect(program.addr(), "/ws").await;
    ann.say("Hello!").await;
    assert_eq!(ann.hears().await, "Hello!");
    program.signal("INT").await;
    let (code, reason) = ann.is_closed().await;
    let shown = format!("\nThe connection is closed: {code} {reason}\n");
    assert!(page::step("2-echo").contains(&shown), "{shown}");
    assert_eq!(program.ended().await.code(), Some(0));
}

#[tokio::test]
async fn step_3_lets_everybody_hear_everybody() {
    let program = start("3-hub").await;
    let mut ann = Client::connect(program.addr(), "/ws").await;
    ann.say("Is anybody there?").await;
    assert_eq!(ann.hears().await, "Is anybody there?");
    let mut bob = Client::connect(program.addr(), "/ws").await;
    bob.say("Hello, Ann!").await;
    assert_eq!([ann.hears().await, bob.hears().await], ["Hello, Ann!", "Hello, Ann!"]);
}

#[tokio::test]
async fn step_5_says_what_was_missed_and_tells_nobody_of_a_pulled_plug() {
    let program = start("5-history").await;
    let mut ann = member(program.addr(), "Ann", "history", &json!(50)).await;
    let mut bob = member(program.addr(), "Bob", "history", &json!(50)).await;
    let position = until(&mut bob, "ok").await["position"].clone();
    until(&mut bob, "presence").await;
    bob.cut(Cut::Reset);

    ann.say(&publish("Tea?")).await;
    let mut bob = member(program.addr(), "Bob", "since", &position).await;
    assert_eq!(until(&mut bob, "ok").await["recovered"], true);
    assert_eq!(until(&mut bob, "message").await["data"], "Tea?");

    bob.say(&publish("Yes!")).await;
    let heard = until_text(&mut ann, "Yes!").await;
    assert!(heard.iter().all(|object| object["left"].is_null()), "{heard:?}");
}

#[tokio::test]
async fn step_6_lets_in_who_has_logged_in_and_slows_them_down_in_the_words_of_its_page() {
    let program = start("6-limits").await;
    let mut ann = log_in(&program, "Ann").await;
    ann.say_all((0..11).map(|_| publish("Tea!"))).await;
    assert_eq!(until(&mut ann, "message").await["from"]["user"], "Ann");
    let error = until(&mut ann, "error").await;
    assert_eq!(error["code"], "rate_limited");
    let shown = format!("\nNot done: {}.\n", error["message"].as_str().expect("a text"));
    assert!(page::step("6-limits").contains(&shown), "{shown}");
}

#[cfg(unix)]
#[tokio::test]
async fn step_7_sends_its_members_away_when_it_is_asked_to_stop() {
    let mut program = start("7-production").await;
    let mut ann = log_in(&program, "Ann").await;
    program.signal("TERM").await;
    assert_eq!(until(&mut ann, "end").await["code"], "draining");
    assert_eq!(ann.is_closed().await.0, 1012);
    assert_eq!(program.ended().await.code(), Some(0));
}

#[tokio::test]
async fn step_7_takes_a_config_file_and_speaks_tls_with_nothing_else_changed() {
    let folder = Folder::new();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let cert = folder.file("cert.pem", &made.cert.pem());
    let key = folder.file("key.pem", &made.signing_key.serialize_pem());
    let config =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/tutorial/7-production/etc/chat.yaml");
    let mut step = command("tutorial-7-production");
    step.arg(config).env("ZEROXIDE__CERTFILE", cert).env("ZEROXIDE__KEYFILE", key);
    let program = Program::step(&mut step).await;
    assert!(program.announcement().contains("chat on https://localhost:"), "{}", program.announcement());
}

async fn start(step: &str) -> Program {
    Program::step(&mut command(&format!("tutorial-{step}"))).await
}

/// Does what a curl command does, as there may be none: at the program, whatever its ports are.
async fn curl(program: &Program, command: &str, place: &str) -> String {
    let (curl, filter) =
        command.split_once(" | grep ").map_or((command, None), |(curl, word)| (curl, Some(word)));
    let words = curl.split(' ').skip(1).filter(|word| !["-s", "-i"].contains(word));
    let [url] = &words.collect::<Vec<_>>()[..] else { panic!("{place} is more than this can do") };
    let (port, path) = url.strip_prefix("localhost:").and_then(|url| url.split_at_checked(4)).expect("a URL");
    let addr = match port {
        "8888" => program.addr(),
        "6060" => dev_addr(program),
        _ => panic!("{place}: who listens there?"),
    };
    let answer = raw::get(addr, path).await;
    if curl.contains(" -i ") {
        return format!("HTTP/1.1 {}\n", answer.status());
    }
    let lines = answer.body.lines().filter(|line| filter.is_none_or(|word| line.contains(word)));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Where the health and the metrics are, by the announcement.
fn dev_addr(program: &Program) -> SocketAddr {
    let (_, rest) = program.announcement().split_once("metrics on http://").expect("it says so");
    rest.split(',').next().and_then(|addr| addr.parse().ok()).expect("an address")
}

/// A text whose ports are all the same.
fn without_ports(text: &str) -> String {
    let mut parts = text.split(':');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + ":" + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// Whether a text is as expected, where `…` is anything.
fn is_like(text: &str, expected: &str) -> bool {
    let Some((before, after)) = expected.split_once('…') else { return text == expected };
    let Some(rest) = text.strip_prefix(before) else { return false };
    rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| is_like(&rest[at..], after))
}

/// A member of the lobby, with a token that it was given.
async fn log_in(program: &Program, name: &str) -> Client {
    let answer = raw::post(program.addr(), "/login", &json!({"name": name}).to_string()).await;
    let answer: Value = serde_json::from_str(&answer.body).expect("JSON");
    let protocols = format!("zeroxide.hub.v1, bearer, {}", answer["token"].as_str().expect("a token"));
    let header = ("Sec-WebSocket-Protocol", &*protocols);
    let mut client = Client::connect_with(program.addr(), "/ws", header).await;
    client.say(r#"{"type":"connect","id":1}"#).await;
    client.say(r#"{"type":"join","id":2,"topic":"lobby"}"#).await;
    until(&mut client, "presence").await;
    client
}

/// A member of the lobby, who has asked to join.
async fn member(addr: SocketAddr, name: &str, how: &str, from: &Value) -> Client {
    let mut client = Client::connect(addr, "/ws").await;
    client.say(&json!({"type": "connect", "data": name}).to_string()).await;
    client.say(&json!({"type": "join", "id": 2, "topic": "lobby", (how): from}).to_string()).await;
    until(&mut client, "ok").await; // of connect
    client
}

fn publish(text: &str) -> String {
    json!({"type": "publish", "topic": "lobby", "data": text}).to_string()
}

/// The next object of this type.
async fn until(client: &mut Client, kind: &str) -> Value {
    loop {
        let object: Value = serde_json::from_str(&client.hears().await).expect("JSON");
        if object["type"] == kind {
            return object;
        }
    }
}

/// All objects until this is said.
async fn until_text(client: &mut Client, text: &str) -> Vec<Value> {
    let mut objects = Vec::new();
    loop {
        let object: Value = serde_json::from_str(&client.hears().await).expect("JSON");
        if object["data"] == text {
            return objects;
        }
        objects.push(object);
    }
}

#[test]
fn what_differs_each_time_is_left_open_and_nothing_else() {
    assert!(is_like(r#"{"a":"17","b":2}"#, r#"{"a":"…","b":2}"#));
    assert!(!is_like(r#"{"a":"17","b":3}"#, r#"{"a":"…","b":2}"#));
    assert!(!is_like("ab", "a"));
    assert!(is_like("ab", "a…"));
}
