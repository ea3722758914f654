use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncWrite;

use crate::outbox::Transport;

/// The bytes of one write: short frames copied together, long ones as they are.
#[derive(Default)]
pub(crate) struct Batch {
    /// The first frame. Usually it is the only one, and there is nothing to copy and nothing to allocate.
    head: Bytes,
    tail: VecDeque<Bytes>,
    /// The short frames at the end.
    gathered: BytesMut,
}

impl Batch {
    pub(crate) fn push(&mut self, frame: Bytes) {
        if !self.has_remaining() {
            self.head = frame;
            return;
        }
        if frame.len() >= GATHER {
            if !self.gathered.is_empty() {
                self.tail.push_back(mem::take(&mut self.gathered).freeze());
            }
            self.tail.push_back(frame);
            return;
        }
        if self.head.len() < GATHER && self.tail.is_empty() && self.gathered.is_empty() {
            self.gathered.extend_from_slice(&mem::take(&mut self.head));
        }
        self.gathered.extend_from_slice(&frame);
    }

    pub(crate) fn poll_write(
        &self,
        io: Pin<&mut Box<dyn Transport>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut count = 0;
        for (slice, segment) in slices.iter_mut().zip(self.segments()) {
            *slice = IoSlice::new(segment);
            count += 1;
        }
        match &slices[..count] {
            [only] => io.poll_write(cx, only),
            several => io.poll_write_vectored(cx, several),
        }
    }

    pub(crate) fn advance(&mut self, mut n: usize) {
        let of_head = n.min(self.head.len());
        self.head.advance(of_head);
        n -= of_head;
        while let Some(segment) = self.tail.front_mut() {
            if n < segment.len() {
                return segment.advance(n);
            }
            n -= segment.len();
            self.tail.pop_front();
        }
        self.gathered.advance(n);
        if !self.has_remaining() {
            *self = Self::default(); // what was written is not kept
        }
    }

    /// How many bytes are still to be written.
    pub(crate) fn remaining(&self) -> usize {
        self.segments().map(<[u8]>::len).sum()
    }

    pub(crate) fn has_remaining(&self) -> bool {
        self.segments().next().is_some()
    }

    fn segments(&self) -> impl Iterator<Item = &[u8]> {
        let tail = self.tail.iter().map(|segment| &**segment);
        std::iter::once(&*self.head)
            .chain(tail)
            .chain([&*self.gathered])
            .filter(|segment| !segment.is_empty())
    }
}

/// A frame under this length is copied together with its neighbours, a longer one is written from where it is.
/// Below some 4 KiB the copy is cheaper than a further element of a vectored write.
pub(crate) const GATHER: usize = 4096;

/// How many segments one write has at most; what does not fit goes with the next.
const MAX_SLICES: usize = 16;
