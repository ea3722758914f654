use std::cell::Cell;
use std::io;
use std::task::{Context, Poll, ready};

use tokio::io::ReadBuf;

use crate::outbox::Outbox;

/// What has been read from the socket and not been passed on.
///
/// It is read in large pieces, into a buffer that the threads have and not the connections: a connection borrows it while
/// it is being polled, and keeps what it could not pass on in a buffer of just that length.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    bytes: Vec<u8>,
    begin: usize,
    end: usize,
}

/// How much is read at once.
const PIECE: usize = 64 * 1024;

thread_local! {
    /// Zeroed once, not with each read. Its content is of no meaning while nobody has borrowed it.
    static PIECES: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Intake {
    /// What was read.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[self.begin..self.end]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.begin == self.end
    }

    /// Takes bytes off the front.
    pub(crate) fn advance(&mut self, n: usize) {
        self.begin += n;
    }

    /// Reads the next piece, once nothing is left of the last; 0 at the end of the stream.
    pub(crate) fn poll_fill(&mut self, outbox: &Outbox, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.bytes.len() < PIECE {
            self.bytes = PIECES.take();
            self.bytes.resize(PIECE, 0);
        }
        (self.begin, self.end) = (0, 0);
        let mut buf = ReadBuf::new(&mut self.bytes);
        ready!(outbox.poll_read(cx, &mut buf))?;
        self.end = buf.filled().len();
        Poll::Ready(Ok(self.end))
    }

    /// Gives the thread's buffer back, at the end of each poll.
    pub(crate) fn settle(&mut self) {
        if self.bytes.len() < PIECE && !self.is_empty() {
            return; // it is a buffer of its own already
        }
        let left = self.bytes().to_vec();
        let piece = std::mem::replace(&mut self.bytes, left);
        (self.begin, self.end) = (0, self.bytes.len());
        if piece.len() == PIECE {
            PIECES.set(piece);
        }
    }
}
