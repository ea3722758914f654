//! What a message costs in allocations: those can be counted, on any machine.

use std::alloc::System;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use hub::{Client, Hub, HubConf, Identity, Join, Outlet, TopicName};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::task;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const MESSAGES: usize = 320;

/// Takes everything, and counts it.
struct Counting(Arc<AtomicUsize>);

impl Outlet<u64> for Counting {
    fn offer(&self, _first: u64, messages: &[u64]) -> usize {
        self.0.fetch_add(messages.len(), Ordering::Relaxed);
        messages.len()
    }
}

/// Clients of one topic, live if they have an outlet, with nothing left to read.
async fn clients(
    hub: &Hub<u64>,
    topic: &TopicName,
    count: usize,
    taken: Option<&Arc<AtomicUsize>>,
) -> Vec<Client<u64>> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = hub.connect(Identity::default()).await.expect("the hub is open");
        client.join(topic, Join::new()).await.expect("it may");
        if let Some(taken) = taken {
            client.attach(Arc::new(Counting(taken.clone())));
        }
        clients.push(client);
    }
    read(&mut clients, &mut Vec::with_capacity(64));
    clients
}

/// Reads all there is, as a pump would, and returns how much that was.
fn read(clients: &mut [Client<u64>], buffer: &mut Vec<u64>) -> usize {
    let (cx, mut total) = (&mut Context::from_waker(Waker::noop()), 0);
    for client in clients {
        while let Poll::Ready(count) = client.poll_recv_many(cx, buffer, 64) {
            total += count.expect("it keeps up");
            buffer.clear();
        }
    }
    total
}

fn allocations() -> usize {
    ALLOCATOR.stats().allocations + ALLOCATOR.stats().reallocations
}

/// How often so many messages for so many members allocate, once everything is there that stays.
fn of_a_topic(members: usize, is_live: bool) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(task::coop::unconstrained(async {
        let hub = Hub::spawn(HubConf { shards: 1, ..HubConf::default() });
        let topic = TopicName::new("lobby").expect("a name");
        let taken = Arc::default();
        let mut clients = clients(&hub, &topic, members, is_live.then_some(&taken)).await;
        let mut buffer = Vec::with_capacity(64);
        let mut counted = 0;
        // The first round finds the room that is kept from then on.
        for _ in 0..3 {
            let (before, mut delivered) = (allocations(), taken.load(Ordering::Relaxed));
            for number in 0..MESSAGES {
                hub.try_publish(&topic, number as u64).expect("there is room");
                let expected = if is_live { delivered + members } else { members };
                // The loop runs when this task waits.
                while taken.load(Ordering::Relaxed) < expected && is_live {
                    task::yield_now().await;
                }
                if !is_live {
                    let mut count = 0;
                    while count < members {
                        task::yield_now().await;
                        count += read(&mut clients, &mut buffer);
                    }
                }
                delivered = taken.load(Ordering::Relaxed);
            }
            counted = allocations() - before;
        }
        counted
    }))
}

#[test]
fn a_message_allocates_once_at_most_and_nothing_for_each_who_receives_it() {
    for is_live in [true, false] {
        let [few, many] = [2, 500].map(|members| of_a_topic(members, is_live));
        println!("{MESSAGES} messages, live {is_live}: {few} allocations for 2 members, {many} for 500");
        assert!(many <= few, "{few} allocations for 2 members, {many} for 500");
        assert!(few <= MESSAGES, "{few} allocations for {MESSAGES} messages");
    }
}
