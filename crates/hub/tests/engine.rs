//! What a hub asks of its engine, seen by an engine that looks on.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

use hub::backplane::loopback::{Bus, LoopbackNode};
use hub::backplane::{
    Answer, Beat, Capabilities, Engine, Interest, Move, Node, NodeId, Parcel, Sink, Status, Subscribed,
};
use hub::test::TestHub;
use hub::{Hub, HubConf, Join, Receipt, TopicConf, TopicName};

/// The loopback, with a note of how many topics were asked for at once, and how many clients were present in them.
struct Watched {
    engine: LoopbackNode,
    batches: Arc<Mutex<Vec<(usize, usize)>>>,
}

impl Engine for Watched {
    fn node(&self) -> Node {
        self.engine.node()
    }

    fn capabilities(&self) -> Capabilities {
        self.engine.capabilities()
    }

    fn connect(&self, sink: Sink) -> Answer<()> {
        self.engine.connect(sink)
    }

    fn subscribe(&self, interests: Vec<Interest>) -> Answer<Vec<Subscribed>> {
        let present = interests.iter().filter_map(|it| it.attendees.as_ref()).map(Vec::len).sum();
        self.batches.lock().expect("no panic before").push((interests.len(), present));
        self.engine.subscribe(interests)
    }

    fn unsubscribe(&self, topics: Vec<TopicName>) -> Answer<()> {
        self.engine.unsubscribe(topics)
    }

    fn publish(&self, topic: &TopicName, conf: &TopicConf, parcel: Parcel) -> Answer<Option<Receipt>> {
        self.engine.publish(topic, conf, parcel)
    }

    fn presence(&self, topic: &TopicName, moved: Move) -> Answer<()> {
        self.engine.presence(topic, moved)
    }

    fn beat(&self) -> Answer<Beat> {
        self.engine.beat()
    }

    fn bury(&self, node: NodeId) -> Answer<()> {
        self.engine.bury(node)
    }

    fn tell(&self, to: Option<NodeId>, words: Vec<u8>) -> Answer<()> {
        self.engine.tell(to, words)
    }

    fn probe(&self, number: u64) -> Answer<()> {
        self.engine.probe(number)
    }

    fn close(&self) -> Answer<()> {
        self.engine.close()
    }
}

/// The batches in which a hub opens its topics again after an outage, when so many users are in each of so many topics.
async fn opened_again(topics: usize, users: usize) -> Vec<(usize, usize)> {
    let (bus, batches) = (Bus::new(1), Arc::<Mutex<Vec<_>>>::default());
    let engine = Watched { engine: bus.node("a"), batches: batches.clone() };
    let max_topics_per_client = NonZeroUsize::new(topics).expect("not zero");
    let conf = HubConf { max_topics_per_client, shards: 1, ..HubConf::default() };
    let hub = TestHub::<String>::on(Hub::spawn_on(conf.with_presence(), engine));
    let mut members = Vec::new();
    for user in 0..users {
        let mut member = hub.connect(&format!("user {user}")).await;
        for topic in 0..topics {
            member.join(&format!("topic {topic}"), Join::new()).await;
        }
        members.push(member);
    }
    let mut status = hub.hub().status().expect("it is not alone");
    bus.stop();
    status.wait_for(|status| matches!(status, Status::Down(_))).await.expect("the hub is open");
    batches.lock().expect("no panic before").clear();
    bus.start();
    status.wait_for(|status| *status == Status::Up).await.expect("the hub is open");
    let batches = batches.lock().expect("no panic before").clone();
    drop(members);
    hub.finish().await;
    batches
}

#[tokio::test(start_paused = true)]
async fn topics_are_opened_again_in_batches_of_so_many() {
    assert_eq!(opened_again(1_200, 1).await, [(512, 512), (512, 512), (176, 176)]);
}

#[tokio::test(start_paused = true)]
async fn topics_where_many_are_present_are_opened_again_in_smaller_batches() {
    assert_eq!(opened_again(300, 20).await, [(205, 4_100), (95, 1_900)]);
}
