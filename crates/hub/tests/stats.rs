//! What a hub counts.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use hub::test::{Member, TestHub};
use hub::{
    Cause, Drain, Excess, HistoryConf, Hub, HubConf, Join, Outlet, Policy, Position, Post, PresenceConf,
    Stats, TopicConf, UserId,
};
use tokio::{task, time};

/// A topic of few messages, which are kept.
fn short(policy: Policy) -> TopicConf {
    let history = HistoryConf { max_messages: 4, ..HistoryConf::default() };
    TopicConf { max_messages: number(4), policy, history, ..TopicConf::default() }
}

fn number(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).expect("not zero")
}

fn spawn(topic: TopicConf) -> TestHub<&'static str> {
    TestHub::spawn(HubConf { topic, ..HubConf::default() })
}

async fn publish(by: &Member<&'static str>, count: usize) {
    for _ in 0..count {
        by.publish("lobby", "tick").await;
    }
}

async fn stats(hub: &TestHub<&'static str>) -> Stats {
    hub.settle().await;
    hub.hub().stats()
}

#[tokio::test(start_paused = true)]
async fn what_there_is_goes_up_and_down() {
    let hub = spawn(TopicConf::default());
    let ann = hub.join("ann", "lobby").await;
    let mut bob = hub.join("bob", "lobby").await;
    bob.join("games", Join::new()).await;
    let also_bob = hub.connect("bob").await;

    let some = stats(&hub).await;
    assert_eq!((some.clients, some.users, some.topics, some.members), (3, 2, 2, 3));
    let of_loops = some.loops.iter().fold((0, 0), |sum, it| (sum.0 + it.topics, sum.1 + it.members));
    assert_eq!(of_loops, (2, 3));

    drop((ann, bob, also_bob));
    let none = stats(&hub).await;
    assert_eq!((none.clients, none.users, none.topics, none.members), (0, 0, 0, 0));
    assert_eq!((none.joins, none.leaves.total()), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn after_the_close_there_is_nothing() {
    let hub = Hub::<u32>::spawn(HubConf::default());
    let _client = hub.register().await.unwrap();
    hub.close().await;
    let stats = hub.stats();
    assert_eq!((stats.clients, stats.topics, stats.members), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn each_leave_has_its_cause() {
    let hub = TestHub::spawn(HubConf {
        topic: short(Policy::Evict),
        max_clients_per_user: 1,
        excess_clients: Excess::Replace,
        ..HubConf::default()
    });
    let ann = hub.join("ann", "lobby").await;
    hub.join("says good-bye", "lobby").await.goodbye().await;
    drop(hub.join("is cut off", "lobby").await);
    let taken_out = hub.join("is taken out", "lobby").await;
    hub.hub().unsubscribe(UserId::new("is taken out").unwrap(), "lobby").await.unwrap();
    let mut kicked = hub.join("is kicked", "lobby").await;
    hub.hub().kick(UserId::new("is kicked").unwrap()).await.unwrap();
    assert_eq!(kicked.expect_end().await.cause(), Cause::Kicked);
    let mut replaced = hub.join("has one connection", "lobby").await;
    let newer = hub.connect("has one connection").await;
    assert_eq!(replaced.expect_end().await.cause(), Cause::Replaced);
    let slow = hub.join("does not read", "lobby").await;
    slow.stall();
    for _ in 0..5 {
        publish(&ann, 1).await;
        hub.settle().await;
    }

    let leaves = stats(&hub).await.leaves;
    let expected = [
        ("clean", 1),
        ("lost", 1),
        ("unsubscribed", 1),
        ("evicted", 1),
        ("kicked", 1),
        ("replaced", 1),
        ("drained", 0),
    ];
    assert_eq!(leaves.each().collect::<Vec<_>>(), expected);
    let ended = stats(&hub).await.ended;
    assert_eq!((ended.kicked, ended.replaced, ended.drained), (1, 1, 0));
    drop((ann, taken_out, kicked, replaced, newer, slow));
    hub.finish().await;
}

#[tokio::test(start_paused = true)]
async fn each_eviction_has_the_limit_that_was_exceeded() {
    let by_count = short(Policy::Evict);
    let by_bytes = TopicConf { max_bytes: number(32), ..TopicConf::default() };
    let by_age = TopicConf { max_age: Duration::from_secs(1), ..TopicConf::default() };
    for (topic, expected) in [(by_count, "count"), (by_bytes, "bytes"), (by_age, "age")] {
        let hub = spawn(topic);
        let ann = hub.join("ann", "lobby").await;
        let slow = hub.join("slow", "lobby").await;
        slow.stall();
        for _ in 0..5 {
            publish(&ann, 1).await;
            hub.settle().await;
        }
        time::sleep(Duration::from_secs(2)).await;
        let evicted = stats(&hub).await.evicted;
        let found: Vec<_> = evicted.each().filter(|(_, count)| *count > 0).collect();
        assert_eq!(found, [(expected, 1)]);
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_what_is_said_directly_is_an_eviction_too() {
    let hub = TestHub::spawn(HubConf { max_direct: number(2), ..HubConf::default() });
    let slow = hub.join("slow", "lobby").await;
    slow.stall();
    hub.settle().await;
    for _ in 0..4 {
        hub.hub().send(UserId::new("slow").unwrap(), "psst").await.unwrap();
    }
    let stats = stats(&hub).await;
    assert_eq!((stats.evicted.direct, stats.evicted.total(), stats.leaves.lost), (1, 1, 0));
    assert_eq!(stats.direct, 4);
}

#[tokio::test(start_paused = true)]
async fn what_a_policy_takes_from_a_member_is_counted_for_the_policy() {
    for (policy, expected) in [(Policy::DropOldest, (6, 0)), (Policy::Conflate, (0, 9))] {
        let hub = spawn(short(policy));
        let ann = hub.join("ann", "lobby").await;
        let slow = hub.join("slow", "lobby").await;
        slow.stall();
        for _ in 0..10 {
            ann.publish("lobby", Post::new("here").replaces("ann")).await;
            hub.settle().await;
        }
        slow.resume();
        let dropped = stats(&hub).await.dropped;
        assert_eq!((dropped.oldest, dropped.conflated), expected, "{policy:?}");
        drop((ann, slow));
        hub.finish().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_return_after_a_position_is_all_of_it_or_a_gap_or_another_life() {
    let hub = spawn(short(Policy::Evict));
    let mut ann = hub.join("ann", "lobby").await;
    let first = ann.publish("lobby", "tick").await.position;
    let mut bob = hub.connect("bob").await;
    bob.join("lobby", Join::new().since(first)).await;
    for _ in 0..8 {
        ann.publish("lobby", "tick").await;
        ann.expect("tick").await;
    }
    let mut carl = hub.connect("carl").await;
    carl.join("lobby", Join::new().since(first)).await;
    let elsewhere = ann.publish("games", "tick").await.position;
    let mut dora = hub.connect("dora").await;
    dora.join("lobby", Join::new().since(Position { epoch: elsewhere.epoch, ..first })).await;

    let recoveries = stats(&hub).await.recoveries;
    assert_eq!(recoveries.each().collect::<Vec<_>>(), [("ok", 1), ("gap", 1), ("epoch", 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_user_who_returns_in_time_is_a_damped_change() {
    let presence = PresenceConf { enabled: true, ..PresenceConf::default() };
    let hub = spawn(TopicConf { presence, ..TopicConf::default() });
    let mut ann = hub.join("ann", "lobby").await;
    ann.pull_the_plug().await;
    ann.return_to_all().await;
    assert_eq!(stats(&hub).await.presence_damped, 1);
}

/// Takes everything.
struct Sink;

impl Outlet<&'static str> for Sink {
    fn offer(&self, _first: u64, messages: &[&'static str]) -> usize {
        messages.len()
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_is_delivered_once_per_member_by_a_loop_or_by_its_task() {
    let hub = spawn(TopicConf::default());
    let ann = hub.join("ann", "lobby").await;
    let mut live = hub.hub().connect(hub::Identity::default()).await.unwrap();
    live.join("lobby", Join::new()).await.unwrap();
    live.attach(Arc::new(Sink));
    let reader = tokio::spawn(async move { live.next_event().await });
    hub.settle().await;

    publish(&ann, 10).await;
    let stats = stats(&hub).await;
    assert_eq!(stats.published, 10);
    assert_eq!((stats.delivered_by_loops, stats.delivered_by_tasks), (10, 10));
    assert_eq!(stats.delivered(), 20);
    reader.abort();
}

#[tokio::test(start_paused = true)]
async fn each_time_that_members_are_told_counts_with_its_duration() {
    let hub = spawn(TopicConf::default());
    let _nobody_else = hub.join("ann", "lobby").await;
    hub.hub().publish("nobody is here", "tick").await.unwrap();
    let before = stats(&hub).await;
    for _ in 0..3 {
        hub.hub().publish("lobby", "tick").await.unwrap();
        hub.settle().await;
    }
    let after = stats(&hub).await;
    assert_eq!(before.fanout_nanos.count(), 0, "nobody was told");
    assert_eq!(after.fanout_nanos.since(&before.fanout_nanos).count(), 3);
    assert_eq!(after.loop_lag_nanos.count(), 4);
}

#[tokio::test(start_paused = true)]
async fn how_far_the_slowest_member_is_behind_counts_in_messages_and_in_bytes() {
    let hub = spawn(TopicConf::default());
    let ann = hub.join("ann", "lobby").await;
    let slow = hub.join("slow", "lobby").await;
    slow.stall();
    let before = stats(&hub).await;
    for _ in 0..3 {
        publish(&ann, 1).await;
        hub.settle().await;
    }
    let after = stats(&hub).await;
    let messages = after.queue_messages.since(&before.queue_messages);
    assert_eq!((messages.count(), messages.sum()), (3, 1 + 2 + 3));
    let bytes = after.queue_bytes.since(&before.queue_bytes);
    assert_eq!((bytes.count(), bytes.sum()), (3, (1 + 2 + 3) * size_of::<&str>() as u64));
}

#[tokio::test(start_paused = true)]
async fn a_drain_tells_how_many_remain() {
    let hub = Hub::<u32>::spawn(HubConf::default());
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(hub.register().await.unwrap());
    }
    let draining = {
        let hub = hub.clone();
        tokio::spawn(async move { hub.drain(Drain { rate: 40, ..Drain::default() }).await })
    };
    let mut seen = vec![];
    while !draining.is_finished() {
        seen.push(hub.stats().drain_remaining);
        time::sleep(Duration::from_millis(10)).await;
    }
    assert!(seen.contains(&8) && seen.contains(&2), "{seen:?}");
    assert_eq!(hub.stats().drain_remaining, 0);
    task::yield_now().await;
    assert_eq!(hub.stats().ended.drained, 10);
    assert_eq!(hub.stats().leaves.drained, 10);
}

#[tokio::test(start_paused = true)]
async fn as_json_it_has_the_same_names() {
    let hub = spawn(TopicConf::default());
    let ann = hub.join("ann", "lobby").await;
    publish(&ann, 1).await;
    let json = serde_json::to_value(stats(&hub).await).unwrap();
    assert_eq!(json["clients"], 1);
    assert_eq!(json["evicted"]["age"], 0);
    assert_eq!(json["fanout_nanos"]["count"], 1);
    assert_eq!(json["loops"].as_array().unwrap().len(), hub.hub().stats().loops.len());
}
