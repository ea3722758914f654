//! What people say to each other.

use std::collections::HashSet;

use fantoccini::key::Key;
use serde_json::json;

use crate::chromium::Look;
use crate::page::becomes;
use crate::server::Server;
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
    assert_eq!(bob.texts("#log .line .who b").await, ["Ann", "Ann"], "his own has no name");
    assert_eq!(
        bob.eval("[...log.querySelectorAll('time')].every((it) => !isNaN(new Date(it.dateTime)))").await,
        true
    );
    ann.keep_screenshot("chat-light").await;
    bob.keep_screenshot("chat-dark").await;
}

#[tokio::test]
async fn what_was_sent_without_a_connection_is_pending_and_then_sent_and_heard_once() {
    let mut stage = Stage::set().await;
    let (ann, bob) = stage.two_pages().await;
    ann.say("before").await;
    ann.comes("log.querySelector('.line').dataset.state === 'sent'").await;
    stage.server.stop();
    ann.becomes("#state", "Reconnecting").await;

    ann.say("into the void").await;
    ann.shows("into the void").await;
    assert_eq!(ann.eval("log.querySelector('.line:last-of-type').dataset.state").await, "pending");

    stage.server.start_again();
    ann.comes("[...log.querySelectorAll('.line')].at(-1).dataset.state === 'sent'").await;
    bob.shows("into the void").await;
    bob.say("heard you").await;
    ann.shows("heard you").await;
    for page in [&ann, &bob] {
        let lines = page.lines().await;
        assert_eq!(lines.iter().filter(|line| *line == "into the void").count(), 1, "{lines:?}");
    }
}

#[tokio::test]
async fn who_is_too_fast_is_told_so_and_nothing_of_it_is_lost() {
    let stage = Stage::set().await;
    let (ann, bob) = stage.two_pages().await;
    let said: Vec<_> = (1..=15).map(|n| format!("hurry {n}")).collect();

    ann.say_all(said.clone()).await;

    ann.comes("log.textContent.includes('A little slower, please')").await;
    becomes("what bob has heard", 15, async || bob.lines().await.len()).await;
    let heard: HashSet<_> = bob.lines().await.into_iter().collect();
    assert_eq!(heard, said.into_iter().collect::<HashSet<_>>());
    ann.comes("log.querySelectorAll('.line[data-state=sent]').length === 15").await;
    assert_eq!(ann.lines().await, bob.lines().await, "both show the room's order");
}

#[tokio::test]
async fn the_length_is_told_before_it_is_too_much() {
    let stage = Stage::set().await;
    let ann = stage.person("Ann", Look::Light).await;
    ann.pastes("short").await;
    assert_eq!(ann.text_of("#counter").await, "");
    ann.pastes(&"ä".repeat(1990)).await;
    assert_eq!(ann.text_of("#counter").await, "10 characters left");

    ann.pastes(&"ä".repeat(2003)).await;
    assert_eq!(ann.text_of("#counter").await, "3 characters too many");
    assert_eq!(ann.eval("send.disabled").await, true);
    ann.press(Key::Enter).await;
    assert_eq!(ann.lines().await, Vec::<String>::new());
    assert_eq!(ann.eval("text.value.length").await, 2003, "the draft stays");

    ann.press(Key::Backspace).await;
    ann.press(Key::Backspace).await;
    ann.press(Key::Backspace).await;
    ann.press(Key::Enter).await;
    ann.shows(&"ä".repeat(2000)).await;
    ann.comes("log.querySelector('.line').dataset.state === 'sent'").await;
}

#[tokio::test]
async fn what_begins_with_a_slash_is_a_command() {
    let stage = Stage::set().await;
    let (ann, bob) = stage.two_pages().await;

    ann.say("/help").await;
    ann.notes("/nick NAME changes your name").await;
    ann.say("/who").await;
    ann.notes("Here: Ann and Bob").await;
    ann.say("/dance").await;
    ann.notes("There is no /dance").await;
    assert_eq!(ann.eval("text.value").await, "/dance", "to be mended");
    ann.pastes("").await;
    ann.say("/me waves").await;
    bob.shows("Ann waves").await;
    ann.say("//me is a command").await;
    bob.shows("/me is a command").await;
    ann.say("/nick Anna").await;
    becomes("who is here", vec!["Bob".to_owned(), "Anna".to_owned()], async || {
        bob.texts("#people .name").await
    })
    .await;
    bob.notes("Ann is now Anna").await;
    assert_eq!(ann.eval("document.getElementById('name').value").await, "Anna");
    ann.say("/join garden").await;
    ann.becomes("#room", "garden").await;
    assert_eq!(bob.lines().await.len(), 2, "nobody else hears commands");
}

#[tokio::test]
async fn who_types_is_told_until_they_stop_or_have_said_it() {
    let stage = Stage::set().await;
    let (ann, bob) = stage.two_pages().await;
    ann.types("I think that").await;
    bob.becomes("#typing", "Ann is typing…").await;
    assert_eq!(ann.text_of("#typing").await, "", "not to oneself");
    bob.becomes("#typing", "").await;

    ann.types(" it is so").await;
    bob.becomes("#typing", "Ann is typing…").await;
    ann.press(Key::Enter).await;
    bob.shows("I think that it is so").await;
    assert_eq!(bob.text_of("#typing").await, "", "the message ends it");
}

#[tokio::test]
async fn hostile_names_and_texts_stay_text() {
    let hostile = r#"<img src=x onerror="document.title='owned'"> <b>bold</b> &lt; javascript:alert(1)"#;
    let name = "<img src=x onerror=alert(1)>";
    let stage = Stage::set().await;
    let (ann, bob) = stage.two_pages().await;
    ann.say(&format!("/nick {name}")).await;
    becomes("who is here", true, async || bob.texts("#people .name").await.contains(&name.to_owned())).await;

    bob.notes(name).await;
    ann.say(hostile).await;
    ann.types("more").await;

    bob.becomes("#typing", &format!("{name} is typing…")).await;
    for page in [&ann, &bob] {
        page.shows(hostile).await;
        assert_eq!(page.eval("document.images.length").await, json!(0));
        assert_eq!(
            page.eval("log.querySelectorAll('.text b, .text a, script, .who img').length").await,
            json!(0)
        );
        assert_eq!(page.eval("document.title").await, json!("Zeroxide chat"));
    }
    assert_eq!(bob.texts("#log .line .who b").await, [name]);
    ann.pastes("/nick \u{202e}evil").await;
    ann.press(Key::Enter).await;
    ann.notes("is no name").await;
    assert_eq!(bob.texts("#people .name").await.len(), 2);
}

#[tokio::test]
async fn the_log_follows_the_end_only_when_it_is_in_sight() {
    let from_the_end = "log.scrollHeight - log.clientHeight - Math.round(log.scrollTop)";
    let stage = Stage::set_with(Server::start_unlimited).await;
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
    ann.comes("latest.checkVisibility()").await;
    assert_eq!(ann.eval("document.title").await, "(1) Zeroxide chat");
    assert_eq!(
        ann.eval("document.getElementById('unread').nextElementSibling.querySelector('.text').textContent")
            .await,
        "line 61"
    );

    // And follows again once back at the end.
    ann.click("#latest").await;
    ann.comes("document.title === 'Zeroxide chat'").await;
    bob.say("line 62").await;
    ann.shows("line 62").await;
    becomes("the distance from the end", json!(0), || ann.eval(from_the_end)).await;
    assert_eq!(ann.eval("latest.checkVisibility()").await, json!(false));
}
