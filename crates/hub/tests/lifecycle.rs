//! Registering, leaving, closing, and whatever else ends a hub.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{FutureExt, SinkExt, StreamExt};
use hub::{Closed, Event, Hub, HubConf, Identity, Join, Message, Reason, TopicConf, TopicName};
use tokio::task;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_registered_is_counted() {
    let hub = Hub::spawn(HubConf::default());
    let mut clients = Vec::new();
    for count in 1..=100 {
        clients.push(hub.register().await.unwrap());
        assert_eq!(hub.len(), count);
    }
    hub.broadcast(1).await.unwrap();
}

#[tokio::test]
async fn dropping_a_client_unregisters_it() {
    let hub = Hub::<u32>::spawn(HubConf::default());
    let client = hub.register().await.unwrap();
    let mut online = hub.online();
    assert!(!hub.is_empty());

    drop(client);

    assert_eq!(*online.wait_for(|&online| online == 0).await.unwrap(), 0);
    assert!(hub.is_empty());
}

#[tokio::test]
async fn a_leave_is_handled_before_what_waits_in_the_queue() {
    let hub = Hub::spawn(HubConf::default());
    let gone = hub.register().await.unwrap();
    let mut online = hub.online();

    hub.broadcast(1).now_or_never().unwrap().unwrap();
    drop(gone);
    let _next = hub.register().await.unwrap();

    assert_eq!(*online.borrow_and_update(), 1);
}

#[tokio::test]
async fn a_registration_that_is_dropped_leaves_no_client_behind() {
    let hub = Hub::<u32>::spawn(HubConf::default());
    assert!(hub.register().now_or_never().is_none());

    let _client = hub.register().await.unwrap();
    hub.online().wait_for(|&online| online == 1).await.unwrap();
}

#[tokio::test]
async fn close_lets_clients_read_the_rest_and_then_ends() {
    let hub = Hub::spawn(HubConf::default());
    let client = hub.register().await.unwrap();
    for number in 0..3 {
        hub.broadcast(number).await.unwrap();
    }

    hub.close().await;

    assert_eq!(hub.len(), 0);
    assert_eq!(client.collect::<Vec<_>>().await, [Ok(0), Ok(1), Ok(2)]);
}

#[tokio::test]
async fn close_wakes_a_client_that_waits() {
    let hub = Hub::<u32>::spawn(HubConf::default());
    let mut client = hub.register().await.unwrap();
    let waiting = tokio::spawn(async move { client.recv().await });
    task::yield_now().await;

    hub.close().await;

    assert_eq!(waiting.await.unwrap(), Ok(None));
}

#[tokio::test]
async fn closing_twice_is_closing_once() {
    let hub = Hub::<u32>::spawn(HubConf::default());
    let clone = hub.clone();
    tokio::join!(hub.close(), clone.close());
    hub.close().await;
}

#[tokio::test]
async fn a_closed_hub_takes_nothing_more() {
    let hub = Hub::spawn(HubConf::default());
    let mut client = hub.register().await.unwrap();
    let publisher = client.publisher();
    hub.close().await;

    assert_eq!(hub.register().await.err(), Some(Closed));
    assert_eq!(hub.broadcast(1).await, Err(Closed));
    assert_eq!(publisher.publish(1).await, Err(Closed));
    assert_eq!(client.send(1).await, Err(Closed));
    assert_eq!(Closed.to_string(), "the hub is closed");
}

#[tokio::test]
async fn close_does_not_wait_for_a_sink_that_reserved_a_place() {
    let hub = Hub::spawn(HubConf::default());
    let mut client = hub.register().await.unwrap();
    std::future::poll_fn(|cx| client.poll_ready_unpin(cx)).await.unwrap();

    hub.close().await;

    assert_eq!(client.start_send_unpin(1), Err(Closed));
}

#[tokio::test]
async fn a_client_whose_sink_is_closed_goes_on_reading() {
    let hub = Hub::spawn(HubConf::default());
    let mut client = hub.register().await.unwrap();
    SinkExt::<u32>::close(&mut client).await.unwrap();
    assert_eq!(client.send(1).await, Err(Closed));

    hub.broadcast(2).await.unwrap();

    assert_eq!(client.recv().await, Ok(Some(2)));
}

#[tokio::test]
async fn the_loop_ends_when_all_handles_are_dropped() {
    let hub = Hub::spawn(HubConf::default());
    let client = hub.register().await.unwrap();
    let publisher = client.publisher();
    let mut online = hub.online();
    let message = Arc::new(1);
    hub.broadcast(message.clone()).await.unwrap();

    drop(hub);
    drop(client);
    publisher.publish(message.clone()).await.expect("a publisher keeps the hub open");
    drop(publisher);

    while online.changed().await.is_ok() {}
    assert_eq!(Arc::strong_count(&message), 1, "the loop is gone, and its log with it");
}

#[tokio::test]
async fn a_panic_in_weight_hits_the_publisher_alone() {
    #[derive(Clone, Debug, PartialEq)]
    struct Light(u32);

    impl Message for Light {
        fn weight(&self) -> usize {
            assert_ne!(self.0, 0, "on purpose");
            1
        }
    }

    let hub = Hub::spawn(HubConf::default());
    let mut client = hub.register().await.unwrap();
    let publisher = client.publisher();

    let published = tokio::spawn(async move { publisher.publish(Light(0)).await }).await;
    hub.broadcast(Light(1)).await.unwrap();

    assert!(published.unwrap_err().is_panic());
    assert_eq!(client.recv().await, Ok(Some(Light(1))));
}

#[tokio::test]
async fn a_panic_in_a_topic_ends_that_topic_alone_and_its_members_are_told() {
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

    let hub = Hub::spawn(HubConf {
        topic: TopicConf { max_messages: 1.try_into().unwrap(), ..TopicConf::default() },
        shards: 1,
        ..HubConf::default()
    });
    let mut ann = hub.connect(Identity::default()).await.unwrap();
    let [mined, lobby] = ["mined", "lobby"].map(|name| TopicName::new(name).unwrap());
    ann.join(&mined, Join::new()).await.unwrap();
    ann.join(&lobby, Join::new()).await.unwrap();
    let armed = Arc::new(AtomicBool::new(false));
    hub.publish(&mined, Bomb(armed.clone())).await.unwrap();
    assert!(matches!(ann.next_event().await, Ok(Some(Event::Message { .. }))));

    // The second message pushes the first out of the log, inside the loop.
    armed.store(true, Ordering::Relaxed);
    hub.publish(&mined, Bomb(Arc::default())).await.unwrap();
    let left = ann.next_event().await;
    assert!(
        matches!(&left, Ok(Some(Event::Left { topic, reason: Reason::Failed })) if *topic == mined),
        "{left:?}"
    );
    assert!(!armed.load(Ordering::Relaxed), "it went off");

    hub.publish(&lobby, Bomb(Arc::default())).await.unwrap();
    assert!(matches!(ann.next_event().await, Ok(Some(Event::Message { topic, .. })) if topic == lobby));
    let again = ann.join(&mined, Join::new()).await.unwrap();
    assert_eq!(again.position.offset, 0, "a new life");
    assert_eq!(hub.stats().members, 2);
}
