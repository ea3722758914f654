//! What a hub costs, without sockets, on one core: publishing, telling live members, coming and going, a storm of joins.
//!
//! `cargo bench -p zeroxide-hub --bench fanout`

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::try_join_all;
use hub::{
    Client, HistoryConf, Hub, HubConf, Identity, Join, Message, Outlet, Policy, PresenceChange, PresenceConf,
    TopicConf, TopicName, UserId,
};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{coop, yield_now};

/// What is said, or that presence has changed.
#[derive(Clone, Copy)]
enum Said {
    Hello,
    Presence,
}

impl Message for Said {
    fn weight(&self) -> usize {
        size_of::<Self>()
    }

    fn presence(_topic: &TopicName, _change: &PresenceChange) -> Option<Self> {
        Some(Self::Presence)
    }
}

/// Takes everything, and counts it.
#[derive(Clone, Default)]
struct Count(Arc<Counts>);

#[derive(Default)]
struct Counts {
    messages: AtomicU64,
    notices: AtomicU64,
}

impl Count {
    /// All is done on one thread.
    fn add(&self, messages: usize, notices: usize) {
        for (counter, more) in [(&self.0.messages, messages), (&self.0.notices, notices)] {
            counter.store(counter.load(Ordering::Relaxed) + more as u64, Ordering::Relaxed);
        }
    }
}

impl Outlet<Said> for Count {
    fn offer(&self, _first: u64, messages: &[Said]) -> usize {
        let notices = messages.iter().filter(|said| matches!(said, Said::Presence)).count();
        self.add(messages.len(), notices);
        messages.len()
    }
}

/// Until the receipt is there: with logs of another length, and with members who are behind and read nothing.
fn publish(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("publish");
    group.throughput(Throughput::Elements(1));
    for (log, members) in [(1_000, 0), (100_000, 0), (1_000, 1_000), (1_000, 10_000)] {
        let (runtime, topic) = (runtime(), lobby());
        let history = HistoryConf { max_messages: log, max_bytes: 1 << 30, ..HistoryConf::default() };
        let hub = hub(&runtime, TopicConf { history, policy: Policy::DropOldest, ..TopicConf::default() });
        let _waiting = runtime.block_on(members_of(&hub, members, |_| None));
        runtime.block_on(hellos(&hub, &topic, log as u64 + 1));
        group.bench_function(
            BenchmarkId::new(format!("log of {log}"), format!("{members} behind")),
            |bencher| {
                bencher.iter_custom(|count| runtime.block_on(hellos(&hub, &topic, count)));
            },
        );
    }
}

/// One message, or several at a time, to 10,000 who are live.
fn pass(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pass");
    let (runtime, topic, count) = (runtime(), lobby(), Count::default());
    let hub = hub(&runtime, TopicConf::default());
    let _live = runtime.block_on(members_of(&hub, MEMBERS, |_| Some(count.clone())));
    for messages in [1, 16] {
        group.throughput(Throughput::Elements(MEMBERS as u64 * messages));
        group.bench_function(BenchmarkId::new("live", messages), |bencher| {
            bencher.iter_custom(|times| {
                runtime.block_on(coop::unconstrained(async {
                    let begin = Instant::now();
                    for _ in 0..times {
                        let end = count.0.messages.load(Ordering::Relaxed) + MEMBERS as u64 * messages;
                        for _ in 0..messages {
                            hub.try_publish(&topic, Said::Hello).expect("there is room");
                        }
                        while count.0.messages.load(Ordering::Relaxed) < end {
                            yield_now().await;
                        }
                    }
                    begin.elapsed()
                }))
            });
        });
    }
}

/// 256 clients at a time join and leave a topic that others are in. Each join and each leave counts as one.
fn come_and_go(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("join and leave");
    group.throughput(Throughput::Elements(2));
    for members in [1, MEMBERS] {
        let (runtime, topic) = (runtime(), lobby());
        let hub = hub(&runtime, TopicConf::default());
        let _others = runtime.block_on(members_of(&hub, members, |_| None));
        let mut clients = runtime.block_on(async {
            try_join_all((0..256).map(|_| hub.connect(Identity::default()))).await.expect("the hub is open")
        });
        group.bench_function(BenchmarkId::new("others", members), |bencher| {
            bencher.iter_custom(|count| {
                runtime.block_on(coop::unconstrained(async {
                    let (begin, rounds) = (Instant::now(), count.div_ceil(256));
                    for _ in 0..rounds {
                        let joins = clients.iter_mut().map(|client| client.join(&topic, Join::new()));
                        try_join_all(joins).await.expect("they may");
                        for client in &mut clients {
                            client.leave(&topic).expect("it is there");
                        }
                        read(&mut clients);
                    }
                    let took = begin.elapsed();
                    took.mul_f64(count as f64 / (rounds * 256) as f64)
                }))
            });
        });
    }
}

/// 10,000 users join one topic at once, with presence. Prints how many notices there were for each.
fn storm(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("storm");
    group.sample_size(10);
    let mut most = 0;
    group.bench_function(BenchmarkId::new("presence", MEMBERS), |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| one_storm(&mut most)).sum());
    });
    println!("storm: at most {most} notices of presence for a member");
}

/// How long it takes until all have joined and each has been told of the last.
fn one_storm(most: &mut u64) -> Duration {
    let runtime = runtime();
    let presence = PresenceConf { enabled: true, ..PresenceConf::default() };
    let hub = hub(&runtime, TopicConf { presence, ..TopicConf::default() });
    let counts: Vec<_> = (0..MEMBERS).map(|_| Count::default()).collect();
    let begin = Instant::now();
    let members = runtime.block_on(coop::unconstrained(async {
        let members = members_of(&hub, MEMBERS, |member| Some(counts[member].clone())).await;
        while hub.presence(lobby()).await.expect("it is open").is_none_or(|now| now.users.len() < MEMBERS) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        members
    }));
    let took = begin.elapsed();
    *most = counts.iter().map(|count| count.0.notices.load(Ordering::Relaxed)).fold(*most, u64::max);
    drop(members);
    took
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime")
}

fn hub(runtime: &Runtime, topic: TopicConf) -> Hub<Said> {
    let _entered = runtime.enter();
    Hub::spawn(HubConf { topic, shards: 1, ..HubConf::default() })
}

fn lobby() -> TopicName {
    TopicName::new("lobby").expect("a name")
}

/// So many users in the lobby; those who get an outlet are live.
async fn members_of(
    hub: &Hub<Said>,
    count: usize,
    outlet: impl Fn(usize) -> Option<Count>,
) -> Vec<Client<Said>> {
    let topic = lobby();
    let join = async |member: usize| {
        let user = UserId::new(&format!("user-{member}"))?;
        let mut client = hub.connect(Identity::user(user)).await?;
        client.join(&topic, Join::new()).await?;
        if let Some(outlet) = outlet(member) {
            client.attach(Arc::new(outlet.clone()));
            // Nothing but notices is published meanwhile.
            outlet.add(0, read(std::slice::from_mut(&mut client)));
        }
        Ok::<_, hub::Error>(client)
    };
    // Otherwise some would be told to wait before they have read all, and not be live.
    coop::unconstrained(try_join_all((0..count).map(join))).await.expect("they may")
}

/// Reads all there is, as a pump would, and returns how much that was.
fn read(clients: &mut [Client<Said>]) -> usize {
    let (cx, mut events, mut total) = (&mut Context::from_waker(Waker::noop()), Vec::with_capacity(64), 0);
    for client in clients {
        while let Poll::Ready(count) = client.poll_events(cx, &mut events, 64) {
            total += count.expect("it keeps up");
            events.clear();
        }
    }
    total
}

/// Publishes so many, one after another, and returns how long that took.
async fn hellos(hub: &Hub<Said>, topic: &TopicName, count: u64) -> Duration {
    let begin = Instant::now();
    for _ in 0..count {
        hub.publish(topic, Said::Hello).await.expect("it may");
    }
    begin.elapsed()
}

const MEMBERS: usize = 10_000;

criterion_group!(benches, publish, pass, come_and_go, storm);
criterion_main!(benches);
