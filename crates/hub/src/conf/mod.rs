//! How much a hub keeps and permits. The behaviour at each limit stands with the limit.

mod topic;
mod topics;
mod backplane;
pub(crate) mod duration;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::Bound;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

pub use self::backplane::{BackplaneConf, Outage};
pub use self::topic::{HistoryConf, Policy, PresenceConf, TopicConf};
use crate::name::TopicName;

/// The limits of a hub.
///
/// # Examples
///
/// ```
/// use std::num::NonZeroUsize;
///
/// use hub::{HubConf, TopicConf};
///
/// const SMALL: NonZeroUsize = NonZeroUsize::new(64).expect("not zero");
///
/// let conf = HubConf { topic: TopicConf { max_messages: SMALL, ..TopicConf::default() }, ..HubConf::default() };
/// assert_eq!(conf.topic.max_bytes.get(), 4 << 20);
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase", remote = "Self")]
pub struct HubConf {
    /// What holds for a topic, unless `Topics` says otherwise.
    #[serde(flatten)]
    pub topic: TopicConf,
    /// What holds for topics whose name begins with a text; the longest such text counts. None by default. In a file, what a section
    /// leaves out is as it is for all topics.
    pub topics: BTreeMap<String, TopicConf>,
    /// How many loops share the topics, each of which is in one of them; 0, the default, is one per core.
    pub shards: usize,
    /// How many commands may wait for each loop; 1024 by default. Whoever comes then waits for a place.
    pub queue: NonZeroUsize,
    /// How many topics there may be; 1,000,000 by default, of which each loop has an equal part. Joining one more, or
    /// publishing there, is refused until others have ended, as they do when nobody is there and nothing is kept.
    pub max_topics: NonZeroUsize,
    /// How many topics a client may be in; 100 by default. Joining one more is refused.
    pub max_topics_per_client: NonZeroUsize,
    /// How many direct messages and notices may wait for a client; 64 by default. One more, and the client is evicted.
    pub max_direct: NonZeroUsize,
    /// How many clients a user may have; 0, the default, is any number. Of several hubs each counts its own.
    pub max_clients_per_user: usize,
    /// What happens to one more: `Refuse` it, or `Replace` the oldest, which is told; `Replace` by default.
    pub excess_clients: Excess,
    /// How heavy a message may be; 1 MiB by default. A heavier one is refused.
    pub max_message_bytes: NonZeroUsize,
    /// What holds between this hub and others, if it is [not alone](crate::Hub::spawn_on).
    pub backplane: BackplaneConf,
}

/// What happens when a user has as many clients as it may have, and one more comes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Excess {
    /// The new one is refused.
    Refuse,
    /// The oldest one ends, with [`Cause::Replaced`](crate::Cause::Replaced).
    Replace,
}

impl HubConf {
    /// With presence in the topics, unless [`topics`](Self::topics) say otherwise.
    #[must_use]
    pub fn with_presence(mut self) -> Self {
        self.topic.presence.enabled = true;
        self
    }

    /// What holds for this topic.
    pub(crate) fn of(&self, topic: &TopicName) -> &TopicConf {
        // Backwards, the longest of those that the name begins with comes first: each is a beginning of the next.
        let mut named =
            self.topics.range::<str, _>((Bound::Unbounded, Bound::Included(topic.as_str()))).rev();
        named.find(|(prefix, _)| topic.as_str().starts_with(*prefix)).map_or(&self.topic, |(_, conf)| conf)
    }

    /// How long a topic keeps a message at most.
    pub(crate) fn kept_for(&self) -> Duration {
        let topics = [&self.topic].into_iter().chain(self.topics.values());
        topics.map(|topic| topic.history.max_age).max().unwrap_or_default()
    }

    pub(crate) fn shards(&self) -> usize {
        match self.shards {
            0 => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            shards => shards.min(MAX_SHARDS),
        }
    }
}

impl<'de> Deserialize<'de> for HubConf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut given = Map::deserialize(deserializer)?;
        let topics = given.remove("Topics").unwrap_or_else(|| Value::Object(Map::new()));
        let sections =
            BTreeMap::<String, Map<String, Value>>::deserialize(topics).map_err(D::Error::custom)?;
        let topics = sections.into_iter().map(|(name, section)| match topics::over(&given, section) {
            Ok(conf) => Ok((name, conf)),
            Err(error) => Err(D::Error::custom(format!("in Topics, {name}: {error}"))),
        });
        let topics = topics.collect::<Result<_, _>>()?;
        let conf = Self::deserialize(Value::Object(given)).map_err(D::Error::custom)?;
        Ok(Self { topics, ..conf })
    }
}

impl Serialize for HubConf {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl Default for HubConf {
    fn default() -> Self {
        Self {
            topic: TopicConf::default(),
            topics: BTreeMap::new(),
            shards: 0,
            queue: nonzero(1024),
            max_topics: nonzero(1_000_000),
            max_topics_per_client: nonzero(100),
            max_direct: nonzero(64),
            max_clients_per_user: 0,
            excess_clients: Excess::Replace,
            max_message_bytes: nonzero(1 << 20),
            backplane: BackplaneConf::default(),
        }
    }
}

const fn nonzero(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).expect("not zero")
}

/// Far more than cores.
const MAX_SHARDS: usize = 1024;

/// About as long as anybody waits; a duration that is longer would not fit on the clock.
pub(crate) const MAX_DURATION: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use serde::de::value::{Error, MapDeserializer};

    use super::*;

    fn load(entries: &[(&'static str, u64)]) -> Result<HubConf, Error> {
        HubConf::deserialize(MapDeserializer::new(entries.iter().copied()))
    }

    #[test]
    fn default_equals_loaded_from_nothing() {
        assert_eq!(load(&[]), Ok(HubConf::default()));
    }

    #[test]
    fn keys_are_written_as_in_go_zero() {
        let conf = load(&[("MaxMessages", 1), ("MaxBytes", 2), ("MaxAge", 1500), ("Queue", 3)]);
        let topic = TopicConf {
            max_messages: nonzero(1),
            max_bytes: nonzero(2),
            max_age: Duration::from_millis(1500),
            ..TopicConf::default()
        };
        assert_eq!(conf, Ok(HubConf { topic, queue: nonzero(3), ..HubConf::default() }));
    }

    #[test]
    fn what_is_said_of_some_topics_is_laid_over_what_is_said_of_all() {
        let conf: HubConf = serde_json::from_value(serde_json::json!({
            "Queue": 7, "MaxMessages": 10, "Stall": "500us",
            "History": { "MaxMessages": 5, "MaxAge": "1m" },
            "Topics": { "live:": { "max_bytes": 9, "History": { "MaxMessages": 0 } } },
        }))
        .unwrap();
        let history =
            HistoryConf { max_messages: 5, max_age: Duration::from_secs(60), ..HistoryConf::default() };
        let stall = Duration::from_micros(500);
        let all = TopicConf { max_messages: nonzero(10), stall, history, ..TopicConf::default() };
        let mut live = TopicConf { max_bytes: nonzero(9), ..all.clone() };
        live.history.max_messages = 0;
        assert_eq!((&conf.topic, &conf.topics["live:"]), (&all, &live));
        let written = serde_json::to_value(HubConf { topics: conf.topics, ..HubConf::default() }).unwrap();
        assert_eq!(written["Topics"]["live:"]["MaxBytes"], 9);
        assert_eq!(serde_json::from_value::<HubConf>(written).unwrap().topics["live:"].max_bytes.get(), 9);
    }

    #[test]
    fn what_is_said_of_some_topics_has_no_unknown_keys() {
        let load = |section: Value| {
            let given = serde_json::json!({ "Topics": { "live:": section } });
            serde_json::from_value::<HubConf>(given).unwrap_err().to_string()
        };
        let unknown = load(serde_json::json!({ "History": { "MaxMesages": 1 } }));
        assert_eq!(unknown, "in Topics, live:: History: unknown key MaxMesages");
        assert!(load(serde_json::json!({ "Queue": 1 })).ends_with("unknown key Queue"), "it is the hub's");
        assert!(load(serde_json::json!({ "MaxMessages": 0 })).contains("nonzero"), "a limit of zero");
    }

    #[test]
    fn a_limit_of_zero_is_refused() {
        assert!(load(&[("Queue", 0)]).is_err());
    }

    #[test]
    fn the_longest_beginning_of_a_name_decides() {
        let messages = |max: usize| TopicConf { max_messages: nonzero(max), ..TopicConf::default() };
        let topics =
            [("game", messages(1)), ("game:", messages(2)), ("game:chess:", messages(3)), ("h", messages(4))];
        let topics = topics.map(|(prefix, conf)| (prefix.to_owned(), conf)).into();
        let conf = HubConf { topics, ..HubConf::default() };
        for (name, expected) in
            [("game:go", 2), ("game:chess:1", 3), ("games", 1), ("lobby", 1024), ("hall", 4)]
        {
            let found = conf.of(&TopicName::new(name).unwrap());
            assert_eq!(found.max_messages.get(), expected, "{name}");
        }
    }
}
