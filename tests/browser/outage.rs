//! What becomes of a page whose connection breaks.

use serde_json::json;

use crate::chromium::Look;
use crate::server::Server;
use crate::stage::Stage;

#[tokio::test]
async fn both_pages_come_back_by_themselves_when_the_server_does() {
    let mut stage = Stage::set().await;
    let (ann, bob) = stage.two_pages().await;
    ann.say("before").await;
    bob.shows("before").await;

    stage.server.stop();
    for page in [&ann, &bob] {
        page.becomes("#state", "Reconnecting").await;
        page.comes("banner.checkVisibility()").await;
        assert!(!page.text_of("#reason").await.is_empty(), "the page says why");
    }
    ann.types("a draft").await;

    stage.server.start_again();
    for page in [&ann, &bob] {
        page.becomes("#state", "Connected").await;
        page.becomes("#online", "2 here").await;
        page.comes("!banner.checkVisibility()").await;
        page.notes("the server has begun anew").await;
        assert_eq!(page.lines().await, ["before"], "what was said stays in sight");
    }
    assert_eq!(ann.eval("text.value").await, json!("a draft"));
    ann.say(", sent in time").await;
    bob.shows("a draft, sent in time").await;
    bob.say("heard you").await;
    ann.shows("heard you").await;
}

#[tokio::test]
async fn a_page_whose_plug_is_pulled_recovers_what_was_said_meanwhile_and_the_others_see_one_quiet_notice() {
    let stage = Stage::set().await;
    let (ann, bob) = stage.two_pages().await;
    ann.say("before").await;
    bob.shows("before").await;

    ann.click("#plug").await;
    ann.becomes("#state", "Reconnecting").await;
    bob.shows("Ann pulled the plug for 5 seconds").await;
    let said = ["one", "two", "three"];
    for text in said {
        bob.say(text).await;
    }
    bob.comes("log.querySelectorAll('.line.own[data-state=sent]').length === 3").await;
    assert_eq!(ann.text_of("#state").await, "Reconnecting");
    ann.keep_screenshot("chat-unplugged").await;

    ann.becomes("#state", "Connected").await;
    ann.notes("Recovered 3 messages").await;
    assert_eq!(ann.lines().await, bob.lines().await);
    assert_eq!(ann.text_of("#lost").await, "0 lost");
    let notices = bob.texts("#log .notice").await;
    assert!(!notices.iter().any(|notice| notice.contains("left")), "{notices:?}");
    ann.keep_screenshot("chat-recovered").await;
}

#[tokio::test]
async fn who_opens_the_chat_in_one_place_too_many_reads_why_the_first_was_let_go() {
    let stage = Stage::set().await;
    let ann = stage.person("Ann", Look::Light).await;
    let first = ann.tab().await;
    for _ in 0..5 {
        ann.open_tab(stage.server.url()).await;
        ann.becomes("#state", "Connected").await;
    }
    ann.turn_to(&first).await;
    ann.becomes("#state", "Closed").await;
    let reason = ann.text_of("#reason").await;
    assert!(reason.contains("in so many places"), "{reason}");
    ann.keep_screenshot("chat-replaced").await;

    ann.click("#retry").await;
    ann.becomes("#state", "Connected").await;
    ann.comes("!banner.checkVisibility()").await;
}

#[tokio::test]
async fn pages_of_several_servers_talk_and_go_on_at_another_when_one_is_stopped() {
    let stage = Stage::set_with(Server::start_three).await;
    let [first, second, _] = stage.server.urls() else { panic!("three are started") };
    let ann = stage.person_at(first, "Ann", Look::Light).await;
    let bob = stage.person_at(second, "Bob", Look::Dark).await;
    for page in [&ann, &bob] {
        page.becomes("#online", "2 here").await;
    }
    ann.say("from the first").await;
    bob.shows("from the first").await;
    bob.say("from the second").await;
    ann.shows("from the second").await;

    let here = ann.text_of("#node-list .here span").await;
    ann.click("#node-list .here button").await;
    ann.comes(&format!(
        "state.textContent === 'Connected' && document.querySelector('#node-list .here span').textContent !== {}",
        json!(here)
    ))
    .await;
    bob.say("are you still there?").await;
    ann.shows("are you still there?").await;
    ann.say("I am, at another").await;
    bob.shows("I am, at another").await;
    assert_eq!(ann.lines().await, bob.lines().await);
    assert_eq!(ann.text_of("#lost").await, "0 lost");
    ann.keep_screenshot("chat-nodes").await;
}
