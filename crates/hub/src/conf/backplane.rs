//! What holds between the nodes of a cluster.

use std::num::NonZeroUsize;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{duration, nonzero};

/// The times and limits of a hub that is one of several. One that is alone has no use for them.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct BackplaneConf {
    /// How often a node gives a sign of life; 1 s by default.
    #[serde(with = "duration")]
    pub heartbeat: Duration,
    /// A node that was silent for so long is suspect; 3 s by default.
    #[serde(with = "duration")]
    pub suspect: Duration,
    /// A node that was silent for so long is dead, and its users are gone; 5 s by default.
    #[serde(with = "duration")]
    pub dead: Duration,
    /// How often a hub makes sure that it has missed nothing and that deliveries get through; 5 s by default.
    #[serde(with = "duration")]
    pub probe: Duration,
    /// How long a call to the engine may take; 5 s by default. Then it has failed, with
    /// [`Error::Unavailable`](crate::Error::Unavailable).
    #[serde(with = "duration")]
    pub timeout: Duration,
    /// How long a message waits for those before it, before they are fetched; 200 ms by default.
    #[serde(with = "duration")]
    pub reorder: Duration,
    /// How long a node goes on getting what is published in a topic where nobody is; 1 s by default.
    #[serde(with = "duration")]
    pub linger: Duration,
    /// How many deliveries may wait for each loop; 4096 by default. What comes then is dropped, counted, and fetched again.
    pub lane: NonZeroUsize,
    /// How many messages may be on their way to the engine at once for those who do not wait for a receipt; 256 by default.
    /// Whoever comes then waits.
    pub window: NonZeroUsize,
    /// How long other nodes have to answer when something is asked of all of them; 1 s by default.
    #[serde(with = "duration")]
    pub survey: Duration,
}

/// What happens in a topic while the engine cannot be reached.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Outage {
    /// `FailClosed` in topics with history, `LocalOnly` in the others.
    ByHistory,
    /// Members of the same node still hear each other. The topic is numbered anew when that begins, with the first message, and
    /// when it ends; members are told both times: [`Event::Reset`](crate::Event::Reset).
    LocalOnly,
    /// Publishing fails with [`Error::Unavailable`](crate::Error::Unavailable), and so does joining where nobody is. Who is present stays
    /// as it was known, for as long as the outage lasts.
    FailClosed,
}

impl Default for BackplaneConf {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(1),
            suspect: Duration::from_secs(3),
            dead: Duration::from_secs(5),
            probe: Duration::from_secs(5),
            timeout: Duration::from_secs(5),
            reorder: Duration::from_millis(200),
            linger: Duration::from_secs(1),
            lane: nonzero(4096),
            window: nonzero(256),
            survey: Duration::from_secs(1),
        }
    }
}
