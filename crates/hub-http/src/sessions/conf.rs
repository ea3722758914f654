use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How clients may come by events and POST, and for how long they may be silent.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SessionsConf {
    /// How many sessions there may be; 10,000 by default. One more is answered 503 with `Retry-After`.
    pub max_sessions: usize,
    /// How large the body of a POST may be, in bytes; 64 KiB by default. A larger one is 413.
    pub max_body_bytes: u64,
    /// How many commands may wait for a session; 64 by default. A POST that would make them more is 429.
    pub max_waiting: usize,
    /// How many bytes of them; 256 KiB by default. A POST that would make them more is 429.
    pub max_waiting_bytes: usize,
    /// How long a client may take to say a `connect` that succeeds; 10 s by default. Then its events end.
    #[serde(with = "rest::conf::duration")]
    pub connect_timeout: Duration,
    /// How long a connected client may say nothing at all, not even `ping`; 30 s by default, and 0 is for ever. Then it is taken
    /// for dead, and its events end. It is the only way to notice one that has vanished, and the first event tells it to the client.
    #[serde(with = "rest::conf::duration")]
    pub max_silence: Duration,
    /// After which time without an event a comment is sent; 15 s by default, and 0 is never.
    #[serde(with = "rest::conf::duration")]
    pub heartbeat: Duration,
}

impl Default for SessionsConf {
    fn default() -> Self {
        Self {
            max_sessions: 10_000,
            max_body_bytes: 64 << 10,
            max_waiting: 64,
            max_waiting_bytes: 256 << 10,
            connect_timeout: Duration::from_secs(10),
            max_silence: Duration::from_secs(30),
            heartbeat: Duration::from_secs(15),
        }
    }
}
