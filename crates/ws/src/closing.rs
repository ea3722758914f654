use std::io;
use std::time::Duration;

use tokio::time::timeout;

use crate::close::CloseFrame;
use crate::outbox::{Outbox, Side};
use crate::reader::Inbound;

/// Closes a connection, RFC 6455 section 7: what is queued, our close, the peer's close, then the end of the stream.
///
/// What is not done `within` the time is left out, and the caller's dropping the halves cuts the connection. Where the
/// peer closed first its echo goes out instead of `frame`.
pub(crate) async fn close(inbound: &mut Inbound, frame: &CloseFrame, within: Duration) {
    let outbox = inbound.outbox().clone();
    outbox.close(frame);
    let farewell = async {
        flush(&outbox).await?;
        if inbound.is_broken() {
            // The peer's close cannot be recognised any more, its end of the stream can. It waits for ours.
            shutdown(&outbox).await?;
            inbound.drain().await;
            return Ok(());
        }
        if !inbound.is_closed() {
            inbound.drain().await;
        }
        shutdown(&outbox).await
    };
    if !matches!(timeout(within, farewell).await, Ok(Ok::<(), io::Error>(()))) {
        tracing::debug!("the connection is cut");
    }
}

async fn flush(outbox: &Outbox) -> io::Result<()> {
    std::future::poll_fn(|cx| outbox.poll_flush(Side::Writer, cx)).await
}

async fn shutdown(outbox: &Outbox) -> io::Result<()> {
    std::future::poll_fn(|cx| outbox.poll_shutdown(cx)).await
}
