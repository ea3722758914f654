use std::time::Duration;

use rest::conf::range;
use serde::{Deserialize, Serialize};

/// The limits and times of a WebSocket route.
///
/// Part of a service's config, or made in code: `WsConf { max_message_bytes: 4096, ..WsConf::default() }`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct WsConf {
    /// How many connections the engine may have, all routes together, for this route to take another. One too many is
    /// refused with 503. 0 is no limit. 0 to 10 Mi; default 100,000.
    #[serde(with = "range::Integer::<0, 10_485_760>")]
    pub max_connections: usize,
    /// How many connections the route may have. One too many is refused with 503. 0, the default, is no limit of its own. 0 to
    /// 10 Mi.
    #[serde(with = "range::Integer::<0, 10_485_760>")]
    pub max_connections_per_route: usize,
    /// How many connections the engine may have of one address, or of one /64 of IPv6, for this route to take another of it.
    /// One too many is refused with 429. 0, the default, is no limit: behind a proxy that `TrustedProxies` does not
    /// name, all clients have one address. 0 to 10 Mi.
    #[serde(with = "range::Integer::<0, 10_485_760>")]
    pub max_connections_per_ip: usize,
    /// The largest message that is taken, in bytes, its fragments together and inflated. A larger one closes with 1009 and a
    /// reason that names the limit. A compressed one may be an eighth and 1 KiB longer on the wire. 1 to 1 GiB; default
    /// 65,536.
    #[serde(with = "range::Integer::<1, 1_073_741_824>")]
    pub max_message_bytes: usize,
    /// How many fragments a message may have. One more closes with 1008. 1 to 1 Gi; default 131,072.
    #[serde(with = "range::Integer::<1, 1_073_741_824>")]
    pub max_fragments: usize,
    /// How many frames may come in at once that bring no message on: pings, pongs, empty fragments. Each frame of a message
    /// lets one more in, and time does: as many as this in 10 s. One too many closes with 1008. 16 to 1 Mi; default 1024.
    #[serde(with = "range::Integer::<16, 1_048_576>")]
    pub max_overhead_frames: usize,
    /// How many messages a second a client may send, over time; at once it may send [`MaxMessageBurst`](Self::max_message_burst).
    /// One too many closes with 1008. What has gathered while a handler was busy counts as sent at once. 0, the default, is
    /// no limit: then TCP alone slows down a client that talks faster than the handler listens. 0 to 1 Mi.
    #[serde(with = "range::Integer::<0, 1_048_576>")]
    pub max_message_rate: u32,
    /// How many messages may come in at once where [`MaxMessageRate`](Self::max_message_rate) is set. 1 to 1 Mi; default 100.
    #[serde(with = "range::Integer::<1, 1_048_576>")]
    pub max_message_burst: u32,
    /// How long the first message may take, from the handshake on; then it is closed with 1008. For a route whose clients
    /// have to say first who they are. 0, the default, is for ever. 0 to 1 h.
    #[serde(with = "range::Millis::<0, 3_600_000>")]
    pub first_message_timeout: Duration,
    /// How long there may be no message either way; then it is closed with 3008. Pings and pongs are none. Where the last one
    /// was ours, it may be noticed later, by once this time at most. 0, the default, is for ever. 0 to 1 day.
    #[serde(with = "range::Millis::<0, 86_400_000>")]
    pub idle_timeout: Duration,
    /// How long a connection lives; then it is closed with 1012, which tells the client to come back. Each lives for nine
    /// tenths of it to all of it, at random, so that they do not all come back at once. 0, the default, is for ever. 0 to 30
    /// days.
    #[serde(with = "range::Millis::<0, 2_592_000_000>")]
    pub max_lifetime: Duration,
    /// Whether a connection ends when the token's `exp` comes with which it was opened (`RouteGroup::jwt`); then it is closed
    /// with 1008. Default yes. No, for an application that has its clients send a new one.
    pub close_at_token_expiry: bool,
    /// How long a message, or a frame, may take from its first byte to its last; for a long one the time begins anew with
    /// each 64 KiB that have come in. Then it is closed with 1008. 100 ms to 1 h; default 30 s.
    #[serde(with = "range::Millis::<100, 3_600_000>")]
    pub message_timeout: Duration,
    /// How soon a peer is noticed that is gone. Default: `Default`, by the next two alone.
    pub preset: Preset,
    /// How long nothing may come in before a ping goes out. 100 ms to 1 h; default 20 s.
    #[serde(with = "range::Millis::<100, 3_600_000>")]
    pub ping_interval: Duration,
    /// How long after a ping something must come in, or a write that was stuck go on, else the peer is given up: 3008, or
    /// a plain cut where it cannot be told. With `PingInterval` it bounds how long a dead peer goes unnoticed, 30 s by
    /// default. 100 ms to 1 h; default 10 s.
    #[serde(with = "range::Millis::<100, 3_600_000>")]
    pub pong_timeout: Duration,
    /// How long a write may go on without the peer's taking a byte; then the connection is cut. A slow reader that does
    /// take bytes is not. 100 ms to 1 h; default 10 s.
    #[serde(with = "range::Millis::<100, 3_600_000>")]
    pub write_timeout: Duration,
    /// From how many bytes on, of messages that the socket has not begun to take, there is no room for another: then `send`
    /// waits. A single message may be longer. 1 KiB to 1 GiB; default 1 MiB.
    #[serde(with = "range::Integer::<1024, 1_073_741_824>")]
    pub max_queued_bytes: usize,
    /// How long closing may take, from our close frame to the end of the connection; then it is cut. 0 to 1 h;
    /// default 5 s.
    #[serde(with = "range::Millis::<0, 3_600_000>")]
    pub close_timeout: Duration,
    /// How long a client that the hub gave up, as it was too slow, may take not a byte of what is left for it, our close frame
    /// last; then it is cut, also within `CloseTimeout`. 0 to 1 h; default 1 s.
    #[serde(with = "range::Millis::<0, 3_600_000>")]
    pub evict_timeout: Duration,
    /// Whether and how messages are compressed.
    pub compression: Compression,
}

/// How soon a peer is noticed that is gone, by a name.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub enum Preset {
    /// Within [`PingInterval`](WsConf::ping_interval) and [`PongTimeout`](WsConf::pong_timeout): 30 s by default.
    #[default]
    #[serde(alias = "default")]
    Default,
    /// Within 5 s: `PingInterval` counts as 3 s at most, and `PongTimeout` as 2 s.
    #[serde(alias = "quick")]
    Quick,
}

/// permessage-deflate, RFC 7692.
///
/// By default a connection holds no memory for it in between two messages, and what is sent to many is compressed once. Of a
/// compressed message that is half received it holds what has come in, from 16 KiB on 50 KiB more, and what that has become.
/// A context takeover, which compresses short messages that resemble each other much better, costs each connection up to
/// 300 KiB outbound and 50 KiB inbound.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Compression {
    /// Whether it is agreed on with clients that offer it. Default: true.
    pub enabled: bool,
    /// How much time is spent for how few bytes. 1 to 9; default 1.
    #[serde(with = "range::Integer::<1, 9>")]
    pub level: u8,
    /// The shortest message that is compressed, in bytes. One that would not become shorter goes out as it is. 64 to 1 GiB;
    /// default 512.
    #[serde(with = "range::Integer::<64, 1_073_741_824>")]
    pub threshold: usize,
    /// The window of the compression, both ways, as a power of two; a smaller one that the client wants is honoured, and
    /// a client that cannot be told has its own. 9 to 15; default 15.
    #[serde(with = "range::Integer::<9, 15>")]
    pub window_bits: u8,
    /// Whether what we send may refer to messages before. Each connection then compresses for itself. Default: false.
    pub server_context_takeover: bool,
    /// Whether what the client sends may. Default: false.
    pub client_context_takeover: bool,
    /// How many bytes a received message may become for each of its bytes on the wire; the first 16 KiB are free. More closes
    /// with 1008. Nothing becomes more than 1032 times its length. 0, the default, is no limit but
    /// [`MaxMessageBytes`](WsConf::max_message_bytes). 0 to 1032.
    #[serde(with = "range::Integer::<0, 1032>")]
    pub max_ratio: u16,
}

/// How a [`Reconnecting`](crate::Reconnecting) client comes back.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ReconnectConf {
    /// The longest wait after the first failure; it doubles with each further one. A wait is anything from nothing to the longest,
    /// by chance. 1 ms to 1 h; default 500 ms.
    #[serde(with = "range::Millis::<1, 3_600_000>")]
    pub first_delay: Duration,
    /// What the longest wait doubles up to. 1 ms to 1 h; default 30 s.
    #[serde(with = "range::Millis::<1, 3_600_000>")]
    pub max_delay: Duration,
    /// How many attempts in a row may fail before it gives up. 1 to 4 Gi; default 20, which take three to four minutes.
    #[serde(with = "range::Integer::<1, 4_294_967_295>")]
    pub max_attempts: u32,
    /// How long a connection must have lived to make up for all failures before. A shorter one is one more. 0 to 1 h;
    /// default 10 s.
    #[serde(with = "range::Millis::<0, 3_600_000>")]
    pub stable_after: Duration,
    /// The longest `Retry-After` of a server that is waited for; at a longer one it gives up. 0 to 1 day; default 5 min.
    #[serde(with = "range::Millis::<0, 86_400_000>")]
    pub max_retry_after: Duration,
    /// How long the hook of a new connection may take; then the attempt has failed. 100 ms to 1 h; default 10 s.
    #[serde(with = "range::Millis::<100, 3_600_000>")]
    pub resume_timeout: Duration,
}

impl WsConf {
    /// The defaults, but for a peer that is gone: it is noticed within 5 s instead of 30 s, at the price of more pings. In a
    /// config, `Preset: Quick`.
    pub fn quick() -> Self {
        Self { preset: Preset::Quick, ..Self::default() }
    }

    /// The interval and the timeout of pings, as the preset has them.
    pub(crate) fn heartbeat(&self) -> (Duration, Duration) {
        match self.preset {
            Preset::Default => (self.ping_interval, self.pong_timeout),
            Preset::Quick => (
                self.ping_interval.min(Duration::from_secs(3)),
                self.pong_timeout.min(Duration::from_secs(2)),
            ),
        }
    }
}

impl Default for Compression {
    fn default() -> Self {
        Self {
            enabled: true,
            level: 1,
            threshold: 512,
            window_bits: 15,
            server_context_takeover: false,
            client_context_takeover: false,
            max_ratio: 0,
        }
    }
}

impl Default for ReconnectConf {
    fn default() -> Self {
        Self {
            first_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(30),
            max_attempts: 20,
            stable_after: Duration::from_secs(10),
            max_retry_after: Duration::from_secs(300),
            resume_timeout: Duration::from_secs(10),
        }
    }
}

impl Default for WsConf {
    fn default() -> Self {
        Self {
            max_connections: 100_000,
            max_connections_per_route: 0,
            max_connections_per_ip: 0,
            max_message_bytes: 64 * 1024,
            max_fragments: 128 * 1024,
            max_overhead_frames: 1024,
            max_message_rate: 0,
            max_message_burst: 100,
            first_message_timeout: Duration::ZERO,
            idle_timeout: Duration::ZERO,
            max_lifetime: Duration::ZERO,
            close_at_token_expiry: true,
            message_timeout: Duration::from_secs(30),
            preset: Preset::Default,
            ping_interval: Duration::from_secs(20),
            pong_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            max_queued_bytes: 1 << 20,
            close_timeout: Duration::from_secs(5),
            evict_timeout: Duration::from_secs(1),
            compression: Compression::default(),
        }
    }
}
