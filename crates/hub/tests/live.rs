//! The short way: what is offered to outlets, and the hand-over between the loop and a client's task.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use hub::{Client, Hub, HubConf, Identity, Join, Outlet, TopicConf, TopicName};

/// Takes messages while it has room.
#[derive(Clone)]
struct Room {
    taken: Arc<Mutex<Vec<u32>>>,
    room: Arc<AtomicUsize>,
}

impl Room {
    fn new(room: usize) -> Self {
        Self { taken: Arc::default(), room: Arc::new(room.into()) }
    }

    fn taken(&self) -> Vec<u32> {
        self.taken.lock().expect("not poisoned").clone()
    }
}

impl Outlet<u32> for Room {
    fn offer(&self, _first: u64, messages: &[u32]) -> usize {
        let count = messages.len().min(self.room.load(Ordering::SeqCst));
        self.room.fetch_sub(count, Ordering::SeqCst);
        self.taken.lock().expect("not poisoned").extend(&messages[..count]);
        count
    }
}

/// Counts how often a task would have been woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Registers a client that has read everything and is live.
async fn live(hub: &Hub<u32>, outlet: Room, waker: &Waker) -> Client<u32> {
    let mut client = hub.register().await.expect("the hub is open");
    client.attach(Arc::new(outlet));
    assert_eq!(read(&mut client, waker), None);
    client
}

/// What the client's task would read; `None` if it would wait.
fn read(client: &mut Client<u32>, waker: &Waker) -> Option<Vec<u32>> {
    let mut messages = Vec::new();
    let cx = &mut Context::from_waker(waker);
    match client.poll_recv_many(cx, &mut messages, 100) {
        Poll::Ready(count) => {
            assert_eq!(count.expect("not evicted"), messages.len());
            Some(messages)
        }
        Poll::Pending => None,
    }
}

/// Publishes these numbers, and returns when the loop has told everyone.
async fn publish(hub: &Hub<u32>, numbers: impl IntoIterator<Item = u32>) {
    for number in numbers {
        hub.broadcast(number).await.expect("the hub is open");
    }
    // Registering is handled after what was published before, and its answer comes after the pass.
    for _ in 0..2 {
        drop(hub.register().await.expect("the hub is open"));
    }
}

/// Publishes in the lobby, and returns when its loop has told everyone.
async fn say(hub: &Hub<u32>, number: u32) {
    hub.publish("lobby", number).await.expect("the hub is open");
    // As above, for the lobby's loop.
    for _ in 0..2 {
        hub.presence("lobby").await.expect("the hub is open");
    }
}

#[tokio::test]
async fn what_a_client_was_told_before_its_seat_is_not_overtaken_by_what_is_said_there() {
    let hub = Hub::spawn(HubConf::default());
    let outlet = Room::new(100);
    let mut client = hub.connect(Identity::default()).await.expect("the hub is open");
    client.attach(Arc::new(outlet.clone()));
    let (_, seat) = client.handle().join("lobby", Join::new()).await.expect("it may");
    hub.send(client.id(), 1).await.expect("the hub is open");
    seat.take();

    assert_eq!(read(&mut client, Waker::noop()), Some(vec![1]));
    say(&hub, 2).await;
    assert_eq!(outlet.taken(), [0; 0], "the client has 1 in its hands");

    assert_eq!(read(&mut client, Waker::noop()), Some(vec![2]));
    assert_eq!(read(&mut client, Waker::noop()), None);
    say(&hub, 3).await;
    assert_eq!(outlet.taken(), [3]);
}

#[tokio::test]
async fn a_live_client_gets_messages_without_its_task_being_woken() {
    let hub = Hub::spawn(HubConf::default());
    let (outlet, wakes) = (Room::new(usize::MAX), Arc::new(Wakes::default()));
    let mut client = live(&hub, outlet.clone(), &wakes.clone().into()).await;

    publish(&hub, 0..10).await;

    assert_eq!(outlet.taken(), (0..10).collect::<Vec<_>>());
    assert_eq!(read(&mut client, Waker::noop()), None, "there is nothing left for the task");
    assert_eq!(wakes.0.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_an_outlet_does_not_take_is_read_by_the_task() {
    let hub = Hub::spawn(HubConf::default());
    let (outlet, wakes) = (Room::new(3), Arc::new(Wakes::default()));
    let mut client = live(&hub, outlet.clone(), &wakes.clone().into()).await;

    publish(&hub, 0..5).await;

    assert_eq!(outlet.taken(), [0, 1, 2]);
    assert!(wakes.0.load(Ordering::SeqCst) > 0, "the task must be woken");
    assert_eq!(read(&mut client, Waker::noop()), Some(vec![3, 4]));
}

#[tokio::test]
async fn a_client_that_has_caught_up_is_live_again() {
    let hub = Hub::spawn(HubConf::default());
    let outlet = Room::new(0);
    let mut client = live(&hub, outlet.clone(), Waker::noop()).await;
    publish(&hub, 0..2).await;
    outlet.room.store(10, Ordering::SeqCst);
    publish(&hub, 2..4).await;
    assert_eq!(outlet.taken(), [0_u32; 0], "it is offered nothing while it is behind");

    assert_eq!(read(&mut client, Waker::noop()), Some(vec![0, 1, 2, 3]));
    assert_eq!(read(&mut client, Waker::noop()), None);
    publish(&hub, 4..6).await;

    assert_eq!(outlet.taken(), [4, 5]);
}

#[tokio::test]
async fn a_live_client_whose_outlet_takes_nothing_any_more_is_evicted_like_any_other() {
    let max_messages = NonZeroUsize::new(4).unwrap();
    let hub = Hub::spawn(HubConf {
        topic: TopicConf { max_messages, ..TopicConf::default() },
        ..HubConf::default()
    });
    let outlet = Room::new(2);
    let mut client = live(&hub, outlet.clone(), Waker::noop()).await;

    publish(&hub, 0..7).await;

    assert_eq!(outlet.taken(), [0, 1]);
    hub.online().wait_for(|online| *online == 0).await.unwrap();
    let evicted = client.recv().await.expect_err("evicted");
    assert_eq!(evicted.lag(), 5);
}

#[tokio::test]
async fn closing_the_hub_ends_a_live_client() {
    let hub = Hub::spawn(HubConf::default());
    let wakes = Arc::new(Wakes::default());
    let mut client = live(&hub, Room::new(9), &wakes.clone().into()).await;

    hub.close().await;

    assert!(wakes.0.load(Ordering::SeqCst) > 0, "the task must be woken");
    assert_eq!(client.recv().await, Ok(None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_between_outlet_and_task() {
    const COUNT: u32 = 50_000;
    let hub = Hub::spawn(HubConf::default());
    // Both ways end in one list, as they do in one socket.
    let outlet = Room::new(0);
    let mut client = hub.register().await.unwrap();
    client.attach(Arc::new(outlet.clone()));

    let list = outlet.clone();
    let reader = tokio::spawn(async move {
        loop {
            let mut messages = Vec::new();
            let count = std::future::poll_fn(|cx| client.poll_recv_many(cx, &mut messages, 16)).await;
            if count.expect("the publisher waits for the slowest") == 0 {
                return;
            }
            list.taken.lock().expect("not poisoned").extend(messages);
            list.room.store(7, Ordering::SeqCst); // so that the outlet fills up again and again
        }
    });
    for number in 0..COUNT {
        hub.broadcast(number).await.unwrap();
        while u64::from(number) > outlet.taken.lock().expect("not poisoned").len() as u64 + 500 {
            tokio::task::yield_now().await;
        }
    }
    hub.close().await;
    reader.await.unwrap();

    assert!(outlet.taken() == (0..COUNT).collect::<Vec<_>>(), "gapless and in order");
}

/// Takes everything, and says so to all.
struct Shout(&'static str, Arc<Mutex<Vec<&'static str>>>);

impl Outlet<u32> for Shout {
    fn offer(&self, _first: u64, messages: &[u32]) -> usize {
        self.1.lock().expect("not poisoned").push(self.0);
        messages.len()
    }
}

#[tokio::test]
async fn a_topic_has_its_turn_while_thousands_are_told_in_another() {
    let hub = Hub::spawn(HubConf { shards: 1, ..HubConf::default() });
    let told = Arc::<Mutex<Vec<_>>>::default();
    let mut clients = Vec::new();
    for topic in std::iter::repeat_n("large", 2_000).chain(["small"]) {
        let mut client = hub.connect(Identity::default()).await.unwrap();
        client.join(topic, Join::new()).await.unwrap();
        client.attach(Arc::new(Shout(topic, told.clone())));
        assert_eq!(read(&mut client, Waker::noop()), None);
        clients.push(client);
    }
    for topic in ["large", "small"] {
        hub.try_publish(topic, 1).unwrap();
    }
    while told.lock().unwrap().len() < clients.len() {
        tokio::task::yield_now().await;
    }
    let told = told.lock().unwrap();
    let at = told.iter().position(|topic| *topic == "small").expect("it is told");
    assert!(at < 1_000, "after {at} of {}", told.len());
}

/// How many messages there were in each offer.
#[derive(Clone, Default)]
struct Offers(Arc<Mutex<Vec<usize>>>);

impl Outlet<u32> for Offers {
    fn offer(&self, _first: u64, messages: &[u32]) -> usize {
        self.0.lock().expect("not poisoned").push(messages.len());
        messages.len()
    }
}

#[tokio::test]
async fn what_several_say_at_once_is_one_offer_and_is_put_off_for_others_once() {
    let hub = Hub::spawn(HubConf::default());
    let (offers, lobby) = (Offers::default(), TopicName::new("lobby").expect("a name"));
    let mut client = hub.connect(Identity::default()).await.expect("the hub is open");
    client.join(&lobby, Join::new()).await.expect("it may");
    client.attach(Arc::new(offers.clone()));
    assert_eq!(read(&mut client, Waker::noop()), None);

    for number in 0..3 {
        for _ in 0..2 {
            hub.try_publish(&lobby, number).expect("there is room");
        }
        // The loop takes the first two, and lets this task go on before it tells anybody.
        tokio::task::yield_now().await;
    }
    while offers.0.lock().expect("not poisoned").iter().sum::<usize>() < 6 {
        tokio::task::yield_now().await;
    }

    assert_eq!(*offers.0.lock().expect("not poisoned"), [4, 2]);
}
