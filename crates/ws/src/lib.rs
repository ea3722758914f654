//! WebSocket routes for [`rest`], on tokio-tungstenite.
//!
//! # Echo
//!
//! A WebSocket handler is an async function with the socket first and extractors after it.
//!
//! ```
//! use ws::{Error, WebSocket};
//!
//! async fn echo(mut socket: WebSocket) -> Result<(), Error> {
//!     while let Some(message) = socket.recv().await? {
//!         socket.send(message).await?;
//!     }
//!     Ok(())
//! }
//!
//! let mut engine = rest::Engine::new(rest::RestConf::default());
//! engine.add_route(ws::route("/echo", echo));
//! ```
//!
//! What a handler sends in one turn goes out in one write, at the latest when it waits for something.
//!
//! # Pump
//!
//! A hub lets everybody hear everybody; a pump connects it to a socket, both ways. Who is too slow is told so and let go.
//!
//! ```
//! use hub::{Hub, HubConf};
//! use rest::extract::State;
//! use ws::{Error, Prepared, WebSocket};
//!
//! async fn chat(socket: WebSocket, State(hub): State<Hub<Prepared>>) -> Result<(), Error> {
//!     let client = hub.register().await.map_err(Error::peer)?;
//!     ws::pump(socket, client).await
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let hub = Hub::spawn(HubConf::default());
//! let mut engine = rest::Engine::with_state(rest::RestConf::default(), hub);
//! engine.add_route(ws::route("/chat", chat));
//! # }
//! ```
//!
//! # Split
//!
//! The halves of a socket are used at the same time, by two futures of the handler or by two tasks. Whichever ends first, the
//! session closes the connection.
//!
//! ```
//! use std::time::Duration;
//!
//! use tokio::time::interval;
//! use ws::{Error, Reader, WebSocket, Writer};
//!
//! /// Tells the time, whatever the client says.
//! async fn clock(socket: WebSocket) -> Result<(), Error> {
//!     let (reader, writer) = socket.split();
//!     tokio::select! {
//!         end = listen(reader) => end,
//!         end = tell(writer) => end,
//!     }
//! }
//!
//! async fn listen(mut reader: Reader) -> Result<(), Error> {
//!     while let Some(message) = reader.recv().await? {
//!         println!("a client says {} bytes", message.len());
//!     }
//!     Ok(())
//! }
//!
//! async fn tell(mut writer: Writer) -> Result<(), Error> {
//!     let mut seconds = interval(Duration::from_secs(1));
//!     for second in 0_u64.. {
//!         seconds.tick().await;
//!         writer.send(format!("{second} s")).await?;
//!     }
//!     Ok(())
//! }
//! # let _: rest::Route = ws::route("/clock", clock);
//! ```
//!
//! # The ladder
//!
//! Each rung takes a line more and leaves more to you:
//!
//! - [`pump`] connects a socket to a hub's client, [`speak`] speaks the hub's protocol on it: rooms, presence, history;
//! - [`relay`] connects a socket to any stream and sink;
//! - [`WebSocket::recv`] and [`WebSocket::send`] are the messages;
//! - [`WebSocket::split`] gives halves that two futures can use at once, a [`Sender`] sends from any task, and
//!   [`Writer::stream_text`] sends one message in parts.
//!
//! The same socket is a client's: [`connect`] and [`Dialer`] open one, [`Reconnecting`] keeps one open. In tests it needs no
//! network, see [`mod@test`].
//!
//! # What is taken care of
//!
//! - **Handshake.** Each clause of RFC 6455 section 4.2.1 has its own refusal, see [`HandshakeError`]. Pages of other sites
//!   are refused by default, see [`Upgrader`]. On HTTP/2 it is an extended CONNECT, RFC 8441, and the handler is the same.
//! - **Limits and times.** Message size, fragments, floods, silence, stuck reads and writes, closing: see [`WsConf`], where
//!   each has its default. A frame is judged by its head, before its payload is read.
//! - **Compression.** permessage-deflate (RFC 7692) with clients that offer it, see [`Compression`]; by default what many
//!   receive is compressed once, and an idle connection holds nothing for it.
//! - **Closing.** However a handler ends (returns, fails, panics, or the server stops), the peer is told by a code and a
//!   reason, see [`Error::close_frame`]; [`End`] lists the ways. A connection ends with the token it was opened with.
//! - **Memory.** An idle connection holds less than 2 KiB of heap here, beside its task; a message at most twice what
//!   has come in of it, whatever it announces; a compressed one no more than the limit and 64 KiB, whatever it becomes;
//!   nothing is kept after a burst. A [`Prepared`] message is made once, however many receive it.

mod route;
mod upgrader;
mod handshake;
mod header;
mod origin;
mod subprotocol;
mod extensions;
mod compression;
mod caps;
mod metrics;
mod session;
mod closing;
mod turn;
mod end;
mod socket;
mod role;
mod reader;
mod inbound;
mod heartbeat;
mod patience;
mod tenure;
mod rate;
mod engine;
mod gate;
mod intake;
mod inspector;
mod frame;
mod allowance;
mod verdict;
mod mask;
mod inflate;
mod writer;
mod sender;
mod message_writer;
mod stall;
mod outbox;
mod wakers;
mod sync;
mod batch;
mod prepared;
mod joined;
mod deflate;
mod pump;
mod source;
mod codec;
mod speak;
mod relay;
mod dialer;
mod reconnecting;
mod backoff;
mod message;
mod close;
mod conf;
mod error;
pub mod test;
#[cfg(all(test, feature = "_loom"))]
mod interleavings;

pub use crate::close::{CloseCode, CloseFrame};
pub use crate::codec::Codec;
pub use crate::conf::{Compression, Preset, ReconnectConf, WsConf};
pub use crate::dialer::{ConnectError, Dialer, connect};
pub use crate::end::End;
pub use crate::error::Error;
pub use crate::handshake::HandshakeError;
pub use crate::message::{Message, Text};
pub use crate::message_writer::MessageWriter;
pub use crate::prepared::Prepared;
pub use crate::pump::{Pump, pump};
pub use crate::reader::Reader;
pub use crate::reconnecting::{ReconnectError, Reconnecting};
pub use crate::relay::relay;
pub use crate::route::{Outcome, SocketHandler, route};
pub use crate::sender::Sender;
pub use crate::socket::WebSocket;
pub use crate::speak::{speak, speak_as};
pub use crate::upgrader::Upgrader;
pub use crate::writer::Writer;

/// The page's code compiles, and runs.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/coming-from-go-zero.md")]
struct ComingFromGoZero;

/// As above.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/coming-from-gorilla.md")]
#[doc = include_str!("../../../docs/coming-from-axum.md")]
#[doc = include_str!("../../../docs/coming-from-socket-io.md")]
struct ComingFromElsewhere;
