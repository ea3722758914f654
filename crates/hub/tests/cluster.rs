//! What a hub that is one of several does besides the conformance suite: messages of any type, ends, limits.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use futures_util::SinkExt;
use hub::backplane::loopback::{Bus, Cut, Faults};
use hub::backplane::{Carried, Status};
use hub::test::TestHub;
use hub::{
    Error, Event, HistoryConf, Hub, HubConf, Join, Message, Outage, PresenceConf, TopicConf, WithPresence,
};
use tokio::time::{sleep, timeout};

fn conf() -> HubConf {
    let history = HistoryConf { max_messages: 100, ..HistoryConf::default() };
    let presence = PresenceConf { enabled: true, ..PresenceConf::default() };
    HubConf {
        topic: TopicConf { history, presence, ..TopicConf::default() },
        shards: 2,
        ..HubConf::default()
    }
}

fn hubs<M: Message + Carried + std::fmt::Debug, const N: usize>(
    bus: &Bus,
    conf: &HubConf,
    names: [&str; N],
) -> [TestHub<M>; N] {
    names.map(|name| TestHub::on(Hub::spawn_on(conf.clone(), bus.node(name))))
}

async fn users<M: Message>(hub: &Hub<M>, topic: &str) -> Vec<String> {
    let snapshot = hub.presence(topic).await.expect("the hub answers").unwrap_or_default();
    let mut users: Vec<_> = snapshot.users.iter().map(|present| present.user.to_string()).collect();
    users.sort();
    users
}

/// A message that a node may fail to read.
#[derive(Clone, Debug, PartialEq)]
struct Fragile(u32);

impl Message for Fragile {
    fn weight(&self) -> usize {
        size_of::<Self>()
    }
}

impl Carried for Fragile {
    fn encode(&self) -> Vec<u8> {
        self.0.to_be_bytes().to_vec()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        match u32::from_be_bytes(bytes.try_into().ok()?) {
            13 => None,
            14 => panic!("decoding this one panics, which is what the test is about"),
            number => Some(Self(number)),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_only_register_hear_each_other_on_all_nodes_in_each_ones_order() {
    let bus = Bus::new(1);
    let [a, b] = ["a", "b"].map(|name| Hub::<u32>::spawn_on(HubConf::default(), bus.node(name)));
    let (mut ann, mut bob) = (a.register().await.unwrap(), b.register().await.unwrap());
    for number in 0..500 {
        ann.feed(number).await.unwrap();
    }
    ann.flush().await.unwrap();
    a.broadcast(500).await.unwrap();
    for number in 0..=500 {
        assert_eq!((ann.recv().await, bob.recv().await), (Ok(Some(number)), Ok(Some(number))));
    }
    a.close().await;
    b.close().await;
}

#[tokio::test(start_paused = true)]
async fn presence_is_seen_on_all_nodes_also_by_messages_that_do_not_tell_of_it() {
    let bus = Bus::new(1);
    let [a, b] = hubs::<String, 2>(&bus, &conf(), ["a", "b"]);
    let ann = a.join("ann", "lobby").await;
    let mut bob = b.connect("bob").await;
    let joined = bob.join("lobby", Join::new()).await;
    let mut seen: Vec<_> = joined.presence.unwrap().users.iter().map(|it| it.user.to_string()).collect();
    seen.sort();
    assert_eq!(seen, ["ann", "bob"], "with the one who joins");
    assert_eq!(joined.position.offset, 0, "coming is no message");
    a.settle().await;
    assert_eq!(users(a.hub(), "lobby").await, ["ann", "bob"]);
    // What is lost of it is made up for.
    bus.set_faults(Faults { lose: 1.0, ..Faults::default() });
    ann.goodbye().await;
    sleep(Duration::from_millis(100)).await;
    assert_eq!(users(b.hub(), "lobby").await, ["ann", "bob"], "not yet");
    sleep(Duration::from_secs(6)).await;
    assert_eq!(users(b.hub(), "lobby").await, ["bob"]);
    drop(bob);
    a.finish().await;
    b.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_a_node_cannot_read_is_a_gap_there_and_the_next_one_is_heard() {
    let bus = Bus::new(1);
    let conf = HubConf { topic: TopicConf { presence: PresenceConf::default(), ..conf().topic }, ..conf() };
    let [a, b] = hubs::<Fragile, 2>(&bus, &conf, ["a", "b"]);
    let mut bob = b.join("bob", "lobby").await;
    for number in [1, 13, 2, 14, 3] {
        a.hub().publish("lobby", Fragile(number)).await.unwrap();
        b.settle().await;
    }
    bob.expect(Fragile(1)).await;
    assert!(matches!(bob.next().await, Event::Gap { from: 2, to: 2, .. }));
    bob.expect(Fragile(2)).await;
    assert!(matches!(bob.next().await, Event::Gap { from: 4, to: 4, .. }));
    bob.expect(Fragile(3)).await;
    assert_eq!(b.hub().stats().undecodable, 2);
    // Who comes now gets what is behind it.
    let mut cid = b.connect("cid").await;
    cid.join("lobby", Join::new().history(10)).await;
    cid.expect(Fragile(3)).await;
    drop((bob, cid));
    a.finish().await;
    b.finish().await;
}

#[tokio::test(start_paused = true)]
async fn messages_that_come_with_presence_travel_and_each_node_tells_its_members_who_came() {
    let bus = Bus::new(1);
    let [a, b] = hubs::<WithPresence<String>, 2>(&bus, &conf(), ["a", "b"]);
    let mut bob = b.join("bob", "lobby").await;
    let mut came = async |name: &str| {
        let Event::Message { message: WithPresence::Presence(change), .. } = bob.next().await else {
            panic!("{name} was to come")
        };
        let joined: Vec<_> = change.joined.iter().map(|present| present.user.as_str()).collect();
        assert_eq!(joined, [name]);
    };
    came("bob").await;
    let ann = a.join("ann", "lobby").await;
    came("ann").await;
    ann.publish("lobby", WithPresence::Message("hello".to_owned())).await;
    bob.expect(WithPresence::Message("hello".to_owned())).await;
    drop((ann, bob));
    a.finish().await;
    b.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_is_dropped_leaves_the_cluster_with_its_users() {
    let bus = Bus::new(1);
    let [a, b] = hubs::<String, 2>(&bus, &conf(), ["a", "b"]);
    let bob = b.join("bob", "lobby").await;
    let ann = a.join("ann", "lobby").await;
    b.settle().await;
    assert_eq!(users(b.hub(), "lobby").await, ["ann", "bob"]);
    drop((ann, a));
    sleep(Duration::from_millis(50)).await;
    assert_eq!(users(b.hub(), "lobby").await, ["bob"]);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(b.hub().nodes().len(), 1);
    drop(bob);
    b.finish().await;
}

#[tokio::test(start_paused = true)]
async fn what_nobody_waits_for_and_cannot_be_published_is_counted() {
    let bus = Bus::new(1);
    let [a] = hubs::<String, 1>(&bus, &conf(), ["a"]);
    let mut status = a.hub().status().unwrap();
    status.wait_for(|status| *status == Status::Up).await.unwrap();
    bus.stop();
    status.wait_for(|status| matches!(status, Status::Down(_))).await.unwrap();
    a.hub().try_publish("lobby", "nobody hears it".to_owned()).unwrap();
    a.settle().await;
    assert_eq!(a.hub().stats().unpublished, 1);
    bus.start();
    a.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_the_engine_does_not_take_is_too_heavy() {
    let bus = Bus::new(1);
    let large = NonZeroUsize::new(4 << 20).unwrap();
    let [a] = hubs::<String, 1>(&bus, &HubConf { max_message_bytes: large, ..conf() }, ["a"]);
    let refused = a.hub().publish("lobby", "x".repeat((1 << 20) + 1)).await;
    assert_eq!(refused, Err(Error::TooHeavy));
    a.finish().await;
}

#[tokio::test(start_paused = true)]
async fn who_joins_before_the_first_connection_waits_for_it_and_not_for_ever() {
    let bus = Bus::new(1);
    bus.stop();
    let [a] = hubs::<String, 1>(&bus, &conf(), ["a"]);
    let ann = a.connect("ann").await;
    let refused = timeout(Duration::from_secs(6), ann.handle().join("lobby", Join::new())).await;
    assert_eq!(refused.expect("not for ever").map(|_| ()), Err(Error::Unavailable));
    bus.start();
    bus.set_slow(Duration::from_millis(500));
    let [b] = hubs::<String, 1>(&bus, &conf(), ["b"]);
    let bob = b.join("bob", "lobby").await; // waits until it is up
    drop((ann, bob));
    a.finish().await;
    b.finish().await;
}

#[tokio::test(start_paused = true)]
async fn who_joins_while_the_engine_does_not_answer_is_among_those_of_its_node() {
    let bus = Bus::new(1);
    let topic =
        TopicConf { presence: PresenceConf::default(), history: HistoryConf::default(), ..conf().topic };
    let [a, b] = hubs::<String, 2>(&bus, &HubConf { topic, ..conf() }, ["a", "b"]);
    let mut bob = b.join("bob", "lobby").await;
    let mut ann = a.connect("ann").await;
    bus.cut("a", Cut::Both);
    ann.join("lobby", Join::new()).await;
    let mut status = a.hub().status().unwrap();
    status.wait_for(|status| matches!(status, Status::Down(_))).await.unwrap(); // until then it may have been published
    ann.publish("lobby", "alone".to_owned()).await;
    ann.expect("alone".to_owned()).await;
    bus.heal("a");
    assert!(matches!(ann.next().await, Event::Reset { .. }));
    bob.publish("lobby", "together".to_owned()).await;
    ann.expect("together".to_owned()).await;
    bob.expect("together".to_owned()).await;
    drop((ann, bob));
    a.finish().await;
    b.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_topic_may_go_on_alone_with_its_history_whose_epoch_is_broken_then() {
    let bus = Bus::new(1);
    let topic = TopicConf { outage: Outage::LocalOnly, ..conf().topic };
    let [a, b] = hubs::<String, 2>(&bus, &HubConf { topic, ..conf() }, ["a", "b"]);
    let ann = a.join("ann", "lobby").await;
    let bob = b.join("bob", "lobby").await;
    let before = ann.publish("lobby", "before".to_owned()).await.position;
    let mut status = a.hub().status().unwrap();
    bus.stop();
    status.wait_for(|status| matches!(status, Status::Down(_))).await.unwrap();
    let alone = ann.publish("lobby", "alone".to_owned()).await.position;
    assert_eq!((alone.offset, alone.epoch == before.epoch), (1, false));
    assert_eq!(users(a.hub(), "lobby").await, ["ann"], "who can be reached");
    assert_eq!(a.hub().history("lobby", 10, None).await.unwrap().1, [(1, "alone".to_owned())]);
    bus.start();
    status.wait_for(|status| *status == Status::Up).await.unwrap();
    let (position, kept) = a.hub().history("lobby", 10, None).await.unwrap();
    assert_eq!((position, kept), (before, vec![(1, "before".to_owned())]), "what all have");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(users(a.hub(), "lobby").await, ["ann", "bob"]);
    drop((ann, bob));
    a.finish().await;
    b.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn on_many_threads_and_a_clock_that_goes_on_it_is_the_same() {
    let bus = Bus::new(1);
    let topic = TopicConf { presence: PresenceConf::default(), ..conf().topic };
    let [a, b, c] = hubs::<Arc<str>, 3>(&bus, &HubConf { topic, ..conf() }, ["a", "b", "c"]);
    let mut members = Vec::new();
    for (hub, name) in [(&a, "ann"), (&b, "bob"), (&c, "cid")] {
        members.push(hub.join(name, "lobby").await);
    }
    let talk = |hub: Hub<Arc<str>>, name: &'static str| async move {
        for number in 0..30 {
            hub.publish("lobby", Arc::from(format!("{name} {number}"))).await.unwrap();
        }
    };
    let talks = [(&a, "ann"), (&b, "bob"), (&c, "cid")]
        .map(|(hub, name)| tokio::spawn(talk(hub.hub().clone(), name)));
    for talk in talks {
        talk.await.unwrap();
    }
    let mut heard = Vec::new();
    for member in &mut members {
        let mut of_one = Vec::new();
        for offset in 1..=90 {
            let Event::Message { offset: of, message, .. } = member.next().await else { panic!("a message") };
            assert_eq!(of, offset);
            of_one.push(message);
        }
        heard.push(of_one);
    }
    assert!(heard.windows(2).all(|two| two[0] == two[1]), "all hear the same");
    for hub in [&a, &b, &c] {
        hub.hub().close().await;
    }
}
