//! Durations in configurations: a number of milliseconds, or a text with units.
//!
//! ```
//! use std::time::Duration;
//!
//! use rest::conf::{self, Format};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Default, Deserialize, Serialize)]
//! #[serde(default)]
//! struct CacheConf {
//!     #[serde(with = "rest::conf::duration")]
//!     ttl: Duration,
//! }
//!
//! for text in ["ttl: 90000", "ttl: 90s", "ttl: 1m 30s", "ttl: 1.5m"] {
//!     let conf: CacheConf = conf::parse(text, Format::Yaml).unwrap();
//!     assert_eq!(conf.ttl, Duration::from_secs(90));
//! }
//! ```

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::fmt::friendly::SpanPrinter;
use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;

/// Reads a duration: an integer is milliseconds, a text has units (`"3s"`, `"5.5s"`, `"1h30m"`, `"500ms"`).
///
/// # Errors
///
/// It is something else, or negative, or longer than ten years.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_any(DurationVisitor)
}

/// Writes a duration in a form that [`deserialize`] reads as the same: milliseconds if they are whole, else text.
///
/// # Errors
///
/// Those of the serializer.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    match u64::try_from(duration.as_millis()) {
        Ok(millis) if Duration::from_millis(millis) == *duration => serializer.serialize_u64(millis),
        _ => serializer.serialize_str(&friendly(*duration)),
    }
}

/// Writes a duration for people, as in `1m 30s`.
pub(super) fn friendly(duration: Duration) -> String {
    SpanPrinter::new().unsigned_duration_to_string(&duration)
}

struct DurationVisitor;

impl Visitor<'_> for DurationVisitor {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration, such as \"3s\" or 3000 for milliseconds")
    }

    fn visit_u64<E: Error>(self, millis: u64) -> Result<Duration, E> {
        bounded(Duration::from_millis(millis))
    }

    fn visit_i64<E: Error>(self, millis: i64) -> Result<Duration, E> {
        match u64::try_from(millis) {
            Ok(millis) => self.visit_u64(millis),
            Err(_) => Err(negative()),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        if let Ok(millis) = text.parse() {
            return self.visit_u64(millis); // `"3000"`, in quotes
        }
        let Ok(duration) = text.parse::<SignedDuration>() else {
            return Err(E::invalid_value(serde::de::Unexpected::Str(text), &self));
        };
        duration.try_into().map_err(|_| negative()).and_then(bounded)
    }
}

fn bounded<E: Error>(duration: Duration) -> Result<Duration, E> {
    if duration > MAX {
        return Err(E::custom(format_args!("{} is too long, allowed is up to 10 years", friendly(duration))));
    }
    Ok(duration)
}

fn negative<E: Error>() -> E {
    E::custom("a duration cannot be negative")
}

/// Far from where adding it to a clock could overflow, and longer than any useful one.
const MAX: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(value: Value) -> Result<Duration, String> {
        deserialize(value).map_err(|error| error.to_string())
    }

    #[test]
    fn a_number_is_milliseconds_and_a_text_has_units() {
        for (value, expected) in [
            (json!(3000), 3000),
            (json!(0), 0),
            (json!("3s"), 3000),
            (json!("5.5s"), 5500),
            (json!("1h30m"), 5_400_000),
            (json!("500ms"), 500),
            (json!("3000"), 3000),
            (json!("0s"), 0),
        ] {
            assert_eq!(read(value.clone()), Ok(Duration::from_millis(expected)), "{value}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for value in [json!(-1), json!("-3s"), json!("3s ago")] {
            assert_eq!(read(value.clone()).unwrap_err(), "a duration cannot be negative", "{value}");
        }
        for value in
            [json!(1.5), json!("soon"), json!(""), json!("1.5"), json!(null), json!(true), json!(["3s"])]
        {
            let error = read(value.clone()).unwrap_err();
            assert!(
                error.ends_with("expected a duration, such as \"3s\" or 3000 for milliseconds"),
                "{error}"
            );
        }
        for value in [json!(u64::MAX), json!("99999999999h")] {
            let error = read(value.clone()).unwrap_err();
            assert!(error.ends_with("is too long, allowed is up to 10 years"), "{error}");
        }
    }

    #[test]
    fn what_is_written_reads_as_the_same() {
        for duration in [Duration::ZERO, Duration::from_millis(5500), Duration::from_nanos(1_500_001), MAX] {
            let written = serialize(&duration, serde_json::value::Serializer).unwrap();
            assert_eq!(read(written.clone()), Ok(duration), "{written}");
        }
    }
}
