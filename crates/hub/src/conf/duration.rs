//! Durations: a whole number of milliseconds, or a text with units.

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;
use serde::de::{Deserializer, Error, Unexpected, Visitor};
use serde::ser::Serializer;

use super::MAX_DURATION;

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_any(Milliseconds)
}

pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

struct Milliseconds;

impl Visitor<'_> for Milliseconds {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration of at most ten years, such as \"3s\" or 3000 for milliseconds")
    }

    fn visit_u64<E: Error>(self, millis: u64) -> Result<Duration, E> {
        let duration = Duration::from_millis(millis);
        if duration > MAX_DURATION {
            Err(E::invalid_value(Unexpected::Unsigned(millis), &self))
        } else {
            Ok(duration)
        }
    }

    fn visit_i64<E: Error>(self, millis: i64) -> Result<Duration, E> {
        let whole = u64::try_from(millis).map_err(|_| E::invalid_value(Unexpected::Signed(millis), &self))?;
        self.visit_u64(whole)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        if let Ok(millis) = text.parse() {
            return self.visit_u64(millis); // `"3000"`, in quotes
        }
        let duration = text.parse::<SignedDuration>().ok().and_then(|signed| Duration::try_from(signed).ok());
        duration
            .filter(|duration| *duration <= MAX_DURATION)
            .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};

    use super::*;

    fn text(text: &'static str) -> Result<Duration, Error> {
        let deserializer: StrDeserializer<'_, Error> = text.into_deserializer();
        deserialize(deserializer)
    }

    #[test]
    fn a_duration_is_a_text_with_units_or_milliseconds() {
        assert_eq!(text("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(text("200ms"), Ok(Duration::from_millis(200)));
        assert_eq!(text("250"), Ok(Duration::from_millis(250)));
    }

    #[test]
    fn what_is_negative_or_endless_or_none_is_refused() {
        for bad in ["-1s", "100000d", "soon", ""] {
            assert!(text(bad).is_err(), "{bad}");
        }
    }
}
