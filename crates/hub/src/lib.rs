//! The engine loop behind a chat: clients register, whoever publishes is heard by all, the slow are evicted.
//!
//! It knows nothing of WebSocket or HTTP: a message is anything that is cheap to clone, a client is a [`Stream`] of
//! them and a [`Sink`] for them.
//!
//! ```
//! use futures_util::SinkExt;
//! use hub::{Hub, HubConf};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let hub = Hub::spawn(HubConf::default());
//! let mut anna = hub.register().await?;
//! let mut ben = hub.register().await?;
//!
//! anna.send("hello").await?;
//! assert_eq!(ben.recv().await?, Some("hello"));
//! assert_eq!(anna.recv().await?, Some("hello")); // she hears herself, and knows that she was heard
//! # Ok(())
//! # }
//! ```
//!
//! Rooms with names, in which everybody sees who is there:
//!
//! ```
//! use hub::{Event, Hub, HubConf, Identity, Join, WithPresence};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let hub = Hub::spawn(HubConf::default().with_presence());
//! let mut anna = hub.connect(Identity::named("anna")?).await?;
//! let joined = anna.join("lobby", Join::new()).await?;
//! assert_eq!(joined.presence.unwrap().users[0].user.as_str(), "anna");
//!
//! let mut ben = hub.connect(Identity::named("ben")?).await?;
//! ben.join("lobby", Join::new()).await?;
//! ben.publish("lobby", WithPresence::Message("hello")).await?;
//!
//! while let Some(Event::Message { message, .. }) = anna.next_event().await? {
//!     match message {
//!         WithPresence::Presence(change) => println!("{:?} came", change.joined),
//!         WithPresence::Message(text) => {
//!             assert_eq!(text, "hello");
//!             break;
//!         }
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! `docs/PROMISES.md` lists what a hub promises, up to where, and the test that shows it.
//!
//! # How it works
//!
//! A topic is a log, and each topic is in one of a few loops, which alone writes it. A client is a cursor into the log: no
//! client has a queue of its own, and a message is stored once, however many receive it. The log is bounded by count, bytes
//! and age ([`TopicConf`]); a client whose cursor falls off its tail is the slow client, and is evicted, or loses the oldest
//! messages and is told which. So nobody waits for the slow, and what they may cost is known in advance.
//!
//! A client with an [`Outlet`] that has read everything is *live*: the loop offers it new messages directly. When the outlet
//! cannot take them the client is *behind*: its own task is woken, and reads the log until it has caught up.
//!
//! # What it promises
//!
//! - All clients see the same messages in the same order, whoever sent them; the sender sees its own.
//! - A client gets everything that is published after it registered, and nothing from before: no gaps, no duplicates.
//! - It gets everything *or* is told [`Evicted`]. An evicted client gets no further message.
//! - A publisher waits while the loop is busy, never for a client.
//! - The number of clients ([`Hub::len`], [`Hub::online`]) falls as soon as a client is dropped or evicted.
//!
//! # The parts
//!
//! - [`Hub`] is the handle on the loop: it registers, broadcasts, counts, closes.
//! - [`Client`] reads what is new, one at a time or as a batch; [`Publisher`] is its writing side.
//! - [`Outlet`] takes messages directly from the loop, for a client that keeps up.
//! - [`Message`] says how much memory a message holds; [`WithPresence`] is one that also tells who came and went.
//!
//! [`Sink`]: futures_sink::Sink
//! [`Stream`]: futures_core::Stream

mod hub;
mod weak;
mod start;
mod cluster;
mod identity;
mod name;
mod client;
mod seats;
mod handle;
mod publisher;
mod join;
mod event;
mod message;
mod with_presence;
mod post;
mod receipt;
mod shard;
mod command;
mod state;
mod topic;
mod pass;
mod member;
mod inbox;
mod outlet;
mod sync;
mod log;
mod window;
mod presence;
mod announcer;
mod keys;
mod mix;
mod users;
mod stats;
mod everyone;
mod drain;
mod error;
mod conf;
pub mod backplane;
pub mod protocol;
pub mod test;
#[cfg(all(test, feature = "_loom"))]
mod interleavings;

pub use client::Client;
pub use conf::{BackplaneConf, Excess, HistoryConf, HubConf, Outage, Policy, PresenceConf, TopicConf};
pub use drain::Drain;
pub use error::{Cause, Closed, Error, Evicted};
pub use event::{Event, Reason};
pub use handle::{Handle, Seat};
pub use hub::Hub;
pub use identity::{ClientId, Identity};
pub use join::{Join, Joined};
pub use message::Message;
pub use name::{NameError, Tag, TopicName, UserId};
pub use outlet::Outlet;
pub use post::Post;
pub use presence::{PresenceChange, Present, Snapshot};
pub use publisher::Publisher;
pub use receipt::{Epoch, Position, Receipt};
pub use stats::{
    BackplaneStats, Dropped, Endings, Evictions, Histogram, Leaves, LoopStats, Recoveries, Stats,
};
pub use users::Whom;
pub use weak::WeakHub;
pub use with_presence::WithPresence;
