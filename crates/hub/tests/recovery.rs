//! What a member gets that was away, or was too slow.

use std::num::NonZeroUsize;
use std::time::Duration;

use hub::test::TestHub;
use hub::{Cause, Event, HistoryConf, HubConf, Join, Policy, Post, TopicConf};
use tokio::time::sleep;

fn keeping(messages: usize) -> HubConf {
    let history = HistoryConf { max_messages: messages, ..HistoryConf::default() };
    let max_messages = NonZeroUsize::new(messages).expect("not zero");
    HubConf { topic: TopicConf { history, max_messages, ..TopicConf::default() }, ..HubConf::default() }
}

#[tokio::test(start_paused = true)]
async fn who_was_cut_off_gets_what_it_missed_in_order_and_once() {
    let hub = TestHub::spawn(keeping(10));
    let ann = hub.join("ann", "lobby").await;
    let mut bob = hub.join("bob", "lobby").await;
    ann.publish("lobby", "one").await;
    bob.expect("one").await;

    bob.pull_the_plug().await;
    ann.publish("lobby", "two").await;
    ann.publish("lobby", "three").await;

    assert!(bob.return_to_all().await, "all of it is there");
    bob.expect("two").await;
    bob.expect("three").await;
    ann.publish("lobby", "four").await;
    bob.expect("four").await;
    bob.expect_nothing().await;
    drop((ann, bob));
    hub.finish().await;
}

#[tokio::test(start_paused = true)]
async fn who_was_away_for_too_long_gets_nothing_of_it_and_is_told_so() {
    let hub = TestHub::spawn(keeping(2));
    let ann = hub.join("ann", "lobby").await;
    let mut bob = hub.join("bob", "lobby").await;
    bob.pull_the_plug().await;
    for message in ["one", "two", "three"] {
        ann.publish("lobby", message).await;
    }
    assert!(!bob.return_to_all().await);
    bob.expect_nothing().await;
    ann.publish("lobby", "four").await;
    bob.expect("four").await;
    drop((ann, bob));
    hub.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_position_of_another_life_of_the_topic_recovers_nothing() {
    let hub = TestHub::spawn(keeping(10));
    let mut bob = hub.join("bob", "lobby").await;
    bob.publish("lobby", "one").await;
    bob.expect("one").await;
    bob.pull_the_plug().await;
    sleep(Duration::from_secs(2 * 60 * 60)).await; // nobody is there, and nothing is kept any more
    let ann = hub.join("ann", "lobby").await;
    ann.publish("lobby", "first of a new life").await;
    assert!(!bob.return_to_all().await);
    drop((ann, bob));
    hub.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_stalled_member_is_ended_while_the_others_hear_everything() {
    let hub = TestHub::spawn(keeping(2));
    let mut ann = hub.join("ann", "lobby").await;
    let mut bob = hub.join("bob", "lobby").await;
    bob.stall();
    for number in 0..100 {
        ann.publish("lobby", if number % 2 == 0 { "tick" } else { "tock" }).await;
        ann.expect(if number % 2 == 0 { "tick" } else { "tock" }).await;
    }
    bob.resume();
    assert_eq!(bob.expect_end().await.cause(), Cause::TooSlow);
    assert_eq!(hub.hub().stats().members, 1);
    drop((ann, bob));
    hub.finish().await;
}

#[tokio::test(start_paused = true)]
async fn where_the_oldest_are_dropped_a_stalled_member_is_told_which() {
    let mut conf = keeping(2);
    conf.topic.policy = Policy::DropOldest;
    let hub = TestHub::spawn(conf);
    let ann = hub.join("ann", "lobby").await;
    let mut bob = hub.join("bob", "lobby").await;
    bob.stall();
    for message in ["one", "two", "three", "four", "five"] {
        ann.publish("lobby", message).await;
    }
    bob.resume();
    match bob.next().await {
        Event::Gap { from: 1, to: 3, .. } => {}
        other => panic!("{other:?}"),
    }
    bob.expect("four").await;
    bob.expect("five").await;
    drop((ann, bob));
    hub.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_gets_as_many_of_the_last_messages_as_it_asks_for() {
    let hub = TestHub::spawn(keeping(10));
    let ann = hub.join("ann", "lobby").await;
    for message in ["one", "two", "three"] {
        ann.publish("lobby", message).await;
    }
    let mut bob = hub.connect("bob").await;
    let joined = bob.join("lobby", Join::new().history(2)).await;
    assert_eq!(joined.position.offset, 3);
    bob.expect("two").await;
    bob.expect("three").await;
    bob.expect_nothing().await;
    ann.goodbye().await;
    drop(bob);
    hub.finish().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_for_some_alone_takes_no_place_among_the_messages_that_a_newcomer_asks_for() {
    let hub = TestHub::spawn(keeping(10));
    let ann = hub.join("ann", "lobby").await;
    ann.publish("lobby", "one").await;
    ann.publish("lobby", "two").await;
    for _ in 0..3 {
        ann.publish("lobby", Post::new("ann is typing").except_client(ann.handle().id())).await;
    }
    let mut bob = hub.connect("bob").await;
    bob.join("lobby", Join::new().history(2)).await;
    bob.expect("one").await;
    bob.expect("two").await;
    ann.goodbye().await;
    drop(bob);
    hub.finish().await;
}
