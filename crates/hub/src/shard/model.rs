//! The state machine against a naive model of it, with random commands.

use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::{Command, Shard};
use crate::HubConf;
use crate::log::Entry;
use crate::member::Membership;

/// The state machine without its loop, and what the handles would hold.
struct Real {
    shard: Shard<u32>,
    online: watch::Receiver<usize>,
    clients: Vec<Option<Membership<u32>>>,
}

/// The same, naively: everything that was ever published, and who has read how far.
struct Model {
    max_messages: usize,
    max_bytes: usize,
    weights: Vec<usize>,
    /// How much of it is in the log; the rest waits for the next pass.
    appended: usize,
    clients: Vec<Option<Reader>>,
}

struct Reader {
    cursor: usize,
    online: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Register,
    Leave(prop::sample::Index),
    Publish(usize),
    Pass,
    Read(prop::sample::Index, usize),
}

impl Real {
    fn new(max_messages: usize, max_bytes: usize) -> Self {
        let conf = HubConf {
            max_messages: max_messages.try_into().expect("not zero"),
            max_bytes: max_bytes.try_into().expect("not zero"),
            ..HubConf::default()
        };
        let (count, online) = watch::channel(0);
        let shard = Shard::new(&conf, mpsc::channel(1).1, count, CancellationToken::new());
        Self { shard, online, clients: Vec::new() }
    }

    fn register(&mut self) {
        let (reply, mut membership) = oneshot::channel();
        self.shard.handle(Command::Register(reply));
        self.clients.push(Some(membership.try_recv().expect("an answer at once")));
    }

    fn leave(&mut self, client: usize) {
        self.clients[client] = None;
        let member = self.shard.leaves.try_recv().expect("a leave at once");
        self.shard.topic.leave(&member);
        self.shard.count();
    }

    fn pass(&mut self) {
        self.shard.topic.begin_pass();
        while self.shard.topic.advance(2) {}
        self.shard.count();
    }

    /// What the client reads, or how far it lagged when it was evicted; `None` if it would wait.
    fn read(&self, client: usize, limit: usize) -> Option<Result<Vec<u32>, u64>> {
        let client = self.clients[client].as_ref()?;
        let mut messages = Vec::new();
        let mut cx = Context::from_waker(Waker::noop());
        match client.poll_read(&mut cx, limit, |message| messages.push(message)) {
            Poll::Ready(Ok(count)) => {
                assert_eq!(count, messages.len());
                Some(Ok(messages))
            }
            Poll::Ready(Err(evicted)) => {
                assert!(client.poll_evicted(&mut cx).is_ready());
                Some(Err(evicted.lag()))
            }
            Poll::Pending => None,
        }
    }
}

impl Model {
    /// The first offset from which on everything fits, or the newest.
    fn tail(&self) -> usize {
        let log = &self.weights[..self.appended];
        let fits = |&tail: &usize| {
            log.len() - tail <= self.max_messages && log[tail..].iter().sum::<usize>() <= self.max_bytes
        };
        (0..log.len()).find(fits).unwrap_or(log.len().saturating_sub(1))
    }

    fn pass(&mut self) {
        self.appended = self.weights.len();
        let tail = self.tail();
        for client in self.clients.iter_mut().flatten() {
            client.online &= client.cursor >= tail;
        }
    }

    fn online(&self) -> usize {
        self.clients.iter().flatten().filter(|client| client.online).count()
    }

    fn read(&mut self, client: usize, limit: usize, closed: bool) -> Option<Result<Vec<u32>, u64>> {
        let (tail, head) = (self.tail(), self.appended);
        let client = self.clients[client].as_mut()?;
        if client.cursor < tail {
            return Some(Err((head - client.cursor) as u64));
        }
        let end = head.min(client.cursor + limit).max(client.cursor);
        if end == client.cursor && !closed {
            return None;
        }
        let messages = client.cursor..end;
        client.cursor = end;
        Some(Ok(messages.map(|message| u32::try_from(message).expect("a short run")).collect()))
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Register),
        1 => any::<prop::sample::Index>().prop_map(Step::Leave),
        6 => (0_usize..40).prop_map(Step::Publish),
        3 => Just(Step::Pass),
        6 => (any::<prop::sample::Index>(), 1_usize..6).prop_map(|(client, limit)| Step::Read(client, limit)),
    ]
}

proptest! {
    #[test]
    fn the_state_machine_does_what_its_model_does(
        max_messages in 1_usize..8,
        max_bytes in 1_usize..100,
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let mut real = Real::new(max_messages, max_bytes);
        let mut model = Model { max_messages, max_bytes, weights: vec![], appended: 0, clients: vec![] };

        for step in steps {
            let clients = model.clients.len();
            match step {
                Step::Register => {
                    real.register();
                    model.clients.push(Some(Reader { cursor: model.weights.len(), online: true }));
                }
                Step::Leave(client) if clients > 0 => {
                    let client = client.index(clients);
                    if model.clients[client].take().is_some() {
                        real.leave(client);
                    }
                }
                Step::Publish(weight) => {
                    let message = u32::try_from(model.weights.len()).expect("a short run");
                    real.shard.handle(Command::Publish(Entry { message, weight }));
                    model.weights.push(weight);
                }
                Step::Pass => {
                    real.pass();
                    model.pass();
                }
                Step::Read(client, limit) if clients > 0 => {
                    let client = client.index(clients);
                    prop_assert_eq!(real.read(client, limit), model.read(client, limit, false));
                }
                Step::Leave(_) | Step::Read(..) => {}
            }
            prop_assert_eq!(*real.online.borrow(), model.online());
        }

        real.pass();
        model.pass();
        real.shard.close();
        prop_assert_eq!(*real.online.borrow(), 0);
        for client in 0..model.clients.len() {
            for _ in 0..3 {
                prop_assert_eq!(real.read(client, 5), model.read(client, 5, true));
            }
        }
    }
}
