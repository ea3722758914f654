use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;

use crate::deflate::Streaming;
use crate::error::Error;
use crate::frame::{BINARY, CONTINUATION, FIN, RSV1, TEXT};
use crate::prepared::Frame;
use crate::writer::Writer;

/// Sends one message in parts: gorilla's `NextWriter`. `T` is `str` or `[u8]`.
///
/// It is made by [`Writer::stream_text`] and [`Writer::stream_binary`]. Each part goes out as a fragment, those over 64 KiB
/// as several, so that pings and pongs get through in between. What others send meanwhile waits for the message's end.
///
/// Where compression was agreed on, all of it is compressed, which holds a compressor of some 300 KiB until the end.
///
/// One that is dropped before [`finish`](Self::finish) closes the connection with 1011: the peer has half a message, and
/// must not take it for a whole one.
#[must_use = "a message has no end before `finish`"]
pub struct MessageWriter<'a, T: ?Sized> {
    writer: &'a mut Writer,
    /// Of the next fragment.
    first: u8,
    /// Where compression was agreed on.
    deflate: Option<Streaming>,
    is_finished: bool,
    parts: PhantomData<fn(&T)>,
}

impl<'a> MessageWriter<'a, str> {
    pub(crate) fn text(writer: &'a mut Writer, deflate: Option<Streaming>) -> Self {
        Self::new(writer, TEXT, deflate)
    }
}

impl<'a> MessageWriter<'a, [u8]> {
    pub(crate) fn binary(writer: &'a mut Writer, deflate: Option<Streaming>) -> Self {
        Self::new(writer, BINARY, deflate)
    }
}

impl<'a, T: AsRef<[u8]> + ?Sized> MessageWriter<'a, T> {
    fn new(writer: &'a mut Writer, opcode: u8, deflate: Option<Streaming>) -> Self {
        let first = if deflate.is_some() { RSV1 | opcode } else { opcode };
        Self { writer, first, deflate, is_finished: false, parts: PhantomData }
    }

    /// Sends a part: returns when the socket has taken it. What is compressed may stay behind, until more has come together.
    ///
    /// # Errors
    ///
    /// Those of [`Writer::send`].
    ///
    /// # Cancel safety
    ///
    /// A part whose `write` was dropped is either not in the message at all, or whole.
    pub async fn write(&mut self, part: &T) -> Result<(), Error> {
        self.writer.room().await?;
        let part = part.as_ref();
        match &mut self.deflate {
            None => self.put(part)?,
            Some(deflate) => {
                let part = deflate.compress(part)?;
                self.put(&part)?;
            }
        }
        self.writer.flush().await
    }

    /// Sends the end of the message.
    ///
    /// # Errors
    ///
    /// Those of [`Writer::send`].
    ///
    /// # Cancel safety
    ///
    /// Once it was polled the end is queued.
    pub async fn finish(mut self) -> Result<(), Error> {
        let rest = self
            .deflate
            .take()
            .map_or_else(|| Ok(Bytes::new()), |deflate| self.writer.outbox().end_deflate(deflate))?;
        self.is_finished = true;
        self.writer.outbox().push_fragment(Frame::sharing(FIN | self.first, rest))?;
        self.writer.outbox().end_stream();
        self.writer.flush().await
    }

    /// Queues what is ready, in fragments.
    fn put(&mut self, payload: &[u8]) -> Result<(), Error> {
        for piece in payload.chunks(MAX_FRAGMENT) {
            self.writer.outbox().push_fragment(Frame::copied(self.first, piece))?;
            self.first = CONTINUATION;
        }
        Ok(())
    }
}

/// How long a fragment is at most.
const MAX_FRAGMENT: usize = 64 * 1024;

impl<T: ?Sized> Drop for MessageWriter<'_, T> {
    fn drop(&mut self) {
        if !self.is_finished {
            self.writer.outbox().break_stream();
        }
    }
}

impl<T: ?Sized> fmt::Debug for MessageWriter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageWriter").finish_non_exhaustive()
    }
}
