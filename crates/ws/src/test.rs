//! Connections in memory, for tests: two sockets that talk to each other, or one socket and a [`Peer`] that says exactly
//! what it is told to.
//!
//! Without a port and without a network, so that such a test can pause the clock.
//!
//! ```
//! use ws::test::{Frame, Peer};
//! use ws::{Message, WsConf};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), ws::Error> {
//! // A handler takes any socket, so also one of a test's.
//! let (mut client, mut server) = ws::test::pair(WsConf::default(), WsConf::default()).await;
//! client.send("Hello!").await?;
//! assert_eq!(server.recv().await?, Some(Message::text("Hello!")));
//!
//! // A client that forgets to mask is told so.
//! let (mut server, mut peer) = Peer::of_server(WsConf::default(), 1024).await;
//! peer.write(Frame::text("Hello!").unmasked()).await;
//! let offence = server.recv().await.unwrap_err();
//! assert!(offence.is_protocol());
//! # Ok(()) }
//! ```

mod frame;
mod peer;

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite, duplex};

use crate::compression::{Agreed, offer};
use crate::conf::WsConf;
use crate::extensions::parse;
use crate::role::Role;
use crate::socket::WebSocket;

pub use frame::Frame;
pub use peer::{Head, Peer};

/// Opens a connection between a client's socket and a server's, in this order, over a pipe of 64 KiB each way.
///
/// The handshake is taken as done. Compression is agreed on as the configs say, as a real handshake would.
#[expect(clippy::unused_async, reason = "opening may come to wait, as tungstenite's does")]
pub async fn pair(client: WsConf, server: WsConf) -> (WebSocket, WebSocket) {
    let agreed = agree(&client, &server);
    let (near, far) = duplex(PIPE);
    (
        WebSocket::open(near, Role::Client, Arc::new(client), agreed.as_ref(), None),
        WebSocket::open(far, Role::Server, Arc::new(server), agreed.as_ref(), None),
    )
}

/// Makes a server's socket of a connection whose handshake is done, in which the client has offered these extensions, such
/// as `permessage-deflate`. The config's compression decides what is taken.
///
/// The client that a test plays must then know what was agreed on; with a default config and that offer it is that neither
/// end takes a context over.
#[expect(clippy::unused_async, reason = "opening may come to wait, as tungstenite's does")]
pub async fn offered(
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    conf: WsConf,
    offer: &str,
) -> WebSocket {
    let offers = parse(offer).filter(|_| conf.compression.enabled);
    let agreed = offers.and_then(|offers| Agreed::first(&offers, &conf.compression));
    WebSocket::open(io, Role::Server, Arc::new(conf), agreed.as_ref(), None)
}

/// What the two would agree on.
fn agree(client: &WsConf, server: &WsConf) -> Option<Agreed> {
    if !client.compression.enabled || !server.compression.enabled {
        return None;
    }
    let offered = offer(&client.compression);
    let answer = Agreed::first(&parse(&offered)?, &server.compression)?.to_header();
    Agreed::from_answer(parse(&answer)?.first()?, &client.compression)
}

const PIPE: usize = 64 * 1024;
