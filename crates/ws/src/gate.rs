use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::outbox::Outbox;

/// Stands between the socket and tungstenite.
///
/// Inbound it passes the bytes and counts them. Outbound nothing passes: tungstenite sends control frames only, and these
/// go into the outbox, which merges them with the messages at frame boundaries.
pub(crate) struct Gate {
    outbox: Arc<Outbox>,
    received: u64,
}

impl Gate {
    pub(crate) fn new(outbox: Arc<Outbox>) -> Self {
        Self { outbox, received: 0 }
    }

    /// How many bytes have come in.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }
}

impl AsyncRead for Gate {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(self.outbox.poll_read(cx, buf))?;
        self.received += (buf.filled().len() - before) as u64;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Gate {
    fn poll_write(self: Pin<&mut Self>, _cx: &mut Context<'_>, frames: &[u8]) -> Poll<io::Result<usize>> {
        self.outbox.capture(frames);
        Poll::Ready(Ok(frames.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
