//! Ranges of values in configurations, declared at the field.
//!
//! ```
//! use std::time::Duration;
//!
//! use rest::conf::{self, Format, range};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize, Serialize)]
//! #[serde(default)]
//! struct PoolConf {
//!     #[serde(with = "range::Integer::<1, 64>")]
//!     workers: usize,
//!     #[serde(with = "range::Millis::<100, 60_000>")]
//!     patience: Duration,
//! }
//! # impl Default for PoolConf {
//! #     fn default() -> Self {
//! #         Self { workers: 4, patience: Duration::from_secs(1) }
//! #     }
//! # }
//!
//! let load = |text| conf::parse::<PoolConf>(text, Format::Yaml).map(drop).map_err(|error| error.to_string());
//! assert_eq!(load("{workers: 8, patience: 5s}"), Ok(()));
//! assert_eq!(load("workers: 65").unwrap_err(), "yaml text:1: workers: 65 is out of range, allowed 1 to 64");
//! assert_eq!(load("patience: 2m").unwrap_err(), "yaml text:1: patience: 2m is out of range, allowed 100ms to 1m");
//! ```

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;
use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;

use super::duration;

/// An integer from `MIN` to `MAX`, both allowed, for `#[serde(with = "…")]`.
///
/// The field is of any integer type; its default is not checked until a file is loaded.
#[derive(Debug)]
pub enum Integer<const MIN: i128, const MAX: i128> {}

impl<const MIN: i128, const MAX: i128> Integer<MIN, MAX> {
    /// Reads an integer.
    ///
    /// # Errors
    ///
    /// It is something else, or out of range.
    pub fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: TryFrom<i128>,
        D: Deserializer<'de>,
    {
        deserializer.deserialize_any(IntegerVisitor::<T, MIN, MAX>(PhantomData))
    }

    /// Writes an integer.
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    pub fn serialize<T: Serialize, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }
}

/// A [`Duration`] from `MIN` to `MAX` milliseconds, both allowed, for `#[serde(with = "…")]`.
///
/// It is written and read as [`duration`] says.
#[derive(Debug)]
pub enum Millis<const MIN: u64, const MAX: u64> {}

impl<const MIN: u64, const MAX: u64> Millis<MIN, MAX> {
    /// Reads a duration.
    ///
    /// # Errors
    ///
    /// It is something else, or out of range.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let value = duration::deserialize(deserializer)?;
        let (min, max) = (Duration::from_millis(MIN), Duration::from_millis(MAX));
        if value < min || value > max {
            return Err(out_of_range(
                &duration::friendly(value),
                &duration::friendly(min),
                &duration::friendly(max),
            ));
        }
        Ok(value)
    }

    /// Writes a duration.
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        duration::serialize(value, serializer)
    }
}

struct IntegerVisitor<T, const MIN: i128, const MAX: i128>(PhantomData<T>);

impl<T: TryFrom<i128>, const MIN: i128, const MAX: i128> Visitor<'_> for IntegerVisitor<T, MIN, MAX> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an integer from {MIN} to {MAX}")
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<T, E> {
        match T::try_from(value) {
            Ok(narrow) if (MIN..=MAX).contains(&value) => Ok(narrow),
            _ => Err(out_of_range(&value, &MIN, &MAX)),
        }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
        self.visit_i128(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
        self.visit_i128(value.into())
    }
}

fn out_of_range<E: Error>(value: &dyn fmt::Display, min: &dyn fmt::Display, max: &dyn fmt::Display) -> E {
    E::custom(format_args!("{value} is out of range, allowed {min} to {max}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn both_ends_are_allowed_and_nothing_beyond() {
        let read = |value: Value| {
            Integer::<-1, 300>::deserialize::<i16, _>(value).map_err(|error| error.to_string())
        };

        assert_eq!((read(json!(-1)), read(json!(300))), (Ok(-1), Ok(300)));
        assert_eq!(read(json!(-2)).unwrap_err(), "-2 is out of range, allowed -1 to 300");
        assert_eq!(
            read(json!(u64::MAX)).unwrap_err(),
            format!("{} is out of range, allowed -1 to 300", u64::MAX)
        );
    }

    #[test]
    fn a_range_wider_than_its_type_does_not_wrap() {
        let read =
            |value: Value| Integer::<0, 300>::deserialize::<u8, _>(value).map_err(|error| error.to_string());

        assert_eq!(read(json!(255)), Ok(255));
        assert_eq!(read(json!(256)).unwrap_err(), "256 is out of range, allowed 0 to 300");
    }

    #[test]
    fn a_duration_is_compared_exactly() {
        let read = |value: Value| Millis::<1, 1000>::deserialize(value).map_err(|error| error.to_string());

        assert_eq!(
            (read(json!(1)), read(json!("1s"))),
            (Ok(Duration::from_millis(1)), Ok(Duration::from_secs(1)))
        );
        assert_eq!(read(json!("999us")).unwrap_err(), "999µs is out of range, allowed 1ms to 1s");
        assert_eq!(read(json!("1s 1ns")).unwrap_err(), "1s 1ns is out of range, allowed 1ms to 1s");
    }
}
