//! A real Chromium on the chat page of a real server, as two people who talk, and with a server that says everything back.
//!
//! `cargo xtask test` runs this, with the browser set up. By hand it is
//! `cargo test -p it --test browser`, with Chromium installed and `chromedriver` on the `PATH`.
//!
//! Here are the facts, one a test, but for those of `http2.rs`, which has a server of its own. `stage.rs` holds the server
//! and the browsers that a test gets, `server.rs` the chat server, `echo.rs` the one that says everything back, `chromium.rs`
//! the driver and its pages, `child.rs` a child process that never outlives its test, `artifacts.rs` what stays for people to
//! look at.

mod stage;

#[path = "../it/echo.rs"]
mod echo;

mod artifacts;
mod child;
mod chromium;
mod server;
mod http2;

use serde_json::json;
use ws::Compression;

use crate::chromium::becomes;
use crate::echo::EchoServer;
use crate::stage::Stage;

#[tokio::test]
async fn two_pages_exchange_messages_both_ways() {
    let stage = Stage::set().await;
    let (ann, bob) = stage.two_pages().await;

    ann.say("Good morning! Is anybody here?").await;
    bob.shows("Good morning! Is anybody here?").await;
    bob.say("I am. The window seat, as always, and the last of the good coffee is gone.").await;
    ann.shows("I am. The window seat, as always, and the last of the good coffee is gone.").await;
    ann.say("Then I bring some. Ten minutes.").await;
    bob.shows("Then I bring some. Ten minutes.").await;

    assert_eq!(ann.lines().await, bob.lines().await, "both show all, in the same order");
    ann.keep_screenshot("chat-light").await;
    bob.keep_screenshot("chat-dark").await;
}

#[tokio::test]
async fn the_online_count_falls_when_a_page_is_closed() {
    let stage = Stage::set().await;
    let (ann, bob) = stage.two_pages().await;
    becomes("ann's count", "2", || ann.text_of("#online")).await;
    becomes("bob's count", "2", || bob.text_of("#online")).await;

    bob.close().await;

    becomes("ann's count", "1", || ann.text_of("#online")).await;
}

#[tokio::test]
async fn hostile_text_stays_text() {
    let hostile = r#"<img src=x onerror="document.title='owned'">"#;
    let stage = Stage::set().await;
    let (ann, bob) = stage.two_pages().await;

    ann.say(hostile).await;

    for page in [&ann, &bob] {
        page.shows(hostile).await;
        assert_eq!(page.eval("document.images.length").await, json!(0));
        assert_eq!(page.eval("document.title").await, json!("Zeroxide chat"));
    }
}

#[tokio::test]
async fn the_log_follows_the_end_only_when_it_is_in_sight() {
    let from_the_end = "log.scrollHeight - log.clientHeight - Math.round(log.scrollTop)";
    let stage = Stage::set().await;
    let (ann, bob) = stage.two_pages().await;
    bob.say_all((1..=60).map(|n| format!("line {n}"))).await;
    ann.shows("line 60").await;
    becomes("the distance from the end", json!(0), || ann.eval(from_the_end)).await;
    assert!(ann.eval("log.scrollTop").await.as_f64() > Some(0.0), "60 lines are more than the log can show");

    // Who reads what was said before is left there, and told that there is more.
    ann.eval("log.scrollTo(0, 40)").await;
    bob.say("line 61").await;
    ann.shows("line 61").await;
    assert_eq!(ann.eval("Math.round(log.scrollTop)").await, json!(40));
    becomes("the way back is offered", json!(true), || ann.eval("latest.checkVisibility()")).await;

    // And follows again once back at the end.
    ann.click("#latest").await;
    bob.say("line 62").await;
    ann.shows("line 62").await;
    becomes("the distance from the end", json!(0), || ann.eval(from_the_end)).await;
    assert_eq!(ann.eval("latest.checkVisibility()").await, json!(false));
}

#[tokio::test]
async fn both_pages_reconnect_by_themselves_when_the_server_is_back() {
    let mut stage = Stage::set().await;
    let (ann, bob) = stage.two_pages().await;

    stage.server.stop();
    for page in [&ann, &bob] {
        becomes("the state", "Reconnecting", || page.text_of("#state")).await;
        becomes("the count", "–", || page.text_of("#online")).await;
        assert!(!page.text_of("#reason").await.is_empty(), "the page says why");
        assert_eq!(page.eval("send.disabled").await, json!(true));
    }
    // Enter sends nothing now, and the draft stays.
    ann.say("said too early").await;

    stage.server.start_again();
    for page in [&ann, &bob] {
        becomes("the state", "Connected", || page.text_of("#state")).await;
        becomes("the count", "2", || page.text_of("#online")).await;
    }
    assert_eq!(ann.eval("text.value").await, json!("said too early"));
    assert_eq!(ann.lines().await, Vec::<String>::new());
    ann.say(", and now in time").await;
    bob.shows("said too early, and now in time").await;
    bob.say("heard you").await;
    ann.shows("heard you").await;
}

#[tokio::test]
async fn a_message_that_is_too_large_comes_back_as_a_draft_with_the_reason() {
    let stage = Stage::set().await;
    let (ann, bob) = stage.two_pages().await;

    ann.say_all(["x".repeat(2 << 20)]).await;

    becomes("the note", json!(true), || ann.eval("log.textContent.includes('the message was too large')"))
        .await;
    assert_eq!(ann.eval("text.value.length").await, json!(2 << 20));
    assert_eq!(bob.lines().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_phone_shows_all_without_scrolling_sideways() {
    let mut stage = Stage::set().await;
    let phone = stage.phone().await;
    let fits = async || {
        for element in ["document.documentElement", "log"] {
            let overflow = phone.eval(&format!("{element}.scrollWidth - {element}.clientWidth")).await;
            assert_eq!(overflow, json!(0), "of {element}");
        }
        assert_eq!(phone.eval("document.documentElement.scrollHeight - innerHeight").await, json!(0));
    };

    phone.say_all(["a short line".to_owned(), format!("https://example.com/{}", "long".repeat(60))]).await;
    phone.say("Back after the long one.").await;
    phone.shows("Back after the long one.").await;
    fits().await;
    phone.keep_screenshot("chat-phone").await;

    stage.server.stop();
    becomes("the state", "Reconnecting", || phone.text_of("#state")).await;
    fits().await;
}

#[tokio::test]
async fn chromium_and_an_echo_of_ours_agree_on_compression_where_it_is_on_and_talk_either_way() {
    let stage = Stage::set().await;
    let said = "Object.assign(window, { heard: [], said: ['', 'short ä', 'long ä '.repeat(5000), 'x'.repeat(60000)] })";
    let talk = "probe = Object.assign(new WebSocket('/echo'), {
        onopen: () => { for (const text of said) probe.send(text); },
        onmessage: (message) => heard.push(message.data) })";
    for is_on in [true, false] {
        let compression = Compression { enabled: is_on, ..Compression::default() };
        let mut server = EchoServer::start(compression).await;
        let page = stage.visit(&server).await;
        page.eval(&format!("void ({said})")).await;
        page.eval(&format!("void (window.{talk})")).await;

        let agreed = server.agreed().await;
        becomes("all is heard", json!(true), || page.eval("JSON.stringify(heard) === JSON.stringify(said)"))
            .await;
        assert_eq!(agreed.starts_with("permessage-deflate"), is_on, "{agreed:?}");
        assert_eq!(page.eval("probe.extensions").await, json!(agreed), "both ends know the same");
        page.close().await;
    }
}

#[tokio::test]
async fn a_page_of_another_origin_does_not_get_a_socket() {
    let stage = Stage::set().await;
    let mut own = EchoServer::start(Compression::default()).await;
    let other = EchoServer::start(Compression::default()).await;
    let page = stage.visit(&other).await;
    let connect = |url: &str| {
        format!(
            "void (window.state = '', window.probe = Object.assign(new WebSocket('ws://{url}/echo'), {{
                onopen: () => state = 'open', onclose: (event) => state = `closed ${{event.code}}` }}))"
        )
    };
    page.eval(&connect(&own.authority)).await;
    becomes("the state", json!("closed 1006"), || page.eval("state")).await;
    page.eval(&connect(&other.authority)).await;
    becomes("the state", json!("open"), || page.eval("state")).await;
    assert!(own.has_agreed_on_nothing(), "no handshake of the page's was accepted");
    page.close().await;
}
