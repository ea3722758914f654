//! The configuration: what there is to set, and how it is read from files and the environment.
//!
//! ```
//! use rest::RestConf;
//! use rest::conf::{self, Format};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Default, Deserialize, Serialize)]
//! #[serde(default, rename_all = "PascalCase")]
//! struct ChatConf {
//!     #[serde(flatten)]
//!     rest: RestConf,
//!     room: RoomConf,
//! }
//!
//! #[derive(Default, Deserialize, Serialize)]
//! #[serde(default, rename_all = "PascalCase")]
//! struct RoomConf {
//!     #[serde(with = "conf::range::Integer::<0, 500>")]
//!     max_members: u32,
//! }
//!
//! # fn main() -> Result<(), conf::ConfError> {
//! let conf: ChatConf = conf::parse("{Port: 3333, Timeout: 5s, Room: {MaxMembers: 50}}", Format::Yaml)?;
//! assert_eq!((conf.rest.port, conf.rest.timeout.as_secs(), conf.room.max_members), (3333, 5, 50));
//!
//! let error = conf::parse::<ChatConf>("Room: {MaxMembers: 501}", Format::Yaml).map(drop).unwrap_err();
//! assert_eq!(error.to_string(), "yaml text:1: Room.MaxMembers: 501 is out of range, allowed 0 to 500");
//! # Ok(())
//! # }
//! ```

mod cors;
mod dev_server;
pub mod duration;
mod environment;
mod error;
mod expand;
mod format;
mod keys;
mod outline;
mod layers;
mod load;
mod log;
pub mod range;
mod jwt;
mod mode;
mod multipart;
mod profiling;
mod prometheus;
mod rest;
mod signature;
mod telemetry;
mod without_effect;

pub use cors::CorsConf;
pub use dev_server::DevServerConf;
pub use error::ConfError;
pub use format::Format;
pub use jwt::{JwtAlgorithm, JwtConf};
pub use load::{Loader, load, parse};
pub use log::{LogConf, LogEncoding, LogFieldKeysConf, LogLevel, LogMode, LogRotation};
pub use mode::Mode;
pub use multipart::MultipartConf;
pub use profiling::{ProfileTypeConf, ProfilingConf};
pub use prometheus::PrometheusConf;
pub use rest::{ForwardedHeader, MiddlewaresConf, RestConf, ShutdownConf};
pub use signature::{PrivateKeyConf, SignatureConf};
pub use telemetry::{TelemetryBatcher, TelemetryConf};

#[cfg(test)]
mod tests;
