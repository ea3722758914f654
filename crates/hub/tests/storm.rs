//! A storm of joins, on a clock of its own: how often those who are there are told who else has come.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::try_join_all;
use hub::{
    Client, Error, Hub, HubConf, Identity, Join, Message, PresenceChange, PresenceConf, TopicConf, TopicName,
    UserId,
};
use tokio::task::coop::unconstrained;
use tokio::time::sleep;

/// Says who came.
#[derive(Clone)]
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

#[tokio::test(start_paused = true)]
async fn ten_thousand_who_join_within_two_seconds_get_at_most_twenty_notices_of_presence_each() {
    const STEPS: usize = 100;
    let presence = PresenceConf { enabled: true, ..PresenceConf::default() };
    let topic = TopicConf { presence, ..TopicConf::default() };
    let hub = Hub::spawn(HubConf { topic, ..HubConf::default() });
    let mut members = Vec::new();

    for step in 0..STEPS {
        let joins = (0..10_000 / STEPS).map(|index| join(&hub, step * 10_000 / STEPS + index));
        members.extend(try_join_all(joins).await.expect("they may"));
        sleep(Duration::from_millis(20)).await;
    }
    sleep(Duration::from_secs(1)).await;

    let present = hub.presence("lobby").await.expect("the hub is open").expect("presence is kept");
    assert_eq!(present.users.len(), 10_000);
    let most = members.iter_mut().map(notices).max().expect("there are members");
    println!("at most {most} notices for a member");
    assert!((10..=20).contains(&most), "{most} notices");
}
