//! What ends while much is going on: a hub, a topic, all connections at once.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{join_all, try_join_all};
use hub::test::TestHub;
use hub::{
    Drain, Error, Event, HistoryConf, Hub, HubConf, Identity, Join, Message, PresenceConf, Reason, TopicConf,
    TopicName, UserId,
};
use tokio::runtime::Handle;
use tokio::time;

fn keeping(messages: usize) -> HubConf {
    let history = HistoryConf { max_messages: messages, ..HistoryConf::default() };
    let presence = PresenceConf { enabled: true, ..PresenceConf::default() };
    HubConf { topic: TopicConf { history, presence, ..TopicConf::default() }, ..HubConf::default() }
}

#[tokio::test]
async fn a_hub_that_closes_while_thousands_are_told_tells_all_of_them_all_of_it() {
    let hub = Hub::spawn(HubConf { shards: 1, ..HubConf::default() });
    let clients = try_join_all((0..3_000).map(|_| hub.register())).await.unwrap();
    for number in 0..10 {
        hub.broadcast(number).await.unwrap();
    }
    hub.close().await;
    for client in clients {
        assert_eq!(client.collect::<Vec<_>>().await, (0..10).map(Ok).collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_runs_on_after_a_hub_in_which_everything_has_happened() {
    let before = Handle::current().metrics().num_alive_tasks();
    let hub = TestHub::<&str>::spawn(keeping(100));
    let mut members = Vec::new();
    for user in ["ann", "bob", "cid", "dan"] {
        members.push(hub.join(user, "lobby").await);
    }
    members[0].stall();
    for _ in 0..2_000 {
        members[1].publish("lobby", "tick").await;
    }
    members[2].pull_the_plug().await;
    hub.hub().kick(UserId::new("dan").unwrap()).await.unwrap();
    assert_eq!(hub.hub().drain(Drain::default()).await, Ok(2), "ann and bob, the slow one among them");
    drop(members);
    hub.finish().await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), before, "a task is left");
}

/// Panics once, when it is dropped while armed.
#[derive(Clone, Debug)]
struct Bomb(Arc<AtomicBool>);

impl Message for Bomb {
    fn weight(&self) -> usize {
        1
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(!self.0.swap(false, Ordering::Relaxed), "on purpose");
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_fails_while_its_history_is_replayed_is_left_for_that_reason_and_begins_anew() {
    let hub = TestHub::<Bomb>::spawn(keeping(2));
    let armed = Arc::new(AtomicBool::new(false));
    let before = hub.hub().publish("lobby", Bomb(armed.clone())).await.unwrap().position;
    hub.hub().publish("lobby", Bomb(Arc::default())).await.unwrap();
    let mut ann = hub.connect("ann").await;
    ann.stall();
    ann.join("lobby", Join::new().history(2)).await;
    hub.settle().await;

    // It goes off in the loop, when so much has been published that nothing keeps it any more.
    armed.store(true, Ordering::Relaxed);
    for _ in 0..2_000 {
        if hub.hub().publish("lobby", Bomb(Arc::default())).await.unwrap().position.epoch != before.epoch {
            break;
        }
        hub.settle().await;
    }
    assert!(!armed.load(Ordering::Relaxed), "it went off");
    ann.resume();
    let left = ann.next().await;
    assert!(matches!(left, Event::Left { reason: Reason::Failed, .. }), "{left:?}");
    let again = ann.join("lobby", Join::new().since(before)).await;
    assert!(!again.recovered && again.position.epoch != before.epoch, "it is another life");
    drop(ann);
    hub.finish().await;
}

#[tokio::test(start_paused = true)]
async fn thousands_who_are_cut_off_at_once_and_return_within_five_seconds_miss_nothing_and_nobody_is_told() {
    const MEMBERS: usize = 2_000;
    let mut conf = keeping(100);
    conf.topic.presence.grace = Duration::from_secs(10);
    let hub = TestHub::<u32>::spawn(conf);
    let mut members = Vec::new();
    for number in 0..MEMBERS {
        members.push(hub.join(&number.to_string(), "lobby").await);
    }
    time::sleep(Duration::from_secs(1)).await;
    let before = hub.hub().presence("lobby").await.unwrap().unwrap();
    join_all(members.iter_mut().map(hub::test::Member::pull_the_plug)).await;
    for number in 0..10 {
        hub.hub().publish("lobby", number).await.unwrap();
    }
    let pauses = (0..).map(|index| Duration::from_millis(index * 5_000 / MEMBERS as u64));
    let back = join_all(members.iter_mut().zip(pauses).map(async |(member, pause)| {
        time::sleep(pause).await;
        member.return_to_all().await
    }));
    assert!(back.await.into_iter().all(|recovered| recovered));
    for member in &mut members {
        for number in 0..10_u32 {
            member.expect(number).await;
        }
    }
    let stats = hub.hub().stats();
    assert_eq!((stats.recoveries.ok, stats.recoveries.total()), (MEMBERS as u64, MEMBERS as u64));
    let after = hub.hub().presence("lobby").await.unwrap().unwrap();
    assert_eq!((after.version, after.users.len()), (before.version, MEMBERS));
    drop(members);
    hub.finish().await;
}

#[tokio::test]
async fn every_connection_has_a_number_of_its_own_and_who_is_kicked_by_it_is_one() {
    let hub = Hub::<u32>::spawn(HubConf::default());
    let mut clients = Vec::new();
    for number in 0..1_000 {
        let user = UserId::new(&(number % 10).to_string()).unwrap();
        clients.push(hub.connect(Identity::user(user)).await.unwrap());
    }
    let ids: HashSet<_> = clients.iter().map(hub::Client::id).collect();
    assert_eq!(ids.len(), 1_000);
    assert_eq!(hub.kick(clients[500].id()).await, Ok(1));
    assert_eq!(hub.kick(UserId::new("1").unwrap()).await, Ok(100));
    assert_eq!(hub.stats().ended.kicked, 101);
}

#[tokio::test(start_paused = true)]
async fn one_client_with_tens_of_thousands_of_topics_leaves_none_of_them_behind() {
    let hub = TestHub::<u32>::spawn(HubConf::default());
    let ann = hub.connect("ann").await;
    for number in 0..20_000_u32 {
        let topic = TopicName::new(&number.to_string()).unwrap();
        match number % 2 {
            0 => drop(ann.handle().publish(&topic, number).await.unwrap()),
            _ => drop(ann.handle().join(&topic, Join::new()).await.unwrap()),
        }
    }
    hub.settle().await;
    let stats = hub.hub().stats();
    assert_eq!((stats.topics, stats.members, stats.held_bytes), (0, 0, 0));
    drop(ann);
    hub.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_hub_has_so_many_topics_and_takes_more_when_some_have_ended() {
    let max_topics = NonZeroUsize::new(1_000).unwrap();
    let hub = TestHub::<u32>::spawn(HubConf { max_topics, shards: 1, ..keeping(10) });
    let ann = hub.connect("ann").await;
    let mut refused = 0;
    for number in 0..20_000_u32 {
        match ann.handle().publish(&*number.to_string(), number).await {
            Ok(_) => {}
            Err(Error::NoMoreTopics) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((refused, hub.hub().stats().topics), (19_000, 1_000));
    assert_eq!(ann.handle().join("lobby", Join::new()).await.err(), Some(Error::NoMoreTopics));
    assert!(ann.handle().join("999", Join::new()).await.is_ok(), "one that is there");
    hub.hub().try_publish("lobby", 1).unwrap();
    hub.settle().await;
    assert_eq!(hub.hub().stats().unpublished, 1, "nobody waits for it, so it is counted");

    time::sleep(Duration::from_secs(2 * 60 * 60)).await;
    assert!(ann.handle().join("lobby", Join::new()).await.is_ok(), "the others' history is over");
    drop(ann);
    hub.finish().await;
}
