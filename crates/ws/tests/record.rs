//! A socket that remembers what is done with it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A socket that takes everything and remembers how it was given; what comes in has come together.
#[derive(Clone, Default)]
pub(crate) struct Record {
    calls: Arc<Mutex<Vec<Call>>>,
    incoming: Arc<Mutex<Vec<u8>>>,
    is_vectored: bool,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Call {
    Write(usize),
    Vectored(usize),
    Flush,
}

impl Record {
    /// One that takes several pieces at once.
    pub(crate) fn vectored() -> Self {
        Self { is_vectored: true, ..Self::default() }
    }

    /// Lets that come in.
    pub(crate) fn say(&self, bytes: Vec<u8>) {
        *self.incoming.lock().expect("no panic") = bytes;
    }

    fn note(&self, call: Call) {
        self.calls.lock().expect("no panic").push(call);
    }

    /// What came since the last time.
    pub(crate) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.calls.lock().expect("no panic"))
    }
}

impl AsyncRead for Record {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let incoming = std::mem::take(&mut *self.incoming.lock().expect("no panic"));
        if incoming.is_empty() {
            return Poll::Pending;
        }
        buffer.put_slice(&incoming);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Record {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.note(Call::Write(bytes.len()));
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.note(Call::Vectored(slices.len()));
        Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        self.is_vectored
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.note(Call::Flush);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
