//! What holds for a topic.

use std::num::NonZeroUsize;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Outage, duration, nonzero};

/// The limits of a topic: how far a member may be behind, what happens then, and what is kept for those who come.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TopicConf {
    /// How many messages a member may be behind; 1024 by default. See `Policy` for one that is further behind.
    pub max_messages: NonZeroUsize,
    /// How many bytes a member may be behind, by [`Message::weight`](crate::Message::weight); 4 MiB by default. The newest
    /// message may be heavier than this.
    pub max_bytes: NonZeroUsize,
    /// How old the oldest message may be that a member has not read; 0, the default, is any age.
    #[serde(with = "duration")]
    pub max_age: Duration,
    /// What becomes of a member that is further behind; `Evict` by default.
    pub policy: Policy,
    /// How long publishing waits for members who are about to fall too far behind, before the policy has its way; 0, the
    /// default, to 5 ms. A longer time counts as 5 ms. In a cluster whose engine numbers messages publishers do not wait: what
    /// was said waits for the slow members of each node, as long as this.
    #[serde(with = "duration")]
    pub stall: Duration,
    /// What is kept for members to come; nothing by default.
    pub history: HistoryConf,
    /// How many keys of messages are remembered, so that a retry publishes nothing twice; 1024 by default.
    pub keys: usize,
    /// How long they are; 5 minutes by default.
    #[serde(with = "duration")]
    pub keys_age: Duration,
    /// Who is told of whom.
    pub presence: PresenceConf,
    /// What happens while the engine that joins the nodes of a cluster cannot be reached; `ByHistory` by default.
    pub outage: Outage,
}

/// What becomes of a member that is further behind than its topic permits.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Policy {
    /// Its client ends, with [`Cause::TooSlow`](crate::Cause::TooSlow).
    Evict,
    /// It goes on with the oldest message that it may still have, and is told which it lost: [`Event::Gap`](crate::Event::Gap).
    DropOldest,
    /// The same, and until it has caught up it gets of those messages that replace each other the newest alone. See
    /// [`Post::replaces`](crate::Post::replaces).
    Conflate,
}

/// What a topic keeps for members to come, and for those who return.
///
/// Nothing is kept if `MaxMessages` is 0, its default. A topic without members lives on while it has any of it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct HistoryConf {
    /// How many messages are kept; 0 by default.
    pub max_messages: usize,
    /// How many bytes are kept; 4 MiB by default. The newest message is kept, even one that is heavier.
    pub max_bytes: usize,
    /// How long a message is kept; 1 hour by default.
    #[serde(with = "duration")]
    pub max_age: Duration,
}

/// Presence: which users are in a topic.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct PresenceConf {
    /// Whether it is kept; `false` by default.
    pub enabled: bool,
    /// How long a user stays whose last client was cut off; 5 s by default. Nobody is told of one who returns in time. A
    /// client that left, or was kicked, is gone at once.
    #[serde(with = "duration")]
    pub grace: Duration,
    /// How many changes in a row are told at once; 8 by default. Of those that come faster than one per `Batch`, what is
    /// above this is gathered.
    pub at_once: NonZeroUsize,
    /// How long changes are gathered then, so that a crowd that comes costs each member one notice in this time; 1 s by
    /// default.
    #[serde(with = "duration")]
    pub batch: Duration,
}

impl TopicConf {
    pub(crate) fn max_age(&self) -> Option<Duration> {
        (!self.max_age.is_zero()).then_some(self.max_age)
    }

    pub(crate) fn is_local_in_an_outage(&self) -> bool {
        match self.outage {
            Outage::ByHistory => self.history.max_messages == 0,
            Outage::LocalOnly => true,
            Outage::FailClosed => false,
        }
    }

    pub(crate) fn stall(&self) -> Duration {
        self.stall.min(MAX_STALL)
    }
}

impl Default for TopicConf {
    fn default() -> Self {
        Self {
            max_messages: nonzero(1024),
            max_bytes: nonzero(4 << 20),
            max_age: Duration::ZERO,
            policy: Policy::Evict,
            stall: Duration::ZERO,
            history: HistoryConf::default(),
            keys: 1024,
            keys_age: Duration::from_secs(5 * 60),
            presence: PresenceConf::default(),
            outage: Outage::ByHistory,
        }
    }
}

impl Default for HistoryConf {
    fn default() -> Self {
        Self { max_messages: 0, max_bytes: 4 << 20, max_age: Duration::from_secs(60 * 60) }
    }
}

impl Default for PresenceConf {
    fn default() -> Self {
        Self {
            enabled: false,
            grace: Duration::from_secs(5),
            at_once: nonzero(8),
            batch: Duration::from_secs(1),
        }
    }
}

/// A publisher that waits longer would be one that is stuck with the slowest.
const MAX_STALL: Duration = Duration::from_millis(5);
