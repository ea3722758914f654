use std::error::Error as StdError;

use futures_util::{Sink, SinkExt, Stream, StreamExt};

use crate::error::Error;
use crate::message::Message;
use crate::prepared::Prepared;
use crate::reader::Reader;
use crate::socket::WebSocket;

/// Relays messages between a socket and a peer until either side ends.
///
/// The peer is any stream of what is to be sent and sink for what is received. Both directions go on at the same time; a
/// peer that is not ready makes the other wait, by TCP's flow control too. What is ready together is written together.
///
/// Ends with `Ok` when the socket's client closes or the peer's stream ends.
///
/// # Errors
///
/// The socket's error, or the peer's as [`Error::peer`].
///
/// ```
/// use futures_util::{Sink, Stream};
/// use ws::{Error, Message, WebSocket};
///
/// /// Connects a browser with whatever speaks lines of text.
/// async fn terminal<P>(socket: WebSocket, shell: P) -> Result<(), Error>
/// where
///     P: Stream<Item = String> + Sink<Message, Error = std::io::Error>,
/// {
///     ws::relay(socket, shell).await
/// }
/// ```
pub async fn relay<P>(socket: WebSocket, peer: P) -> Result<(), Error>
where
    P: Stream<Item: Into<Prepared>> + Sink<Message, Error: StdError + Send + Sync + 'static>,
{
    let (reader, writer) = socket.split();
    let (sink, stream) = peer.split();
    tokio::select! {
        end = read_pump(reader, sink) => end,
        // All that is ready is written together: `forward` flushes when the stream has nothing more for now.
        end = stream.map(Ok).forward(writer) => end,
    }
}

/// Hands what comes in to the peer. Ends with `Ok` when the socket's client closes.
async fn read_pump<S>(mut reader: Reader, mut sink: S) -> Result<(), Error>
where
    S: Sink<Message, Error: StdError + Send + Sync + 'static> + Unpin,
{
    while let Some(message) = reader.recv().await? {
        sink.send(message).await.map_err(Error::peer)?;
    }
    Ok(())
}
