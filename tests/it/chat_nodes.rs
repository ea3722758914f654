//! The chat on several servers of one process: one chat, whichever server one is at.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::member::Member;
use crate::program::{Program, command};
use crate::raw;

#[tokio::test]
async fn who_is_at_another_server_is_in_the_same_room() {
    let (_chat, [first, second, third]) = three_nodes().await;
    let mut ann = Member::join_at(first, "Ann", "garden").await;
    let mut bob = Member::join_at(second, "Bob", "garden").await;

    for number in 0..10 {
        ann.says("garden", &format!("ann {number}")).await;
        bob.says("garden", &format!("bob {number}")).await;
    }
    let mut heard = Vec::new();
    for _ in 0..20 {
        let text = ann.hears_text().await;
        assert_eq!(bob.hears_text().await, text, "all hear the same in the same order");
        heard.push(text.1);
    }
    assert_eq!(heard[..2], ["ann 0", "bob 0"]);

    let mut carl = Member::open_at(third).await;
    carl.does(json!({ "type": "connect", "data": { "name": "ann" } })).await;
    let joined = carl.does(json!({ "type": "join", "topic": "garden", "history": 5 })).await;
    let users = joined["presence"]["users"].as_array().expect("a list");
    let mut names: Vec<_> = users.iter().filter_map(|user| user["info"]["name"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Ann", "Bob", "ann 2"]);
    for text in &heard[15..] {
        assert_eq!(carl.hears_text().await.1, *text, "the last five");
    }
}

#[tokio::test]
async fn who_was_at_a_server_that_is_stopped_goes_on_at_another_and_misses_nothing() {
    let (chat, [first, second, third]) = three_nodes().await;
    let mut ann = Member::join_at(first, "Ann", "garden").await;
    let mut bob = Member::join_at(second, "Bob", "garden").await;
    let heard = ann.says("garden", "before").await;
    assert_eq!(bob.hears_text().await.1, "before");

    let stop = raw::post(first, &format!("/nodes/{}/stop", second.port()), "").await;
    assert_eq!(stop.status(), "202 Accepted");
    assert_eq!(bob.hears("end").await["code"], "draining");
    assert_eq!(bob.is_closed().await.0, 1001);
    ann.says("garden", "meanwhile").await;

    let mut bob = Member::open_at(third).await;
    bob.does(json!({ "type": "connect", "data": { "name": "Bob" } })).await;
    let back = bob.does(json!({ "type": "join", "topic": "garden", "since": heard["position"] })).await;
    assert_eq!(back["recovered"], true);
    assert_eq!(bob.hears_text().await.1, "meanwhile");

    // It is over soon, and then known to be.
    while nodes(&chat).await.len() == 3 {}
    assert_eq!(nodes(&chat).await, [first, third]);
    let again = raw::post(first, &format!("/nodes/{}/stop", second.port()), "").await;
    assert_eq!(again.status(), "404 Not Found");
}

#[tokio::test]
async fn a_page_may_go_from_its_server_to_the_others_and_to_no_other() {
    let (_chat, [first, second, _]) = three_nodes().await;
    let own = format!("http://{first}");
    let page = raw::get(first, "/").await;
    let sources = page.header("content-security-policy").split("connect-src ").nth(1).unwrap_or_default();
    for source in ["'self'".to_owned(), format!("ws://{second}"), format!("http://{second}")] {
        assert!(sources.split(' ').any(|it| it == source), "{source} is not in {sources}");
    }
    assert!(raw::handshake(second, "/ws", Some(&own)).await.is_ok());
    for hostile in ["http://127.0.0.1:1", "http://evil.example", "null", &format!("{own}.evil.example")] {
        let refusal = raw::handshake(second, "/ws", Some(hostile)).await.err();
        let refusal = refusal.unwrap_or_else(|| panic!("{hostile} may connect"));
        assert_eq!(refusal.status(), "403 Forbidden", "{hostile}");
    }
}

async fn three_nodes() -> (Program, [SocketAddr; 3]) {
    let chat = Program::start(command("chat").args(["--nodes", "3"])).await;
    let nodes = nodes(&chat).await.try_into().expect("there are three");
    (chat, nodes)
}

/// Those that the first one knows of.
async fn nodes(chat: &Program) -> Vec<SocketAddr> {
    let told: Value = serde_json::from_str(&raw::get(chat.addr(), "/chat.json").await.body).expect("JSON");
    let ports = told["ports"].as_array().expect("a list").iter().filter_map(Value::as_u64);
    ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port.try_into().expect("a port")))).collect()
}
