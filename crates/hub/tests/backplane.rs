//! Several hubs as one.

use hub::backplane::loopback::Bus;
use hub::test::TestHub;
use hub::{Event, HistoryConf, Hub, HubConf, Join, PresenceConf, TopicConf};

fn conf() -> HubConf {
    let history = HistoryConf { max_messages: 100, ..HistoryConf::default() };
    let presence = PresenceConf { enabled: true, ..PresenceConf::default() };
    HubConf {
        topic: TopicConf { history, presence, ..TopicConf::default() },
        shards: 2,
        ..HubConf::default()
    }
}

fn nodes<const N: usize>(bus: &Bus, names: [&str; N]) -> [TestHub<String>; N] {
    names.map(|name| TestHub::on(Hub::spawn_on(conf(), bus.node(name))))
}

#[tokio::test(start_paused = true)]
async fn what_is_said_on_one_node_is_heard_on_all() {
    let bus = Bus::new(1);
    let [a, b] = nodes(&bus, ["a", "b"]);
    let mut ann = a.join("ann", "lobby").await;
    let mut bob = b.join("bob", "lobby").await;
    ann.publish("lobby", "hello".to_owned()).await;
    bob.expect("hello").await;
    ann.expect("hello").await;
    bob.publish("lobby", "hi".to_owned()).await;
    bob.expect("hi").await;
    ann.expect("hi").await;
    let mut cid = b.connect("cid").await;
    let joined = cid.join("lobby", Join::new().history(10)).await;
    assert_eq!(joined.position.offset, 2);
    cid.expect("hello").await;
    cid.expect("hi").await;
    a.settle().await;
    let seen = a.hub().presence("lobby").await.unwrap().unwrap();
    assert_eq!(seen.users.len(), 3);
    drop((ann, bob, cid));
    a.finish().await;
    b.finish().await;
}

#[tokio::test(start_paused = true)]
async fn who_is_cut_off_from_one_node_resumes_on_another() {
    let bus = Bus::new(1);
    let [a, b] = nodes(&bus, ["a", "b"]);
    let mut ann = a.join("ann", "lobby").await;
    let bob = b.join("bob", "lobby").await;
    bob.publish("lobby", "one".to_owned()).await;
    let Event::Message { offset, .. } = ann.next().await else { panic!("a message") };
    let position = b.hub().history("lobby", 1, None).await.unwrap().0;
    assert_eq!(position.offset, offset);
    drop(ann);
    bob.publish("lobby", "two".to_owned()).await;
    let mut ann = b.connect("ann").await;
    assert!(ann.join("lobby", Join::new().since(position)).await.recovered);
    ann.expect("two").await;
    drop((ann, bob));
    a.finish().await;
    b.finish().await;
}
