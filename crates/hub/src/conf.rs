//! How much a hub keeps. The behaviour at each limit stands with the limit.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

/// The limits of a hub.
///
/// # Examples
///
/// ```
/// use std::num::NonZeroUsize;
///
/// use hub::HubConf;
///
/// const SMALL: NonZeroUsize = NonZeroUsize::new(64).expect("not zero");
///
/// let conf = HubConf { max_messages: SMALL, ..HubConf::default() };
/// assert_eq!(conf.max_bytes.get(), 4 << 20);
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct HubConf {
    /// How many messages the log keeps, which is how many a client may be behind; 1024 by default. One that is further
    /// behind is evicted.
    pub max_messages: NonZeroUsize,

    /// How many bytes the log keeps, by [`Message::weight`](crate::Message::weight); 4 MiB by default. A client that
    /// has not read what no longer fits is evicted. The newest message is always kept, even one heavier than this.
    pub max_bytes: NonZeroUsize,

    /// How many messages and registrations may wait for the hub's loop; 1024 by default. Whoever comes then waits for a
    /// place.
    pub queue: NonZeroUsize,
}

impl Default for HubConf {
    fn default() -> Self {
        Self { max_messages: nonzero(1024), max_bytes: nonzero(4 << 20), queue: nonzero(1024) }
    }
}

const fn nonzero(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).expect("not zero")
}

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
        let conf = load(&[("MaxMessages", 1), ("MaxBytes", 2), ("Queue", 3)]);
        let expected = HubConf { max_messages: nonzero(1), max_bytes: nonzero(2), queue: nonzero(3) };
        assert_eq!(conf, Ok(expected));
    }

    #[test]
    fn a_limit_of_zero_is_refused() {
        assert!(load(&[("Queue", 0)]).is_err());
    }
}
