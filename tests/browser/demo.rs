//! What the page shows of the hub.

use crate::chromium::Look;
use crate::page::becomes;
use crate::stage::Stage;

#[tokio::test]
async fn the_status_line_tells_the_truth() {
    let stage = Stage::set().await;
    let ann = stage.person("Ann", Look::Light).await;
    ann.comes(r"/^\d+(\.\d)? ms$/.test(latency.textContent)").await;
    ann.becomes("#online", "1 here").await;
    ann.becomes("#lost", "0 lost").await;
    let bob = stage.person("Bob", Look::Dark).await;
    ann.becomes("#online", "2 here").await;
    bob.close().await;
    ann.becomes("#online", "1 here").await;
}

#[tokio::test]
async fn a_member_that_does_not_read_is_let_go_with_the_reason_and_this_page_feels_nothing_of_it() {
    let stage = Stage::set().await;
    let ann = stage.person("Ann", Look::Light).await;

    ann.click("#slow").await;

    ann.comes("document.getElementById('slow-report').dataset.state === 'done'").await;
    let report = ann.text_of("#slow-report").await;
    assert!(report.contains("too slow"), "{report}");
    assert!(report.contains("This page had all"), "{report}");
    let points = "document.querySelector('#spark-slow polyline').getAttribute('points').split(' ').length";
    assert!(ann.eval(points).await.as_u64() > Some(50), "the latency is drawn");
    assert_eq!(ann.text_of("#state").await, "Connected");
    assert_eq!(ann.text_of("#lost").await, "0 lost");
    ann.say("still here").await;
    ann.comes("[...log.querySelectorAll('.line')].at(-1).dataset.state === 'sent'").await;
    ann.keep_screenshot("chat-slow").await;
}

#[tokio::test]
async fn the_panel_shows_what_the_hub_counts_while_it_happens() {
    let stage = Stage::set().await;
    let (ann, bob) = stage.two_pages().await;
    ann.click("#stats summary").await;
    ann.becomes("#stat-clients", "2").await;
    ann.becomes("#stat-users", "2").await;
    ann.becomes("#stat-members", "2").await;
    ann.becomes("#stat-evicted", "none").await;
    ann.comes("document.querySelectorAll('#loops meter').length > 0").await;

    bob.say("one").await;
    ann.shows("one").await;
    ann.comes(
        "document.querySelector('#spark-published polyline').getAttribute('points').split(' ').length > 2",
    )
    .await;
    becomes("the slowest fan-out is a time", true, async || ann.text_of("#stat-fanout").await.ends_with('s'))
        .await;
    ann.keep_screenshot("chat-stats").await;

    bob.close().await;
    ann.becomes("#stat-clients", "1").await;
}
