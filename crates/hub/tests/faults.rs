//! What goes wrong around a hub, and that afterwards everything is as it was: each test ends with nothing left.

use std::num::NonZeroUsize;
use std::time::Duration;

use hub::test::TestHub;
use hub::{
    Cause, Drain, Error, Event, HistoryConf, HubConf, Identity, Join, NameError, Policy, Post, PresenceConf,
    Tag, TopicConf, TopicName, UserId,
};
use tokio::time::{self, Instant};

fn number(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).expect("not zero")
}

fn keeping(messages: usize) -> HubConf {
    let history = HistoryConf { max_messages: messages, ..HistoryConf::default() };
    let presence = PresenceConf { enabled: true, ..PresenceConf::default() };
    HubConf { topic: TopicConf { history, presence, ..TopicConf::default() }, ..HubConf::default() }
}

fn short(policy: Policy) -> HubConf {
    let topic = TopicConf { max_messages: number(8), policy, ..TopicConf::default() };
    HubConf { topic, ..HubConf::default() }
}

fn user(name: &str) -> UserId {
    UserId::new(name).expect("a user's name")
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_stuck_holds_up_nobody_and_nothing() {
    let hub = TestHub::<u32>::spawn(short(Policy::Evict));
    let [mut stuck, mut ann] = [hub.join("stuck", "lobby").await, hub.join("ann", "lobby").await];
    stuck.stall();
    let start = Instant::now();
    for number in 0..100_u32 {
        ann.publish("lobby", number).await;
        ann.expect(number).await;
    }
    assert_eq!(start.elapsed(), Duration::ZERO, "nobody has waited");
    assert_eq!(hub.hub().stats().members, 1, "its place is free before it has noticed");
    stuck.resume();
    assert_eq!(stuck.expect_end().await.cause(), Cause::TooSlow);
    drop((stuck, ann));
    hub.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_one_publisher_does_not_evict_those_who_read() {
    let hub = TestHub::<u32>::spawn(short(Policy::Evict));
    let [flooding, mut ann] = [hub.join("flooding", "lobby").await, hub.join("ann", "lobby").await];
    for number in 0..10_000_u32 {
        flooding.publish("lobby", number).await;
    }
    for number in 0..10_000_u32 {
        ann.expect(number).await;
    }
    drop((flooding, ann));
    hub.finish().await;
}

#[tokio::test(start_paused = true)]
async fn those_who_return_after_a_blip_miss_nothing_and_nobody_is_told() {
    let hub = TestHub::<&str>::spawn(keeping(1000));
    let ann = hub.join("ann", "lobby").await;
    let mut others = Vec::new();
    for number in 0..50 {
        others.push(hub.join(&number.to_string(), "lobby").await);
    }
    time::sleep(Duration::from_secs(1)).await; // all have been told of all
    let before = hub.hub().presence("lobby").await.unwrap().unwrap().version;
    for other in &mut others {
        other.pull_the_plug().await;
    }
    for text in ["one", "two"] {
        ann.publish("lobby", text).await;
    }
    time::sleep(Duration::from_secs(4)).await;
    for other in &mut others {
        assert!(other.return_to_all().await, "all of it follows");
        other.expect("one").await;
        other.expect("two").await;
        other.expect_nothing().await;
    }
    time::sleep(Duration::from_secs(60)).await;
    let after = hub.hub().presence("lobby").await.unwrap().unwrap();
    assert_eq!((after.version, after.users.len()), (before, 51), "0 notices");
    drop((ann, others));
    hub.finish().await;
}

#[tokio::test(start_paused = true)]
async fn join_leave_and_join_within_a_moment_is_being_there_once() {
    let hub = TestHub::<&str>::spawn(keeping(0));
    let lobby = TopicName::new("lobby").unwrap();
    let mut ann = hub.connect("ann").await;
    for _ in 0..100 {
        ann.join("lobby", Join::new()).await;
        ann.handle().leave(&lobby).unwrap();
    }
    ann.join("lobby", Join::new()).await;
    ann.publish("lobby", "here").await;
    ann.expect("here").await;
    ann.expect_nothing().await;
    assert_eq!(hub.hub().stats().members, 1);
    assert_eq!(hub.hub().presence("lobby").await.unwrap().unwrap().users[0].devices, 1);
    drop(ann);
    hub.finish().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_is_kicked_while_it_joins_is_in_no_topic() {
    let hub = TestHub::<&str>::spawn(keeping(0));
    let mut ann = hub.connect("ann").await;
    let handle = ann.handle().clone();
    let (joined, kicked) = tokio::join!(handle.join("lobby", Join::new()), hub.hub().kick(user("ann")));
    assert_eq!(kicked, Ok(1));
    drop(joined);
    assert_eq!(ann.expect_end().await.cause(), Cause::Kicked);
    hub.settle().await;
    assert_eq!(hub.hub().stats().members, 0);
    assert!(matches!(ann.handle().join("lobby", Join::new()).await, Err(Error::Ended(_))));
    drop((ann, handle));
    hub.finish().await;
}

#[tokio::test(start_paused = true)]
async fn publishing_goes_on_while_a_hub_is_drained() {
    let hub = TestHub::<u32>::spawn(short(Policy::Evict));
    let mut members = Vec::new();
    for number in 0..10 {
        members.push(hub.join(&number.to_string(), "lobby").await);
    }
    let draining = hub.hub().clone();
    let drain = tokio::spawn(async move { draining.drain(Drain { rate: 20, ..Drain::default() }).await });
    for number in 0..5 {
        time::sleep(Duration::from_millis(100)).await;
        hub.hub().publish("lobby", number).await.unwrap();
    }
    assert_eq!(drain.await.unwrap(), Ok(10));
    for member in &mut members {
        assert!(matches!(member.expect_end().await.cause(), Cause::Draining(_)));
    }
    assert!(matches!(hub.hub().connect(Identity::default()).await, Err(Error::Draining(_))));
    drop(members);
    hub.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_has_so_many_topics_and_names_have_rules() {
    let hub = TestHub::<u32>::spawn(HubConf { max_topics_per_client: number(10), ..HubConf::default() });
    let ann = hub.connect("ann").await;
    let mut seats = Vec::new();
    for topic in 0..10 {
        seats.push(ann.handle().join(&*topic.to_string(), Join::new()).await.unwrap());
    }
    for topic in 10..1_000 {
        let refused = ann.handle().join(&*topic.to_string(), Join::new()).await;
        assert_eq!(refused.err(), Some(Error::TooManyTopics));
    }
    let long = "x".repeat(256);
    for (name, error) in [("", NameError::Empty), (&*long, NameError::TooLong), ("a\0b", NameError::Control)]
    {
        assert_eq!(ann.handle().join(name, Join::new()).await.err(), Some(Error::BadName(error)));
    }
    assert_eq!(hub.hub().stats().topics, 10, "what was refused has left no topic");
    drop((seats, ann));
    hub.finish().await;
}

#[tokio::test(start_paused = true)]
async fn history_that_is_over_while_it_is_replayed_is_a_gap() {
    let conf = HubConf {
        topic: TopicConf {
            max_messages: number(2),
            history: HistoryConf {
                max_messages: 4,
                max_age: Duration::from_secs(10),
                ..HistoryConf::default()
            },
            ..TopicConf::default()
        },
        ..HubConf::default()
    };
    let hub = TestHub::<u32>::spawn(conf);
    for number in 1..=4 {
        hub.hub().publish("lobby", number).await.unwrap();
    }
    hub.settle().await;
    let mut ann = hub.connect("ann").await;
    ann.stall();
    ann.join("lobby", Join::new().history(4)).await;
    time::sleep(Duration::from_secs(11)).await;
    ann.resume();
    let event = ann.handle().hub().publish("lobby", 5).await.map(|_| ());
    assert_eq!(event, Ok(()));
    let mut heard = Vec::new();
    while heard.last() != Some(&5) {
        match ann.next().await {
            Event::Message { offset, .. } => heard.push(offset),
            Event::Gap { from, to, .. } => heard.extend(from..=to),
            other => panic!("neither message nor gap: {other:?}"),
        }
    }
    assert_eq!(heard, [1, 2, 3, 4, 5], "each once, or covered by the gap");
    drop(ann);
    hub.finish().await;
}

#[tokio::test(start_paused = true)]
async fn everyone_is_told_and_all_but_one_user_and_those_with_a_tag() {
    let hub = TestHub::<&str>::spawn(HubConf::default());
    let staff = Tag::new("staff").unwrap();
    let mut ann = hub.join("ann", "lobby").await;
    let mut phone = hub.join("ann", "lobby").await;
    let mut bob = hub.connect_as(Identity::user(user("bob")).tag(staff.clone())).await;
    bob.join("lobby", Join::new()).await;
    let mut away = hub.connect("away").await;

    hub.hub().publish("lobby", Post::new("not ann").except_user(user("ann"))).await.unwrap();
    hub.hub().publish("lobby", Post::new("staff").tagged(staff)).await.unwrap();
    bob.expect("not ann").await;
    bob.expect("staff").await;
    hub.hub().publish("lobby", Post::new("not the phone").except_client(phone.handle().id())).await.unwrap();
    ann.expect("not the phone").await;
    bob.expect("not the phone").await;
    assert_eq!(hub.hub().send_to_all("all").await, Ok(4));
    for member in [&mut ann, &mut phone, &mut bob, &mut away] {
        member.expect("all").await;
        member.expect_nothing().await;
    }
    drop((ann, phone, bob, away));
    hub.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_user_has_so_many_connections_and_the_loser_is_told() {
    let replace = HubConf { max_clients_per_user: 1, ..keeping(0) };
    let hub = TestHub::<&str>::spawn(replace);
    let mut bob = hub.join("bob", "lobby").await;
    let mut old = hub.join("ann", "lobby").await;
    hub.settle().await;
    let version = hub.hub().presence("lobby").await.unwrap().unwrap().version;
    let mut new = hub.join("ann", "lobby").await;
    assert_eq!(old.expect_end().await.cause(), Cause::Replaced);
    time::sleep(Duration::from_secs(60)).await;
    let now = hub.hub().presence("lobby").await.unwrap().unwrap();
    assert_eq!((now.version, now.users.len()), (version, 2), "nobody need be told");
    new.publish("lobby", "hello").await;
    new.expect("hello").await;
    bob.expect("hello").await;
    drop((bob, old, new));
    hub.finish().await;
}

#[tokio::test(start_paused = true)]
async fn publishing_waits_five_milliseconds_at_most_for_those_who_are_about_to_be_lost() {
    let mut conf = short(Policy::Evict);
    conf.topic.stall = Duration::from_secs(1); // counts as 5 ms
    let hub = TestHub::<u32>::spawn(conf);
    let [mut stuck, mut ann] = [hub.join("stuck", "lobby").await, hub.join("ann", "lobby").await];
    stuck.stall();
    let start = Instant::now();
    for number in 0..9_u32 {
        ann.publish("lobby", number).await;
        ann.expect(number).await;
    }
    assert_eq!(start.elapsed(), Duration::from_millis(5), "once, for the ninth");
    stuck.resume();
    assert_eq!(stuck.expect_end().await.cause(), Cause::TooSlow);
    drop((stuck, ann));
    hub.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_clean_leave_is_seen_at_once_and_a_lost_one_after_the_grace() {
    let hub = TestHub::<&str>::spawn(keeping(0));
    let ann = hub.join("ann", "lobby").await;
    let [bob, mut cid] = [hub.join("bob", "lobby").await, hub.join("cid", "lobby").await];
    let users = async || {
        hub.settle().await;
        hub.hub().presence("lobby").await.unwrap().unwrap().users.len()
    };
    assert_eq!(users().await, 3);
    let start = Instant::now();
    bob.goodbye().await;
    assert_eq!(users().await, 2);
    assert!(start.elapsed() < Duration::from_millis(10), "{:?}", start.elapsed());
    cid.pull_the_plug().await;
    time::sleep(Duration::from_millis(4_900)).await;
    assert_eq!(users().await, 2);
    time::sleep(Duration::from_millis(100)).await;
    assert_eq!(users().await, 1);
    drop((ann, cid));
    hub.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_member_may_be_behind_by_count_by_bytes_and_by_age() {
    let by = |topic: TopicConf| HubConf { topic, ..HubConf::default() };
    let count = by(TopicConf { max_messages: number(3), ..TopicConf::default() });
    let bytes = by(TopicConf { max_bytes: number(3 * size_of::<u32>()), ..TopicConf::default() });
    let age = by(TopicConf { max_age: Duration::from_secs(3), ..TopicConf::default() });
    for conf in [count, bytes, age] {
        let hub = TestHub::<u32>::spawn(conf);
        let mut stuck = hub.join("stuck", "lobby").await;
        stuck.stall();
        for number in 0..3 {
            hub.hub().publish("lobby", number).await.unwrap();
            hub.settle().await;
        }
        time::sleep(Duration::from_secs(2)).await;
        assert_eq!(hub.hub().stats().members, 1, "as far behind as it may be");
        hub.hub().publish("lobby", 3).await.unwrap();
        time::sleep(Duration::from_secs(1)).await;
        assert_eq!(hub.hub().stats().members, 0);
        assert_eq!(hub.hub().stats().evicted.total(), 1);
        stuck.resume();
        assert_eq!(stuck.expect_end().await.cause(), Cause::TooSlow);
        drop(stuck);
        hub.finish().await;
    }
}
