//! A hub for tests: members who say what they have heard, who stall, and whose plug can be pulled.
//!
//! For runtimes with a paused clock, where waiting takes no time and ends when there is nothing else to do: so these tests
//! are exact, and quick. In a runtime whose clock goes on they work, but wait in earnest. Time passes by `tokio::time::sleep`.
//!
//! ```
//! use hub::HubConf;
//! use hub::test::TestHub;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! // In a test: #[tokio::test(start_paused = true)]
//! let hub = TestHub::spawn(HubConf::default());
//! let mut ann = hub.join("ann", "lobby").await;
//! let mut bob = hub.join("bob", "lobby").await;
//!
//! ann.publish("lobby", "hello").await;
//! bob.expect("hello").await;
//! ann.expect("hello").await; // she hears herself
//!
//! bob.stall();
//! ann.publish("lobby", "are you there?").await;
//! bob.expect_nothing().await;
//! bob.resume();
//! bob.expect("are you there?").await;
//!
//! drop((ann, bob));
//! hub.finish().await; // nothing and nobody is left
//! # }
//! ```

mod member;

use std::fmt;
use std::time::Duration;

use tokio::time;

pub use self::member::Member;
use crate::conf::HubConf;
use crate::hub::Hub;
use crate::identity::Identity;
use crate::message::Message;
use crate::name::UserId;

/// A hub, and the members that a test plays.
pub struct TestHub<M> {
    hub: Hub<M>,
}

impl<M: Message + fmt::Debug> TestHub<M> {
    /// Starts a hub on the current runtime.
    #[must_use]
    pub fn spawn(conf: HubConf) -> Self {
        Self::on(Hub::spawn(conf))
    }

    /// Plays with this hub, which may be one of several.
    #[must_use]
    pub fn on(hub: Hub<M>) -> Self {
        Self { hub }
    }

    /// The hub itself.
    #[must_use]
    pub fn hub(&self) -> &Hub<M> {
        &self.hub
    }

    /// A client of this user, in no topic. It reads by itself whatever comes.
    ///
    /// # Panics
    ///
    /// If the hub refuses it.
    pub async fn connect(&self, user: &str) -> Member<M> {
        self.connect_as(Identity::user(UserId::new(user).expect("a user's name"))).await
    }

    /// The same, for an identity of your own.
    ///
    /// # Panics
    ///
    /// If the hub refuses it.
    pub async fn connect_as(&self, identity: Identity) -> Member<M> {
        Member::connect(self.hub.clone(), identity).await
    }

    /// A client of this user, in this topic.
    ///
    /// # Panics
    ///
    /// If the hub refuses it.
    pub async fn join(&self, user: &str, topic: &str) -> Member<M> {
        let mut member = self.connect(user).await;
        member.join(topic, crate::Join::new()).await;
        member
    }

    /// Returns when everything that was asked for has been done, and heard by all who read.
    pub async fn settle(&self) {
        settle().await;
    }

    /// Ends the test: when the members are gone, and as much time has passed as anything is kept for, nothing may be left.
    ///
    /// # Panics
    ///
    /// If something is left.
    pub async fn finish(self) {
        // Where the engine keeps what is kept nothing is kept here, and there are signs of life all the time.
        let is_kept_elsewhere = self.hub.shared.uplink.as_ref().is_some_and(|uplink| uplink.sequences());
        let kept_for = if is_kept_elsewhere { Duration::ZERO } else { self.hub.shared.conf.kept_for() };
        time::sleep(kept_for + A_MINUTE).await;
        let stats = self.hub.stats();
        let left = [stats.clients, stats.users, stats.members, stats.topics, stats.held_bytes];
        assert_eq!(left, [0; 5], "clients, users, members, topics, and bytes of messages that are left");
        assert_eq!((stats.queued(), stats.drain_remaining), (0, 0), "commands, and clients to drain");
        self.hub.close().await;
    }
}

impl<M> fmt::Debug for TestHub<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestHub").field("hub", &self.hub).finish()
    }
}

/// With a paused clock, a moment that passes when nobody has anything else to do.
async fn settle() {
    time::sleep(Duration::from_millis(1)).await;
}

/// Longer than it takes until a hub is rid of those who are gone.
const A_MINUTE: Duration = Duration::from_secs(60);
