//! The small change of writing JSON.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::value::RawValue;

/// The text of one of the protocol's own objects. That cannot fail: all fields have names, and values that JSON has.
pub(super) fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("an object of our own")
}

/// What an application says of a user, as JSON: as it is if it is that, else as a string.
pub(super) fn info(info: &str) -> Box<RawValue> {
    serde_json::from_str(info)
        .or_else(|_| serde_json::value::to_raw_value(info))
        .expect("a string can be written as JSON")
}

/// Whole milliseconds, rounded up, so that who waits as long has waited long enough.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
}

/// Milliseconds since 1970, by the server's clock.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
