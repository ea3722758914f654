use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::iter;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use tokio::task::coop::has_budget_remaining;

use super::{MAX_BATCH_MESSAGES, Traffic, Transport};
use crate::batch::Batch;
use crate::close::CloseFrame;
use crate::frame::FIN;
use crate::mask;
use crate::prepared::Frame;
use crate::role::Role;

/// What is to be written, and where to. Behind the outbox's lock.
///
/// In this order in memory: what a write needs that finds nothing queued stands together.
#[repr(C)]
pub(super) struct State {
    /// `None` once the connection is cut.
    pub(super) io: Option<Box<dyn Transport>>,
    /// Where we are the client, each frame is masked when its write begins.
    pub(super) role: Role,
    pub(super) is_closed: bool,
    /// Whether a message in parts is going out, which no other may interrupt.
    pub(super) is_streaming: bool,
    /// Whether the handler is in a turn, at whose end everything queued is written.
    pub(super) is_corked: bool,
    /// Whether the socket took nothing when it was last offered something.
    pub(super) is_stuck: bool,
    pub(super) ping: Option<[u8; 4]>,
    /// Those that go out together; see [`State::pong`].
    pub(super) pongs: VecDeque<Bytes>,
    pub(super) close: Option<Bytes>,
    /// Frames of messages that are not in a batch yet.
    pub(super) queue: VecDeque<Frame>,
    /// The frames of the write that is going on.
    pub(super) batch: Batch,
    pub(super) sent: Traffic,
    /// How many messages' frames have ever been in a batch, and in one that is written.
    pub(super) begun: u64,
    pub(super) written: u64,
    /// How often the socket went on after it was stuck.
    pub(super) resumed: u64,
    pub(super) queued_bytes: usize,
    /// What our own close says, where we were the first.
    pub(super) close_frame: Option<CloseFrame>,
}

impl State {
    pub(super) fn new(io: Box<dyn Transport>, role: Role) -> Self {
        Self {
            io: Some(io),
            role,
            is_closed: false,
            is_streaming: false,
            is_corked: false,
            is_stuck: false,
            ping: None,
            pongs: VecDeque::new(),
            close: None,
            queue: VecDeque::new(),
            batch: Batch::default(),
            sent: Traffic::default(),
            begun: 0,
            written: 0,
            resumed: 0,
            queued_bytes: 0,
            close_frame: None,
        }
    }

    /// Queues a pong. Pings that come in together are answered together; while the socket takes nothing, the newest ping
    /// alone is, which is all that RFC 6455 section 5.5.3 asks for. So a flood of pings cannot fill the memory.
    pub(super) fn pong(&mut self, frame: Bytes) {
        if self.batch.has_remaining() {
            self.pongs.clear();
        }
        if self.pongs.len() == MAX_PONGS {
            self.pongs.pop_front();
        }
        self.pongs.push_back(frame);
    }

    /// Writes a message's frame where nothing is queued.
    pub(super) fn write_frame(&mut self, frame: Frame, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.role == Role::Server && self.is_taken_as_it_is(&frame) {
            return self.write_now(frame.pieces(), 1, cx);
        }
        self.push(frame);
        self.poll_flush(cx)
    }

    /// Writes a server's frame of one message, or those of several, where nothing is queued. The rest, if the socket does not
    /// take all, becomes the batch.
    pub(super) fn write_now(
        &mut self,
        (front, apart): (&Bytes, Option<&Bytes>),
        messages: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let mut taken = 0;
        if !self.has_control() {
            let io = Pin::new(self.io.as_mut().ok_or(io::ErrorKind::NotConnected)?);
            let written = match apart {
                None => io.poll_write(cx, front),
                Some(apart) => io.poll_write_vectored(cx, &[IoSlice::new(front), IoSlice::new(apart)]),
            };
            // What it says otherwise, it says again below.
            if let Poll::Ready(Ok(n @ 1..)) = written {
                self.note(n);
                taken = n;
            }
        }
        if taken < front.len() + apart.map_or(0, Bytes::len) {
            self.begin(iter::empty());
        }
        for piece in iter::once(front).chain(apart) {
            let of_piece = taken.min(piece.len());
            taken -= of_piece;
            if of_piece < piece.len() {
                self.batch.push(piece.slice(of_piece..));
            }
        }
        self.begun += messages as u64;
        self.sent.messages += messages as u64;
        self.poll_flush(cx)
    }

    /// Notes what the socket has taken.
    fn note(&mut self, bytes: usize) {
        self.sent.bytes += bytes as u64;
        self.resumed += u64::from(mem::take(&mut self.is_stuck));
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while self.batch.has_remaining() {
                let io = Pin::new(self.io.as_mut().ok_or(io::ErrorKind::NotConnected)?);
                let Poll::Ready(written) = self.batch.poll_write(io, cx) else {
                    // Or it is this task that has written enough for now.
                    self.is_stuck |= has_budget_remaining();
                    return Poll::Pending;
                };
                let n = written?;
                if n == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.batch.advance(n);
                self.note(n);
            }
            if !self.next_batch() {
                return Pin::new(self.io.as_mut().ok_or(io::ErrorKind::NotConnected)?).poll_flush(cx);
            }
        }
    }

    /// Queues a frame, and returns its place.
    pub(super) fn push(&mut self, frame: Frame) -> u64 {
        self.queued_bytes += frame.len();
        self.queue.push_back(frame);
        self.begun + self.queue.len() as u64
    }

    pub(super) fn has_room(&self, max_queued: usize) -> bool {
        !self.is_streaming && self.queue.len() < MAX_BATCH_MESSAGES && self.queued_bytes < max_queued
    }

    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.queued_bytes = 0;
    }

    pub(super) fn has_control(&self) -> bool {
        self.ping.is_some() || !self.pongs.is_empty() || self.close.is_some()
    }

    pub(super) fn has_work(&self) -> bool {
        self.batch.has_remaining() || !self.queue.is_empty()
    }

    /// Puts together what goes into the next write: control frames, then messages up to the budget, then the close.
    pub(super) fn next_batch(&mut self) -> bool {
        if self.queue.is_empty() && !self.has_control() {
            return false;
        }
        let mut bytes = 0;
        let mut messages = 0;
        for frame in &self.queue {
            if messages == MAX_BATCH_MESSAGES || (messages > 0 && bytes + frame.len() > MAX_BATCH_BYTES) {
                break;
            }
            bytes += frame.len();
            messages += 1;
        }
        self.queued_bytes -= bytes;
        let mut queue = mem::take(&mut self.queue);
        self.begin(queue.drain(..messages));
        if queue.is_empty() {
            if let Some(close) = self.close.take() {
                self.put_control(close);
            }
        } else {
            self.queue = queue; // an empty one is dropped: an idle connection holds no memory of its last burst
        }
        self.batch.has_remaining()
    }

    /// Begins a batch with these messages, and the control frames that are due before them.
    pub(super) fn begin(&mut self, messages: impl Iterator<Item = Frame>) {
        let ping = self.ping.take().map(|[a, b, c, d]| Bytes::copy_from_slice(&[0x89, 4, a, b, c, d]));
        let control = mem::take(&mut self.pongs).into_iter().chain(ping);
        control.for_each(|frame| self.put_control(frame));
        self.written = self.begun;
        for frame in messages {
            self.begun += 1;
            self.sent.messages += u64::from(frame.first() & FIN != 0);
            self.put(frame);
        }
    }

    /// Puts a frame into the batch. A client masks each with a key of its own, also one that others send too.
    fn put(&mut self, frame: Frame) {
        if self.role == Role::Client {
            return self.batch.push(mask::masked(frame.head(), frame.payload()));
        }
        let is_taken = self.is_taken_as_it_is(&frame);
        let frame = if is_taken { frame } else { Frame::copied(frame.first(), frame.payload()) };
        let (front, apart) = frame.into_pieces();
        self.batch.push(front);
        if let Some(apart) = apart {
            self.batch.push(apart);
        }
    }

    /// The same for a control frame.
    fn put_control(&mut self, frame: Bytes) {
        self.batch.push(match self.role {
            Role::Server => frame,
            Role::Client => mask::masked(&frame[..2], &frame[2..]),
        });
    }

    /// Whether the socket takes all pieces of a frame at once. HTTP/2 would make a frame of its own of each.
    fn is_taken_as_it_is(&self, frame: &Frame) -> bool {
        frame.pieces().1.is_none() || self.io.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }
}

/// How many bytes go into one write, beside [`MAX_BATCH_MESSAGES`], so that a pong or a close waits for no more than this.
pub(super) const MAX_BATCH_BYTES: usize = 64 * 1024;

/// How many pongs go out together at most.
const MAX_PONGS: usize = 16;
