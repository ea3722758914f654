//! Several hubs in one process, joined by a bus that can be told to fail.
//!
//! For tests of what happens between nodes, and for trying a cluster out without installing anything: everything is in this
//! process and is gone with it. By chance is what a [seed](Bus::new) says, but for the epochs, which no other bus has.
//!
//! ```
//! use hub::backplane::loopback::Bus;
//! use hub::test::TestHub;
//! use hub::{Hub, HubConf};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let bus = Bus::new(1);
//! let [a, b] = ["a", "b"].map(|name| TestHub::<String>::on(Hub::spawn_on(HubConf::default(), bus.node(name))));
//! let mut ann = a.join("ann", "lobby").await;
//! let mut bob = b.join("bob", "lobby").await;
//!
//! ann.publish("lobby", "hello".to_owned()).await;
//! bob.expect("hello").await;
//! ann.expect("hello").await;
//! # drop((ann, bob));
//! # a.finish().await;
//! # b.finish().await;
//! # }
//! ```

mod post;
mod broker;
mod stream;
mod faults;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use self::broker::{Reply, Request};
pub(crate) use self::faults::Chance;
pub use self::faults::{Cut, Faults};
use self::post::{Order, Post, Setting};
use super::engine::{Answer, Beat, Capabilities, Engine, Interest, Subscribed};
use super::{EngineError, Move, Node, NodeId, Parcel, Sink};
use crate::conf::TopicConf;
use crate::mix::mix;
use crate::name::TopicName;
use crate::receipt::Receipt;

/// What joins the hubs. Its clones are the same bus.
///
/// Nodes are told of by name; what is said of a name holds for the node that has it. It all takes effect in the order in which it
/// is said, also with what the nodes do.
#[derive(Clone)]
pub struct Bus {
    orders: mpsc::UnboundedSender<Order>,
    seed: u64,
    can: Capabilities,
    nodes: Arc<AtomicU64>,
}

impl Bus {
    /// Starts a bus on the current runtime. It ends when it and all its nodes have been dropped.
    ///
    /// # Panics
    ///
    /// Panics if called outside of a tokio runtime.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::that_can(Capabilities::all(MAX_BYTES), seed)
    }

    /// One that can do less, as other engines: it neither numbers, nor keeps, nor knows of presence, where these say so.
    ///
    /// # Panics
    ///
    /// Panics if called outside of a tokio runtime.
    #[must_use]
    pub fn that_can(capabilities: Capabilities, seed: u64) -> Self {
        // Unbounded, because nodes do not wait to ask; each may have so many requests under way, and no more.
        let (orders, received) = mpsc::unbounded_channel();
        // Without an owner, as it is the network, which outlives what it joins; its end is that of its last user.
        tokio::spawn(Post::new(seed, capabilities).run(received));
        Self { orders, seed, can: capabilities, nodes: Arc::default() }
    }

    /// An engine for one more hub. The same name again is the node's next life.
    #[must_use]
    pub fn node(&self, name: &str) -> LoopbackNode {
        let number = self.nodes.fetch_add(1, Ordering::Relaxed);
        // The upper bits differ surely, as clients' numbers begin with them.
        let id = NodeId(mix(self.seed) ^ (number << 40));
        self.order(Order::Node(id, name.to_owned()));
        let node = Node { id, name: name.into() };
        LoopbackNode { node, can: self.can, orders: self.orders.clone(), under_way: Arc::default() }
    }

    /// From now on this becomes of deliveries.
    pub fn set_faults(&self, faults: Faults) {
        self.set(Setting::Faults(faults));
    }

    /// From now on a call takes so long.
    pub fn set_slow(&self, time: Duration) {
        self.set(Setting::Slow(time));
    }

    /// Stops the bus: all connections break, and nobody can connect.
    pub fn stop(&self) {
        self.set(Setting::Stop);
    }

    /// Starts it again, with all that it knew.
    pub fn start(&self) {
        self.set(Setting::Start { empty: false });
    }

    /// Starts it again, knowing nothing any more.
    pub fn start_empty(&self) {
        self.set(Setting::Start { empty: true });
    }

    /// Cuts a way to a node, without anybody being told.
    pub fn cut(&self, node: &str, cut: Cut) {
        self.set(Setting::Cut(node.to_owned(), Some(cut)));
    }

    /// Mends it.
    pub fn heal(&self, node: &str) {
        self.set(Setting::Cut(node.to_owned(), None));
    }

    /// Delivers nothing to a node any more while its calls are answered, until it connects anew.
    pub fn wedge(&self, node: &str) {
        self.set(Setting::Wedge(node.to_owned()));
    }

    /// Holds up all that goes to a node and comes from it, as if it stood still.
    pub fn pause(&self, node: &str) {
        self.set(Setting::Pause(node.to_owned(), true));
    }

    /// Lets it go on, with all that was held up.
    pub fn resume(&self, node: &str) {
        self.set(Setting::Pause(node.to_owned(), false));
    }

    /// Cuts a node off for good, as if its process had been killed.
    pub fn kill(&self, node: &str) {
        self.set(Setting::Kill(node.to_owned()));
    }

    fn set(&self, setting: Setting) {
        self.order(Order::Set(setting));
    }

    fn order(&self, order: Order) {
        let _ = self.orders.send(order); // fails if the runtime is ending
    }
}

/// A node's engine.
pub struct LoopbackNode {
    node: Node,
    can: Capabilities,
    orders: mpsc::UnboundedSender<Order>,
    under_way: Arc<AtomicUsize>,
}

impl LoopbackNode {
    fn ask<T>(
        &self,
        request: Request,
        sink: Option<Sink>,
        read: impl FnOnce(Reply) -> Option<T> + Send + 'static,
    ) -> Answer<T> {
        let place = Place::take(&self.under_way);
        let (answer, answered) = oneshot::channel();
        if place.is_some() {
            let _ = self.orders.send(Order::Request(self.node.id, request, sink, answer));
        }
        Box::pin(async move {
            let _place = place.ok_or(EngineError::Overloaded)?;
            let reply = answered.await.unwrap_or(Err(EngineError::Unavailable))?;
            read(reply).ok_or(EngineError::Unavailable)
        })
    }

    fn tell_bus(&self, request: Request) -> Answer<()> {
        self.ask(request, None, |reply| matches!(reply, Reply::Done).then_some(()))
    }
}

impl Engine for LoopbackNode {
    fn node(&self) -> Node {
        self.node.clone()
    }

    fn capabilities(&self) -> Capabilities {
        self.can
    }

    fn connect(&self, sink: Sink) -> Answer<()> {
        let request = Request::Connect(self.node.clone());
        self.ask(request, Some(sink), |reply| matches!(reply, Reply::Done).then_some(()))
    }

    fn subscribe(&self, interests: Vec<Interest>) -> Answer<Vec<Subscribed>> {
        self.ask(Request::Subscribe(interests), None, |reply| match reply {
            Reply::Subscribed(subscribed) => Some(subscribed),
            _ => None,
        })
    }

    fn unsubscribe(&self, topics: Vec<TopicName>) -> Answer<()> {
        self.tell_bus(Request::Unsubscribe(topics))
    }

    fn publish(&self, topic: &TopicName, conf: &TopicConf, parcel: Parcel) -> Answer<Option<Receipt>> {
        if parcel.payload.len() > self.can.max_bytes {
            return Box::pin(async { Err(EngineError::TooLarge) });
        }
        self.ask(Request::Publish(topic.clone(), Box::new(conf.clone()), parcel), None, |reply| match reply {
            Reply::Published(receipt) => Some(receipt),
            _ => None,
        })
    }

    fn presence(&self, topic: &TopicName, moved: Move) -> Answer<()> {
        self.tell_bus(Request::Moved(topic.clone(), moved))
    }

    fn beat(&self) -> Answer<Beat> {
        self.ask(Request::Beat(self.node.clone()), None, |reply| match reply {
            Reply::Beat(beat) => Some(beat),
            _ => None,
        })
    }

    fn bury(&self, node: NodeId) -> Answer<()> {
        self.tell_bus(Request::Bury(node))
    }

    fn tell(&self, to: Option<NodeId>, words: Vec<u8>) -> Answer<()> {
        self.tell_bus(Request::Tell(to, words))
    }

    fn probe(&self, number: u64) -> Answer<()> {
        self.tell_bus(Request::Probe(number))
    }

    fn close(&self) -> Answer<()> {
        let closed = self.tell_bus(Request::Close);
        let _ = self.orders.send(Order::Hang(self.node.id));
        closed
    }
}

/// A node that is dropped hears nothing any more; what it was is for others to find out.
impl Drop for LoopbackNode {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Hang(self.node.id));
    }
}

/// A request's place among those under way.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(under_way: &Arc<AtomicUsize>) -> Option<Self> {
        let place = Self(under_way.clone());
        // The place is given back also if it is not there.
        (under_way.fetch_add(1, Ordering::Relaxed) < MAX_UNDER_WAY).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus").field("seed", &self.seed).finish_non_exhaustive()
    }
}

impl fmt::Debug for LoopbackNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopbackNode").field("node", &self.node).finish_non_exhaustive()
    }
}

/// So large may a message be: what a hub takes by default.
const MAX_BYTES: usize = 1 << 20;

/// So many requests of a node may be under way; one more is refused.
const MAX_UNDER_WAY: usize = 1 << 14;
