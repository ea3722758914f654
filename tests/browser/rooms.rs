//! Where people are, and who else is there.

use crate::chromium::Look;
use crate::page::becomes;
use crate::server::Server;
use crate::stage::Stage;

#[tokio::test]
async fn a_room_is_the_hash_of_the_url_and_a_link_to_it_an_invitation() {
    let stage = Stage::set().await;
    let (ann, bob) = stage.two_pages().await;
    ann.types("/join garden").await;
    ann.press(fantoccini::key::Key::Enter).await;
    ann.becomes("#room", "garden").await;
    let invitation = ann.eval("location.href").await.as_str().expect("a URL").to_owned();
    assert!(invitation.ends_with("/#garden"), "{invitation}");

    bob.goto(&invitation).await;
    bob.becomes("#room", "garden").await;
    for page in [&ann, &bob] {
        page.becomes("#online", "2 here").await;
    }
    bob.say("What a garden!").await;
    ann.shows("What a garden!").await;

    // Bob is in the lobby too: what is said there waits for him, and nobody in the garden sees it.
    ann.click("#rooms a[href='#lobby']").await;
    ann.becomes("#room", "lobby").await;
    assert_eq!(ann.lines().await, Vec::<String>::new());
    ann.say("Anybody in the lobby?").await;
    bob.becomes("#rooms a[href='#lobby'] .badge", "1 unread").await;
    assert_eq!(bob.eval("document.title").await, "(1) Zeroxide chat");
    assert_eq!(bob.lines().await, ["What a garden!"]);
    bob.click("#rooms a[href='#lobby']").await;
    bob.shows("Anybody in the lobby?").await;
    bob.comes("document.title === 'Zeroxide chat'").await;
    assert_eq!(bob.eval("location.hash").await, "#lobby");
}

#[tokio::test]
async fn who_comes_sees_the_last_fifty_messages() {
    let stage = Stage::set_with(Server::start_unlimited).await;
    let ann = stage.person("Ann", Look::Light).await;
    ann.say_all((1..=60).map(|n| format!("line {n}"))).await;
    ann.comes("log.querySelectorAll('.line[data-state=sent]').length === 60").await;

    let bob = stage.person("Bob", Look::Dark).await;

    bob.shows("line 60").await;
    let lines = bob.lines().await;
    // Bob's own coming may be among the last fifty things that happened.
    assert!((49..=50).contains(&lines.len()), "{} lines", lines.len());
    assert_eq!(lines, ann.lines().await.split_off(60 - lines.len()));
    assert_eq!(bob.eval("document.title").await, "Zeroxide chat", "what was said before is not news");
}

#[tokio::test]
async fn the_list_tells_who_is_here_and_with_how_many_devices() {
    let stage = Stage::set().await;
    let (ann, bob) = stage.two_pages().await;
    ann.notes("Bob joined").await;
    let people = async || ann.texts("#people li").await;
    assert!(people().await[1].ends_with("Bob"), "{:?}", people().await);

    let first = bob.open_tab(stage.server.url()).await;
    becomes("bob's devices", true, async || people().await[1].ends_with("2 devices")).await;
    ann.becomes("#online", "2 here").await;
    bob.close_tab(&first).await;
    becomes("bob's devices", true, async || people().await[1].ends_with("Bob")).await;

    bob.close().await;
    ann.becomes("#online", "1 here").await;
    ann.notes("Bob left").await;
}

#[tokio::test]
async fn many_who_come_at_once_are_one_notice() {
    let stage = Stage::set().await;
    let ann = stage.person("Ann", Look::Light).await;
    let url = format!("{}/ws", stage.server.url().replacen("http", "ws", 1).trim_end_matches('/'));
    let mut crowd = Vec::new();
    for _ in 0..7 {
        crowd.push(ws::connect(&url).await.expect("a plain client is let in"));
    }
    ann.becomes("#online", "8 here").await;
    ann.notes("7 people joined").await;
    drop(crowd);
    ann.becomes("#online", "1 here").await;
    ann.notes("7 people left").await;
}
