//! The client protocol: rooms, presence, history and receipts as JSON, for any transport that keeps messages in order.
//!
//! `docs/PROTOCOL.md` says what goes over the line. This is the server's side of it, without a transport:
//!
//! - a [`Server`] is a hub, an [`Authorizer`] and limits ([`ProtocolConf`]);
//! - an [`Opening`] takes what a new connection says until it is a `connect` that succeeds, and then there is a [`Session`];
//! - its [`Commands`] take what the client says, its [`Frames`] are what the client is to be told. The two are independent,
//!   so that they can be the two directions of a socket, or a stream of events and the requests beside it;
//! - what goes through the hub is [`Spoken`], for instance a [`Publication`]: it is written once, however many receive it.
//!
//! ```
//! use futures_util::StreamExt;
//! use hub::protocol::{Anyone, Publication, Server, Session};
//! use hub::{Hub, HubConf};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Frames are plain texts here; over WebSocket they are `ws::Prepared`.
//! let hub = Hub::<Publication<String>>::spawn(HubConf::default());
//! let server = Server::new(hub, Anyone);
//!
//! let mut opening = server.opening(None);
//! let Session { answer, mut commands, mut frames, .. } = opening.take(r#"{"type":"connect","id":1}"#).await?;
//! assert!(answer.starts_with(r#"{"type":"ok","id":1,"client":"#));
//!
//! commands.take(r#"{"type":"join","id":2,"topic":"lobby"}"#).await?;
//! commands.take(r#"{"type":"publish","topic":"lobby","data":"hello"}"#).await?;
//!
//! let joined = frames.next().await.unwrap()?;
//! assert!(joined.starts_with(r#"{"type":"ok","id":2,"topic":"lobby","position":{"offset":0,"#));
//! let hello = frames.next().await.unwrap()?;
//! assert!(hello.starts_with(r#"{"type":"message","topic":"lobby","offset":1,"#));
//! # Ok(())
//! # }
//! ```

mod server;
mod opening;
mod commands;
mod frames;
mod expiry;
mod command;
mod reply;
mod spoken;
mod publication;
mod json;
mod authorizer;
mod permits;
mod limits;
mod bucket;
mod code;
mod refusal;
mod end;
mod ends;
mod conf;

pub use authorizer::{Admission, Anyone, Authorizer, Hello, Permit};
pub use code::{EndCode, ErrorCode};
pub use commands::Commands;
pub use conf::{LimitsConf, ProtocolConf, RateConf};
pub use end::End;
pub use frames::Frames;
pub use opening::{Opening, Session, Turned};
pub use publication::{Draft, Publication};
pub use refusal::Refusal;
pub use server::Server;
pub use spoken::Spoken;

/// The protocol's name, as a WebSocket's subprotocol (RFC 6455 section 1.9).
pub const SUBPROTOCOL: &str = "zeroxide.hub.v1";
