//! Several hubs as one, and the contract of what joins them.
//!
//! [`Hub::spawn_on`](crate::Hub::spawn_on) starts a hub on an [`Engine`]. Its topics are then the cluster's: whoever publishes on
//! one node is heard on all, in the same order; who is present on one is seen on all; a client resumes on another node by
//! the position that it had. Messages travel as bytes, so they are [`Carried`]. [`loopback`] joins hubs in one process.
//!
//! # What is promised
//!
//! By an engine that can do everything, as [`loopback`] can:
//!
//! 1. All nodes see the messages of a topic in one order, with the same numbers.
//! 2. A member gets a message once at most. No number is passed on twice.
//! 3. What is lost on the way is found by its number and fetched, if the engine has kept it
//!    ([`HistoryConf`](crate::HistoryConf)). Members are told of the rest: [`Event::Gap`](crate::Event::Gap).
//! 4. Once the engine can be reached again, no member misses something without knowing for longer than
//!    [`BackplaneConf::probe`](crate::BackplaneConf::probe), however long it was away.
//! 5. The users of a node that died are gone from the others' lists after [`BackplaneConf::dead`](crate::BackplaneConf::dead) and
//!    one more sign of life: 6 s by default.
//! 6. While the engine is away a topic's [`Outage`](crate::Outage) says what happens, and [`Hub::status`](crate::Hub::status) that
//!    it is so.
//!
//! # Writing an engine
//!
//! Implement [`Engine`]. What it has to do is a broker's part: number the messages of a topic, keep some, deliver them; know who is
//! present and who lives. Connecting again, deadlines, order, duplicates, repairs and probes are the hub's part, for all engines
//! alike.
//!
//! What it cannot do it [says](Capabilities), and the promises are fewer: without history what is lost is announced and never
//! fetched; without presence nobody is told of anybody; [without numbers](Capabilities::sequences)
//!
//! - a node's members hear what each node said in its order, in one order for all of that node; another node may have another. What
//!   is said on a node is heard there first. Numbers and epochs are the node's own, and recovery works on that node alone;
//! - what is lost on the way is announced, and not fetched: as a gap of just so many messages, with the next one that the same node
//!   says in that topic, not sooner;
//! - after each connection that had to be made anew, and where a loop did not keep up, members are told
//!   [`Event::Reset`](crate::Event::Reset), as something may be lost, and nobody knows how much.
//!
//! - Never block: each call returns a future at once, and has taken its place in line by then.
//! - Deliver from a task of the engine's own; [`Sink`] does not wait, whatever state the hub is in. Drop the sink in
//!   [`Engine::close`], as it holds the hub's end of the engine.
//! - Answer [`Engine::subscribe`] with one moment of the topic: what has a higher number than the position that is answered is
//!   delivered, what has not is among the items, if it is kept.
//! - Say [`Sink::lost`] when a connection breaks. If an engine does not notice, the hub will: by a call that is not answered in time, or
//!   by a [probe](Engine::probe) that does not come back.
//! - What a node has said of itself (its topics, who is present) may be forgotten when its connection breaks: it is all said
//!   again. It must be forgotten when the node is [buried](Engine::bury), and some time after its last sign of life.

mod engine;
pub mod loopback;
pub mod conformance;
mod parcel;
mod carried;
pub(crate) mod node;
mod sink;
mod status;
mod error;
pub(crate) mod uplink;
pub(crate) mod keeper;
pub(crate) mod intake;
pub(crate) mod outbox;
pub(crate) mod numbers;
mod questions;
pub(crate) mod words;
pub(crate) mod wish;
pub(crate) mod lanes;
mod codec;
pub(crate) mod arrival;
pub(crate) mod early;
pub(crate) mod view;

pub use self::carried::Carried;
pub(crate) use self::codec::Codec;
pub use self::engine::{Answer, Beat, Capabilities, Engine, Interest, Peer, Subscribed};
pub use self::error::EngineError;
pub use self::node::{Health, Node, NodeId};
pub use self::parcel::{Attendee, Delivery, Item, Move, Origin, Parcel, What};
pub use self::questions::Survey;
pub use self::sink::Sink;
pub use self::status::{Status, Trouble};
pub use self::words::Counts;
pub use crate::post::Audience;
