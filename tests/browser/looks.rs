//! For whom the page is readable, and what it may do: narrow screens, dark rooms, keyboards, screen readers, policies.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use fantoccini::key::Key;
use serde_json::{Value, json};

use crate::chromium::Look;
use crate::page::{Page, becomes};
use crate::stage::Stage;

#[tokio::test]
async fn a_phone_shows_all_without_scrolling_sideways() {
    let mut stage = Stage::set().await;
    let phone = stage.person("Ann", Look::Phone).await;
    let fits = async || {
        for element in ["document.documentElement", "log"] {
            let overflow = phone.eval(&format!("{element}.scrollWidth - {element}.clientWidth")).await;
            assert_eq!(overflow, json!(0), "of {element}");
        }
        assert_eq!(phone.eval("document.documentElement.scrollHeight - innerHeight").await, json!(0));
        let composer = phone.eval("composer.getBoundingClientRect().bottom <= innerHeight").await;
        assert_eq!(composer, json!(true), "one can see where to type");
    };

    phone.say_all(["a short line".to_owned(), format!("https://example.com/{}", "long".repeat(60))]).await;
    phone.say("Back after the long one.").await;
    phone.shows("Back after the long one.").await;
    fits().await;
    phone.keep_screenshot("chat-phone").await;

    // What does not fit beside is a drawer.
    for (button, drawer) in [("#show-rooms", "side"), ("#show-people", "aside")] {
        let is_in_sight = format!(
            "(({{ left, right }}) => left < innerWidth && right > 0)({drawer}.getBoundingClientRect())"
        );
        assert_eq!(phone.eval(&is_in_sight).await, json!(false), "{drawer}");
        phone.click(button).await;
        phone.comes(&is_in_sight).await;
        phone.keep_screenshot(&format!("chat-phone-{drawer}")).await;
        phone.press(Key::Escape).await;
        phone.comes(&format!("!{is_in_sight}")).await;
    }

    stage.server.stop();
    phone.comes("banner.checkVisibility()").await;
    fits().await;
}

#[tokio::test]
async fn the_page_is_as_light_or_dark_as_the_user_wants() {
    let stage = Stage::set().await;
    let brightness = async |look| {
        let page = stage.person("Ann", look).await;
        let color = page.eval("getComputedStyle(document.body).backgroundColor").await;
        let color = color.as_str().expect("a colour").to_owned();
        page.close().await;
        let parts = color.trim_start_matches(|c: char| !c.is_ascii_digit()).trim_end_matches(')');
        let parts: Vec<f64> = parts.split([',', ' ']).filter_map(|part| part.parse().ok()).take(3).collect();
        assert_eq!(parts.len(), 3, "{color}");
        parts.iter().sum::<f64>() / 3.0
    };
    let (light, dark) = (brightness(Look::Light).await, brightness(Look::Dark).await);
    assert!(light > 200.0 && dark < 60.0, "light is {light}, dark is {dark}");
}

#[tokio::test]
async fn everything_can_be_done_by_keyboard() {
    let stage = Stage::set().await;
    let (ann, bob) = stage.two_pages().await;
    assert_eq!(ann.eval("document.activeElement.id").await, "text", "one can type at once");
    ann.press(Key::Tab).await;
    let wanted = ann
        .eval(
            "[...document.querySelectorAll('a[href], button, input, textarea, summary, [tabindex=\"0\"]')]
                .filter((it) => it.checkVisibility({ visibilityProperty: true }) && !it.disabled)
                .map((it) => it.id || it.ariaLabel || it.textContent.trim())",
        )
        .await;
    let mut wanted: Vec<String> = serde_json::from_value(wanted).expect("a list of strings");
    assert!(wanted.len() >= 8, "{wanted:?}");
    for _ in 0..2 * wanted.len() {
        let focused = ann
            .eval(
                "[document.activeElement.id || document.activeElement.ariaLabel || document.activeElement.textContent.trim(),
                  getComputedStyle(document.activeElement).outlineStyle !== 'none'
                      || getComputedStyle(document.activeElement).boxShadow !== 'none'
                      || document.activeElement.closest('form:focus-within, label:focus-within') !== null]",
            )
            .await;
        if document_has_focus(&focused) {
            assert_eq!(focused[1], json!(true), "one sees that {} has the focus", focused[0]);
        }
        wanted.retain(|name| focused[0] != *name);
        if wanted.is_empty() {
            break;
        }
        ann.press(Key::Tab).await;
    }
    assert_eq!(wanted, Vec::<String>::new(), "these are never reached");

    // A room is joined, something is said and the plug is pulled, all without a pointer.
    ann.eval("document.getElementById('join-room').focus()").await;
    for key in "attic".chars() {
        ann.types_into_focused(key).await;
    }
    ann.press(Key::Enter).await;
    ann.becomes("#room", "attic").await;
    ann.eval("document.querySelector(\"#rooms a[href='#lobby']\").focus()").await;
    ann.press(Key::Enter).await;
    ann.becomes("#room", "lobby").await;
    ann.eval("text.focus()").await;
    for key in "by keyboard".chars() {
        ann.types_into_focused(key).await;
    }
    ann.press(Key::Enter).await;
    bob.shows("by keyboard").await;
    ann.eval("plug.focus()").await;
    ann.press(Key::Enter).await;
    ann.becomes("#state", "Reconnecting").await;
}

/// Whether it is something in the page, and not the page itself.
fn document_has_focus(focused: &Value) -> bool {
    focused[0].as_str().is_some_and(|name| !name.is_empty() && name.len() < 200)
}

#[tokio::test]
async fn nothing_moves_for_whom_nothing_should() {
    let stage = Stage::set().await;
    let ann = stage.person("Ann", Look::Calm).await;
    assert_eq!(ann.eval("matchMedia('(prefers-reduced-motion: reduce)').matches").await, json!(true));
    ann.say("calm").await;
    ann.shows("calm").await;
    let moving = "[...document.querySelectorAll('*')].filter((it) => {
        const { animationName, transitionDuration } = getComputedStyle(it);
        return animationName !== 'none' || transitionDuration.split(', ').some((it) => parseFloat(it) > 0.01);
    }).map((it) => it.id || it.className || it.tagName)";
    assert_eq!(ann.eval(moving).await, json!([]));
    assert_eq!(ann.eval("document.getAnimations().length").await, json!(0));
}

#[tokio::test]
async fn the_page_keeps_to_its_own_policy() {
    let violations = "new Promise((done) => {
        const observer = new ReportingObserver((reports) => done(reports.map(({ body }) => body.blockedURL)),
            { types: ['csp-violation'], buffered: true });
        observer.observe();
        setTimeout(() => done([]), 500);
    })";
    let stage = Stage::set().await;
    let ann = stage.person("Ann", Look::Light).await;
    ann.say("https://example.com is a link").await;
    ann.click("#stats summary").await;
    ann.becomes("#stat-clients", "1").await;
    assert_eq!(ann.promise(violations).await, json!([]));
    // And a script that gets in does not run.
    ann.eval("document.body.append(Object.assign(document.createElement('script'), { textContent: 'owned = true' }))").await;
    assert_eq!(ann.promise(violations).await, json!(["inline"]));
    assert_eq!(ann.eval("typeof owned").await, json!("undefined"));
}

#[tokio::test]
async fn axe_finds_nothing_serious_in_light_dark_and_on_a_phone() {
    let Some(axe) = axe() else { return };
    let stage = Stage::set().await;
    for look in [Look::Light, Look::Dark, Look::Phone] {
        let room = format!("{}#{look:?}", stage.server.url());
        let page = stage.person_at(&room, "Ann", look).await;
        page.say("Good morning!").await;
        page.say("/me waves").await;
        page.say("/help").await;
        let sent = async || page.texts("#log .line[data-state=sent] .text").await;
        becomes("what was sent", vec!["Good morning!".to_owned(), "Ann waves".to_owned()], sent).await;
        let drawers =
            if matches!(look, Look::Phone) { &["", "#show-rooms", "#show-people"][..] } else { &[""] };
        page.run(&axe, Vec::new()).await;
        for drawer in drawers {
            if !drawer.is_empty() {
                page.click(drawer).await;
            }
            if drawer == drawers.last().expect("there is one") {
                page.eval("stats.open = true").await;
                page.becomes("#stat-clients", "1").await;
            }
            assert_eq!(findings(&page).await, json!([]), "{look:?} {drawer}");
        }
        page.close().await;
    }
}

/// What axe finds serious or critical, each with where it is.
async fn findings(page: &Page) -> Value {
    page.promise(
        "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations
            .filter(({ impact }) => ['serious', 'critical'].includes(impact))
            .map(({ id, nodes }) => [id, ...nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`)]))",
    )
    .await
}

/// The source of axe-core, where `cargo xtask test` has set it up.
fn axe() -> Option<String> {
    let Some(modules) = env::var_os("ZEROXIDE_NODE_MODULES") else {
        // Not by `eprintln`, which a test that passes does not show.
        let _ = writeln!(io::stderr(), "the test does without axe, as ZEROXIDE_NODE_MODULES is not set");
        return None;
    };
    let path = PathBuf::from(modules).join("axe-core/axe.min.js");
    Some(fs::read_to_string(&path).unwrap_or_else(|e| panic!("{} cannot be read: {e}", path.display())))
}
