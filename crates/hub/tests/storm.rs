//! A storm of joins, on a clock of its own: how often those who are there are told who else has come.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::try_join_all;
use hub::test::TestHub;
use hub::{
    Client, Error, Hub, HubConf, Identity, Join, Message, PresenceChange, PresenceConf, TopicConf, TopicName,
    UserId,
};
use tokio::task::coop::unconstrained;
use tokio::time::sleep;

/// Says who came.
#[derive(Clone, Debug)]
struct Notice;

impl Message for Notice {
    fn weight(&self) -> usize {
        size_of::<Self>()
    }

    fn presence(_topic: &TopicName, _change: &PresenceChange) -> Option<Self> {
        Some(Self)
    }
}

async fn join(hub: &Hub<Notice>, number: usize) -> Result<Client<Notice>, Error> {
    let mut client = hub.connect(Identity::user(UserId::new(&format!("user-{number}"))?)).await?;
    client.join("lobby", Join::new()).await?;
    Ok(client)
}

/// How much there is to read; nothing else is published.
fn notices(client: &mut Client<Notice>) -> usize {
    let mut count = 0;
    while let Some(event) = unconstrained(client.next_event()).now_or_never() {
        event.expect("it keeps up");
        count += 1;
    }
    count
}

/// 10,000 users join, so many at a time, with a pause after each time. Returns how many notices the member had that had most, when
/// all have been told of all.
async fn storm(at_a_time: usize, pause: Duration) -> usize {
    let presence = PresenceConf { enabled: true, ..PresenceConf::default() };
    let topic = TopicConf { presence, ..TopicConf::default() };
    let hub = TestHub::spawn(HubConf { topic, ..HubConf::default() });
    let mut members = Vec::new();
    while members.len() < MEMBERS {
        let joins = (0..at_a_time).map(|index| join(hub.hub(), members.len() + index));
        members.extend(try_join_all(joins).await.expect("they may"));
        sleep(pause).await;
    }
    sleep(Duration::from_secs(1)).await;

    let present = hub.hub().presence("lobby").await.expect("the hub is open").expect("presence is kept");
    assert_eq!(present.users.len(), MEMBERS);
    let most = members.iter_mut().map(notices).max().expect("there are members");
    drop(members);
    hub.finish().await;
    most
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_who_join_cost_each_member_at_most_twenty_notices_of_presence_however_they_come() {
    for (at_a_time, pause) in
        [(MEMBERS, 0), (100, 20), (5, 1), (1, 1)].map(|(at, pause)| (at, Duration::from_millis(pause)))
    {
        let most = storm(at_a_time, pause).await;
        println!("{at_a_time} at a time, {pause:?} between: at most {most} notices for a member");
        assert!((1..=20).contains(&most), "{most} notices with {at_a_time} at a time and {pause:?} between");
    }
}

#[tokio::test(start_paused = true)]
async fn one_who_comes_into_a_large_room_is_told_of_at_once() {
    let presence = PresenceConf { enabled: true, ..PresenceConf::default() };
    let hub =
        Hub::spawn(HubConf { topic: TopicConf { presence, ..TopicConf::default() }, ..HubConf::default() });
    let mut members = try_join_all((0..1000).map(|number| join(&hub, number))).await.expect("they may");
    sleep(Duration::from_secs(60)).await;
    for member in &mut members {
        notices(member);
    }

    members.push(join(&hub, 1000).await.expect("it may"));
    sleep(Duration::from_millis(1)).await;
    assert!(members.iter_mut().all(|member| notices(member) == 1));
}

const MEMBERS: usize = 10_000;
