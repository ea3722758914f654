//! What a hub counts, as Prometheus reads it.

use std::time::Duration;

use hub::backplane::loopback::Bus;
use hub::{Hub, HubConf, Join};
use rest::{Engine, Metrics, RestConf};

#[track_caller]
fn has(metrics: &Metrics, line: &str) {
    let text = metrics.text();
    assert!(text.lines().any(|it| it == line), "no {line} in\n{text}");
}

fn spawn() -> Hub<&'static str> {
    Hub::spawn(HubConf { shards: 1, ..HubConf::default() })
}

#[tokio::test(start_paused = true)]
async fn what_a_hub_counts_is_among_the_metrics_of_the_engine() {
    let (hub, metrics) = (spawn(), Engine::<()>::new(RestConf::default()).metrics());
    hub_http::observe(&metrics, "chat", &hub);
    let mut client = hub.connect(hub::Identity::default()).await.unwrap();
    client.join("lobby", Join::new()).await.unwrap();
    hub.publish("lobby", "hello").await.unwrap();
    client.next_event().await.unwrap();
    hub.kick(client.id()).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1)).await; // so that the loop has nothing more to do

    for line in [
        r#"hub_connections{hub="chat"} 1"#,
        r#"hub_users{hub="chat"} 0"#,
        r#"hub_topics{hub="chat"} 0"#,
        r#"hub_subscriptions{hub="chat"} 0"#,
        r#"hub_drain_remaining{hub="chat"} 0"#,
        r#"hub_joins_total{hub="chat"} 1"#,
        r#"hub_leaves_total{hub="chat",cause="kicked"} 1"#,
        r#"hub_leaves_total{hub="chat",cause="lost"} 0"#,
        r#"hub_recover_total{hub="chat",result="ok"} 0"#,
        r#"hub_presence_damped_total{hub="chat"} 0"#,
        r#"hub_published_total{hub="chat"} 1"#,
        r#"hub_duplicates_total{hub="chat"} 0"#,
        r#"hub_delivered_total{hub="chat",by="task"} 1"#,
        r#"hub_direct_total{hub="chat"} 0"#,
        r#"hub_dropped_total{hub="chat",policy="oldest"} 0"#,
        r#"hub_evicted_total{hub="chat",cause="count"} 0"#,
        r#"hub_ended_total{hub="chat",cause="kicked"} 1"#,
        r#"hub_fanout_seconds_count{hub="chat"} 1"#,
        r#"hub_loop_lag_seconds_count{hub="chat"} 1"#,
        r#"hub_queue_messages_sum{hub="chat"} 1.0"#,
        r#"hub_queue_messages_bucket{le="1.0",hub="chat"} 1"#,
        r#"hub_queue_messages_bucket{le="+Inf",hub="chat"} 1"#,
        r#"hub_queue_bytes_sum{hub="chat"} 16.0"#,
        r#"hub_command_queue_depth{hub="chat",loop="0"} 0"#,
    ] {
        has(&metrics, line);
    }
    assert!(metrics.text().contains(r#"hub_loop_busy_seconds_total{hub="chat",loop="0"} "#));
}

#[tokio::test]
async fn several_hubs_share_the_metrics_and_differ_in_their_label() {
    let (chat, game, metrics) = (spawn(), spawn(), Engine::<()>::new(RestConf::default()).metrics());
    hub_http::observe(&metrics, "chat", &chat);
    hub_http::observe(&metrics, "game", &game);
    hub_http::observe(&metrics, "game", &chat); // of a name that is taken
    game.publish("go", "e5").await.unwrap();

    has(&metrics, r#"hub_published_total{hub="chat"} 0"#);
    has(&metrics, r#"hub_published_total{hub="game"} 1"#);
    let text = metrics.text();
    assert_eq!(text.matches("# TYPE hub_published counter").count(), 1, "{text}");
    assert_eq!(text.matches(r#"hub_published_total{hub="game"}"#).count(), 1, "{text}");
}

#[tokio::test]
async fn a_hub_is_not_kept_alive_by_its_metrics() {
    let (hub, metrics) = (spawn(), Engine::<()>::new(RestConf::default()).metrics());
    hub_http::observe(&metrics, "chat", &hub);
    assert!(metrics.text().contains("hub_topics"));
    drop(hub);
    assert!(!metrics.text().contains("hub_topics"), "{}", metrics.text());
    let next = spawn();
    hub_http::observe(&metrics, "chat", &next);
    assert!(metrics.text().contains("hub_topics"));
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_is_one_of_several_tells_how_it_stands_with_the_others() {
    let (bus, metrics) = (Bus::new(1), Engine::<()>::new(RestConf::default()).metrics());
    let alone = spawn();
    let one = Hub::<String>::spawn_on(HubConf::default(), bus.node("one"));
    let two = Hub::<String>::spawn_on(HubConf::default(), bus.node("two"));
    hub_http::observe(&metrics, "alone", &alone);
    hub_http::observe(&metrics, "one", &one);
    let mut client = one.connect(hub::Identity::default()).await.unwrap();
    client.join("lobby", Join::new()).await.unwrap();
    two.publish("lobby", "hello".to_owned()).await.unwrap();
    client.next_event().await.unwrap();
    tokio::time::sleep(Duration::from_secs(20)).await; // some probes

    for line in [
        r#"hub_backplane_up{hub="one"} 1"#,
        r#"hub_backplane_reconnects_total{hub="one"} 0"#,
        r#"hub_backplane_dropped_total{hub="one",cause="overflowed"} 0"#,
        r#"hub_backplane_repeated_total{hub="one"} 0"#,
        r#"hub_backplane_repaired_total{hub="one"} 0"#,
        r#"hub_backplane_gaps_total{hub="one"} 0"#,
        r#"hub_backplane_resets_total{hub="one"} 0"#,
    ] {
        has(&metrics, line);
    }
    assert!(metrics.text().contains(r#"hub_backplane_lag_seconds{hub="one"} 0."#), "{}", metrics.text());
    assert!(!metrics.text().contains(r#"hub_backplane_up{hub="alone"}"#));
}
