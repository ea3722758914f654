//! What becomes of a client that is too slow.

use std::future;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use hub::{Hub, HubConf, Message, TopicConf};
use tokio::{task, time};

fn keep(max_messages: usize) -> HubConf {
    HubConf {
        topic: TopicConf { max_messages: max_messages.try_into().expect("not zero"), ..TopicConf::default() },
        ..HubConf::default()
    }
}

/// Broadcasts, and returns once the hub's loop has seen it all: it answers a registration after that.
async fn broadcast<M: Message>(hub: &Hub<M>, messages: impl IntoIterator<Item = M>) {
    for message in messages {
        hub.broadcast(message).await.expect("the hub is open");
    }
    hub.register().await.expect("the hub is open");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_evicted_while_others_go_on() {
    let hub = Hub::spawn(keep(4));
    let mut slow = hub.register().await.unwrap();
    let mut quick = hub.register().await.unwrap();

    for number in 0..5 {
        hub.broadcast(number).await.unwrap();
        assert_eq!(quick.recv().await, Ok(Some(number)));
    }

    assert_eq!(hub.len(), 1, "the count falls before the slow client has noticed");
    let evicted = slow.recv().await.unwrap_err();
    assert_eq!(evicted.lag(), 5);
    assert_eq!(evicted.to_string(), "too slow: fell 5 messages behind");
    assert!(slow.recv().await.is_err(), "it stays evicted");

    hub.broadcast(5).await.unwrap();
    assert_eq!(quick.recv().await, Ok(Some(5)));
}

#[tokio::test]
async fn an_evicted_client_is_told_so_even_when_the_hub_is_closed() {
    let hub = Hub::spawn(keep(2));
    let mut slow = hub.register().await.unwrap();
    broadcast(&hub, 0..3).await;
    hub.close().await;

    assert_eq!(slow.recv().await.unwrap_err().lag(), 3);
}

#[tokio::test]
async fn the_stream_of_an_evicted_client_is_one_error_and_ends() {
    let hub = Hub::spawn(keep(2));
    let slow = hub.register().await.unwrap();
    broadcast(&hub, 0..3).await;

    let items: Vec<_> = slow.collect().await;
    assert_eq!(items.len(), 1, "{items:?}");
    assert!(items[0].is_err(), "{items:?}");
}

#[tokio::test]
async fn an_evicted_client_can_still_publish() {
    let hub = Hub::spawn(keep(2));
    let slow = hub.register().await.unwrap();
    broadcast(&hub, 0..3).await;
    let mut listener = hub.register().await.unwrap();

    slow.publisher().publish(7).await.unwrap();

    assert_eq!(listener.recv().await, Ok(Some(7)));
}

#[tokio::test]
async fn dropping_an_evicted_client_changes_nothing() {
    let hub = Hub::spawn(keep(2));
    let slow = hub.register().await.unwrap();
    broadcast(&hub, 0..3).await;
    let mut listener = hub.register().await.unwrap();

    drop(slow);
    broadcast(&hub, [3]).await;

    assert_eq!(listener.recv().await, Ok(Some(3)));
    assert_eq!(hub.online().wait_for(|&online| online == 1).await.map(|online| *online).unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn eviction_wakes_a_task_that_waits_for_it() {
    let hub = Hub::spawn(keep(2));
    let mut slow = hub.register().await.unwrap();
    let stuck = tokio::spawn(async move { future::poll_fn(|cx| slow.poll_evicted(cx)).await });
    task::yield_now().await;

    hub.broadcast(0).await.unwrap();
    task::yield_now().await;
    assert!(!stuck.is_finished(), "one message behind is not too slow");
    broadcast(&hub, 1..3).await;

    let evicted = time::timeout(Duration::from_secs(1), stuck).await.expect("the task is woken");
    assert_eq!(evicted.unwrap().lag(), 3);
}

#[tokio::test]
async fn waiting_for_eviction_takes_no_message() {
    let hub = Hub::spawn(keep(2));
    let mut client = hub.register().await.unwrap();
    broadcast(&hub, [1]).await;

    assert_eq!(future::poll_fn(|cx| client.poll_evicted(cx)).now_or_never(), None);

    assert_eq!(client.recv().await, Ok(Some(1)));
}

#[tokio::test]
async fn a_burst_does_not_evict_a_client_that_keeps_up() {
    let hub = Hub::spawn(keep(1));
    let client = hub.register().await.unwrap();
    let reading = tokio::spawn(client.collect::<Vec<_>>());
    task::yield_now().await;

    // All of them are in the queue before the loop sees the first.
    for number in 0..100 {
        hub.broadcast(number).now_or_never().expect("there is room in the queue").unwrap();
    }
    hub.close().await;

    assert_eq!(reading.await.unwrap(), (0..100).map(Ok).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_many_threads_a_client_gets_everything_or_is_told() {
    const COUNT: u32 = 5000;
    let hub = Hub::spawn(keep(8));
    let mut reading = Vec::new();
    for _ in 0..8 {
        let mut client = hub.register().await.unwrap();
        reading.push(tokio::spawn(async move {
            for expected in 0..COUNT {
                match client.recv().await {
                    Ok(received) => assert_eq!(received, Some(expected)),
                    Err(_) => return,
                }
            }
            assert_eq!(client.recv().await, Ok(None));
        }));
    }

    for number in 0..COUNT {
        hub.broadcast(number).await.unwrap();
    }
    hub.close().await;

    for client in reading {
        client.await.unwrap();
    }
}

#[tokio::test]
async fn the_hub_holds_no_more_messages_than_its_log_may() {
    let hub = Hub::spawn(keep(4));
    let message: Arc<u32> = Arc::new(1);
    let _slow = hub.register().await.unwrap();

    broadcast(&hub, vec![message.clone(); 100]).await;

    assert_eq!(Arc::strong_count(&message) - 1, 4);
}

#[tokio::test]
async fn the_hub_holds_no_more_bytes_than_its_log_may() {
    let max_bytes = NonZeroUsize::new(10_000).unwrap();
    let hub =
        Hub::spawn(HubConf { topic: TopicConf { max_bytes, ..TopicConf::default() }, ..HubConf::default() });
    let message: Arc<[u8]> = vec![0; 3000].into();
    let _slow = hub.register().await.unwrap();

    broadcast(&hub, vec![message.clone(); 100]).await;

    assert_eq!(Arc::strong_count(&message) - 1, 3);
}

#[tokio::test]
async fn a_message_heavier_than_the_log_is_delivered() {
    let max_bytes = NonZeroUsize::new(10).unwrap();
    let hub =
        Hub::spawn(HubConf { topic: TopicConf { max_bytes, ..TopicConf::default() }, ..HubConf::default() });
    let mut client = hub.register().await.unwrap();

    broadcast(&hub, [vec![7; 100]]).await;

    assert_eq!(client.recv().await, Ok(Some(vec![7; 100])));
}
