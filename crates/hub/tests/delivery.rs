//! Who gets what, in which order.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use hub::{Client, Hub, HubConf, Message};
use tokio::time;

const ONE: NonZeroUsize = NonZeroUsize::new(1).unwrap();

async fn read<M: Message>(client: &mut Client<M>, count: usize) -> Vec<M> {
    let mut messages = Vec::new();
    while messages.len() < count {
        messages.push(client.recv().await.expect("quick enough").expect("the hub is open"));
    }
    messages
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_client_gets_every_message_in_the_same_order() {
    const EACH: u64 = 200;
    let hub = Hub::spawn(HubConf::default());
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(hub.register().await.unwrap());
    }

    for (talker, client) in (0..).zip(&clients) {
        let publisher = client.publisher();
        tokio::spawn(async move {
            for number in 0..EACH {
                publisher.publish(talker * EACH + number).await.unwrap();
            }
        });
    }

    let total = usize::try_from(EACH).unwrap() * clients.len();
    let first = read(&mut clients[0], total).await;
    for client in &mut clients[1..] {
        assert_eq!(read(client, total).await, first);
    }
    for talker in 0..5 {
        let own: Vec<_> = first.iter().filter(|&message| message / EACH == talker).collect();
        assert!(own.is_sorted(), "the order of talker {talker} changed: {own:?}");
    }
}

#[tokio::test]
async fn the_sender_gets_its_own_message() {
    let hub = Hub::spawn(HubConf::default());
    let mut client = hub.register().await.unwrap();

    client.send("hello").await.unwrap();

    assert_eq!(client.recv().await, Ok(Some("hello")));
}

#[tokio::test]
async fn a_client_gets_nothing_from_before_its_registration() {
    let hub = Hub::spawn(HubConf::default());
    hub.broadcast(1).await.unwrap();
    let mut client = hub.register().await.unwrap();
    hub.broadcast(2).await.unwrap();

    assert_eq!(client.recv().await, Ok(Some(2)));
}

#[tokio::test]
async fn a_message_is_shared_by_those_who_receive_it() {
    let hub = Hub::spawn(HubConf::default());
    let mut clients = [hub.register().await.unwrap(), hub.register().await.unwrap()];
    let message: Arc<str> = "hello".into();

    hub.broadcast(message.clone()).await.unwrap();

    for client in &mut clients {
        let received = client.recv().await.unwrap().unwrap();
        assert!(Arc::ptr_eq(&received, &message), "the text was copied");
    }
}

#[tokio::test]
async fn a_batch_has_what_is_new_up_to_the_limit() {
    let hub = Hub::spawn(HubConf::default());
    let mut client = hub.register().await.unwrap();
    for number in 0..5 {
        hub.broadcast(number).await.unwrap();
    }
    hub.close().await;

    let mut batch = Vec::new();
    for expected in [3, 2, 0] {
        let count = std::future::poll_fn(|cx| client.poll_recv_many(cx, &mut batch, 3)).await;
        assert_eq!(count, Ok(expected));
    }
    assert_eq!(batch, [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn recv_that_is_dropped_loses_no_message() {
    let hub = Hub::spawn(HubConf::default());
    let mut client = hub.register().await.unwrap();

    assert_eq!(client.recv().now_or_never(), None);
    hub.broadcast(1).await.unwrap();

    assert_eq!(client.recv().await, Ok(Some(1)));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_client_is_woken_by_a_message() {
    let hub = Hub::spawn(HubConf::default());
    let mut client = hub.register().await.unwrap();
    let waiting = tokio::spawn(async move { client.recv().await });
    tokio::task::yield_now().await;

    hub.broadcast(1).await.unwrap();

    let received = time::timeout(Duration::from_secs(1), waiting).await.expect("the client is woken");
    assert_eq!(received.unwrap(), Ok(Some(1)));
}

#[tokio::test]
async fn broadcast_waits_while_the_queue_is_full() {
    let hub = Hub::spawn(HubConf { queue: ONE, shards: 1, ..HubConf::default() });
    assert_eq!(hub.broadcast(1).now_or_never(), Some(Ok(())));

    // The loop has not run yet, as this test has not waited for anything.
    assert_eq!(hub.broadcast(2).now_or_never(), None);

    assert_eq!(hub.broadcast(3).await, Ok(()));
}

#[tokio::test]
async fn a_broadcast_that_is_dropped_while_it_waits_sends_nothing() {
    let hub = Hub::spawn(HubConf { queue: ONE, shards: 1, ..HubConf::default() });
    let client = hub.register().await.unwrap();

    assert_eq!(hub.broadcast(1).now_or_never(), Some(Ok(())));
    assert_eq!(hub.broadcast(2).now_or_never(), None);
    hub.close().await;

    assert_eq!(client.collect::<Vec<_>>().await, [Ok(1)]);
}

#[tokio::test]
async fn the_sink_waits_while_the_queue_is_full() {
    let hub = Hub::spawn(HubConf { queue: ONE, shards: 1, ..HubConf::default() });
    let client = hub.register().await.unwrap();
    let (mut first, mut second) = (client.publisher(), client.publisher());

    assert_eq!(first.send(1).now_or_never(), Some(Ok(())));
    assert_eq!(second.send(2).now_or_never(), None);
    assert_eq!(second.send(3).await, Ok(()));
}

#[tokio::test]
async fn one_client_that_is_busy_reading_lets_others_run() {
    let hub = Hub::spawn(HubConf::default());
    let mut client = hub.register().await.unwrap();
    for number in 0..1000 {
        hub.broadcast(number).await.unwrap();
    }
    hub.close().await;
    let others = tokio::spawn(async {});

    let mut read = 0;
    while !others.is_finished() {
        assert!(read < 1000, "the reader has starved everyone else");
        client.recv().await.unwrap();
        read += 1;
    }
}
