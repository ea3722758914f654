//! The ways between the nodes and the bus: what takes time, what gets lost, what is held up.

use std::cmp::Ordering;
use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, BinaryHeap};
use std::hash::BuildHasher;
use std::mem;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::broker::{Broker, Down, Reply, Request};
use super::faults::{Chance, Cut, Faults};
use crate::backplane::{Capabilities, EngineError, NodeId, Sink};

pub(super) type Answering = oneshot::Sender<Result<Reply, EngineError>>;

/// What is sent to the task that is the bus.
pub(super) enum Order {
    /// A node is there, of this name.
    Node(NodeId, String),
    Request(NodeId, Request, Option<Sink>, Answering),
    /// A node is closed, and hears nothing any more.
    Hang(NodeId),
    /// Something goes wrong, or well again.
    Set(Setting),
}

pub(super) enum Setting {
    Faults(Faults),
    Slow(Duration),
    Stop,
    Start { empty: bool },
    Cut(String, Option<Cut>),
    Wedge(String),
    Pause(String, bool),
    Kill(String),
}

/// Carries what nodes ask for to the broker, and back what they get.
pub(super) struct Post {
    broker: Broker,
    chance: Chance,
    lines: BTreeMap<NodeId, Line>,
    letters: BinaryHeap<Letter>,
    sent: u64,
    faults: Faults,
    slow: Duration,
    is_stopped: bool,
    /// Who waits for answers that never come; until it gives up.
    void: Vec<Answering>,
}

struct Line {
    name: String,
    sink: Option<Sink>,
    /// Counts connections, as what is on its way to a former one gets lost.
    session: u64,
    cut: Option<Cut>,
    is_dead: bool,
    is_wedged: bool,
    is_paused: bool,
    held: Vec<Mail>,
    /// Nothing arrives before what was sent before it, unless it is meant to.
    arrives: Instant,
}

struct Letter {
    at: Instant,
    number: u64,
    node: NodeId,
    mail: Mail,
}

enum Mail {
    Request(Request, Option<Sink>, Answering),
    Answer(Result<Reply, EngineError>, Answering),
    Down(u64, Down),
}

impl Post {
    pub(super) fn new(seed: u64, can: Capabilities) -> Self {
        Self {
            // By no seed: a client may come with a position of a former life of this process.
            broker: Broker::new(RandomState::new().hash_one(seed), can),
            chance: Chance::new(seed),
            lines: BTreeMap::new(),
            letters: BinaryHeap::new(),
            sent: 0,
            faults: Faults::default(),
            slow: Duration::ZERO,
            is_stopped: false,
            void: Vec::new(),
        }
    }

    /// Ends when the bus and all its nodes have been dropped.
    pub(super) async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        loop {
            let letter = self.letters.peek().map(|letter| letter.at);
            let due = self.broker.deadline().filter(|_| !self.is_stopped);
            let due = [letter, due].into_iter().flatten().min();
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    Some(order) => self.obey(order, Instant::now()),
                    None => return,
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
            let now = Instant::now();
            while self.letters.peek().is_some_and(|letter| letter.at <= now) {
                let Some(letter) = self.letters.pop() else { break };
                self.arrive(letter.node, letter.mail, now);
            }
            if !self.is_stopped {
                self.broker.tick(now);
            }
            self.send_out(now);
        }
    }

    fn obey(&mut self, order: Order, now: Instant) {
        match order {
            Order::Node(id, name) => {
                let line = Line {
                    name,
                    sink: None,
                    session: 0,
                    cut: None,
                    is_dead: false,
                    is_wedged: false,
                    is_paused: false,
                    held: Vec::new(),
                    arrives: now,
                };
                self.lines.insert(id, line);
            }
            Order::Request(from, request, sink, answer) => {
                self.send(from, Mail::Request(request, sink, answer), now + self.slow);
            }
            Order::Hang(id) => {
                if let Some(line) = self.lines.get_mut(&id) {
                    line.sink = None;
                }
            }
            Order::Set(setting) => self.set(setting, now),
        }
    }

    fn set(&mut self, setting: Setting, now: Instant) {
        match setting {
            Setting::Faults(faults) => self.faults = faults,
            Setting::Slow(slow) => self.slow = slow,
            Setting::Stop => {
                self.is_stopped = true;
                for line in self.lines.values_mut() {
                    if let Some(sink) = line.sink.take() {
                        sink.lost();
                    }
                }
            }
            Setting::Start { empty } => {
                self.is_stopped = false;
                if empty {
                    self.broker.forget();
                } else {
                    self.broker.wake(now);
                }
            }
            Setting::Cut(name, cut) => self.line(&name, |line| line.cut = cut),
            Setting::Wedge(name) => self.line(&name, |line| line.is_wedged = true),
            Setting::Kill(name) => self.line(&name, |line| line.is_dead = true),
            Setting::Pause(name, is_paused) => {
                let mut held = Vec::new();
                for (id, line) in self.lines.iter_mut().filter(|(_, line)| line.name == name) {
                    line.is_paused = is_paused;
                    held.extend(mem::take(&mut line.held).into_iter().map(|mail| (*id, mail)));
                }
                for (node, mail) in held {
                    self.send(node, mail, now);
                }
            }
        }
    }

    /// The nodes of this name; of a former life too, which does no harm.
    fn line(&mut self, name: &str, change: impl Fn(&mut Line)) {
        self.lines.values_mut().filter(|line| line.name == name).for_each(change);
    }

    fn send(&mut self, node: NodeId, mail: Mail, at: Instant) {
        self.sent += 1;
        self.letters.push(Letter { at, number: self.sent, node, mail });
    }

    fn send_out(&mut self, now: Instant) {
        for (node, down) in self.broker.take_out() {
            let Some(line) = self.lines.get_mut(&node) else { continue };
            let (session, faults) = (line.session, self.faults);
            let at = (now + self.chance.up_to(faults.delay)).max(line.arrives);
            let is_delivery = matches!(down, Down::Delivery(_));
            if is_delivery && self.chance.hits(faults.lose) {
                continue;
            }
            if is_delivery && self.chance.hits(faults.duplicate) {
                let late = at + self.chance_of_overtaking();
                self.send(node, Mail::Down(session, down.clone()), late);
            }
            if is_delivery && self.chance.hits(faults.reorder) {
                let late = at + self.chance_of_overtaking();
                self.send(node, Mail::Down(session, down), late);
                continue;
            }
            if let Some(line) = self.lines.get_mut(&node) {
                line.arrives = at;
            }
            self.send(node, Mail::Down(session, down), at);
        }
    }

    fn chance_of_overtaking(&mut self) -> Duration {
        self.chance.up_to(OVERTAKEN)
    }

    fn arrive(&mut self, node: NodeId, mail: Mail, now: Instant) {
        let Some(line) = self.lines.get_mut(&node) else { return };
        if line.is_paused {
            return line.held.push(mail);
        }
        let (to_bus, from_bus) = match line.cut {
            _ if line.is_dead => (true, true),
            None => (false, false),
            Some(cut) => (cut != Cut::FromBus, cut != Cut::ToBus),
        };
        match mail {
            Mail::Request(_, _, answer) if to_bus => self.lose(answer),
            Mail::Request(request, sink, answer) => {
                let answered = self.serve(node, request, sink, now);
                self.send(node, Mail::Answer(answered, answer), now);
            }
            Mail::Answer(_, answer) if from_bus => self.lose(answer),
            Mail::Answer(answered, answer) => {
                let _ = answer.send(answered); // who does not wait for it need not have it
            }
            Mail::Down(session, down) => {
                let is_lost = from_bus || line.is_wedged || session != line.session || self.is_stopped;
                if let Some(sink) = line.sink.as_ref().filter(|_| !is_lost) {
                    match down {
                        Down::Delivery(delivery) => sink.deliver(delivery),
                        Down::Words(words) => sink.words(words),
                        Down::Echo(number) => sink.echo(number),
                    }
                }
            }
        }
    }

    fn serve(
        &mut self,
        node: NodeId,
        request: Request,
        sink: Option<Sink>,
        now: Instant,
    ) -> Result<Reply, EngineError> {
        let line = self.lines.get_mut(&node).ok_or(EngineError::Unavailable)?;
        if self.is_stopped {
            return Err(EngineError::Unavailable);
        }
        if sink.is_some() {
            // A new connection, which is not wedged.
            (line.sink, line.session, line.is_wedged) = (sink, line.session + 1, false);
        }
        if line.sink.is_none() && !matches!(request, Request::Close) {
            return Err(EngineError::Unavailable);
        }
        let reply = self.broker.handle(node, request, now);
        // Before the answer, so that what was published is delivered when its publisher knows of it.
        self.send_out(now);
        Ok(reply)
    }

    /// An answer that never comes.
    fn lose(&mut self, answer: Answering) {
        self.void.retain(|waiting| !waiting.is_closed());
        self.void.push(answer);
    }
}

impl Ord for Letter {
    /// The next one is the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl PartialOrd for Letter {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for Letter {}

impl PartialEq for Letter {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

/// One that is overtaken comes so much later at most.
const OVERTAKEN: Duration = Duration::from_millis(100);
