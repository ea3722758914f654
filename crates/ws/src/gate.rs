use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::compression::Agreed;
use crate::conf::WsConf;
use crate::inflate::{Inflater, Limits};
use crate::inspector::Inspector;
use crate::intake::Intake;
use crate::message::Message;
use crate::outbox::{Outbox, Packed};
use crate::verdict::Verdict;

/// tungstenite's own read buffer, which it holds for as long as there is something for it to do: three control frames, as none
/// is longer than 131 bytes. Its default is 128 KiB.
pub(crate) const READ_BUFFER: usize = 3 * 144;

/// How much is passed at once. When tungstenite has read a head it makes room for the payload behind whatever it holds,
/// though the payload may be there already. A third is what makes that fit in all cases, so that its buffer never grows.
const PASS: usize = READ_BUFFER / 3;

/// How many bytes, in and out, and how many frames are passed before the task lets others have the thread.
const TURN_BYTES: u64 = 512 * 1024;
const TURN_FRAMES: u64 = 1024;

/// Stands between the socket and tungstenite.
///
/// Tungstenite always plays the server's part, also where we are the client: it gets masked frames and writes plain ones.
///
/// Inbound the [`Inspector`] judges each frame by its head; after a verdict there is an end of the stream. Outbound nothing
/// passes: tungstenite sends control frames only, and these go into the outbox, which merges them with the messages at
/// frame boundaries.
pub(crate) struct Gate {
    outbox: Arc<Outbox>,
    intake: Intake,
    inspector: Inspector,
    verdict: Option<Verdict>,
    whole: Option<Message>,
    /// Whether tungstenite has been given something and has not asked for more since.
    is_passing: bool,
    /// What reading has failed with, for tungstenite.
    error: Option<io::Error>,
    received: u64,
    /// Bytes that were received, inflated and passed, all three.
    work: u64,
    /// The work and the frames when the turn began.
    turn: (u64, u64),
}

impl Gate {
    pub(crate) fn new(outbox: Arc<Outbox>, conf: &WsConf, agreed: Option<&Agreed>) -> Self {
        let role = outbox.role();
        let limits = Limits { bytes: conf.max_message_bytes, ratio: conf.compression.max_ratio.into() };
        let inflater = agreed.map(|agreed| Inflater::new(agreed.inbound(role), limits));
        Self {
            outbox,
            intake: Intake::default(),
            inspector: Inspector::new(role, conf, inflater, Instant::now()),
            verdict: None,
            whole: None,
            is_passing: false,
            error: None,
            received: 0,
            work: 0,
            turn: (0, 0),
        }
    }

    /// How many bytes have come in.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// What of that was compressed.
    pub(crate) fn packed(&self) -> Packed {
        Packed { wire: self.inspector.deflated(), plain: self.inspector.inflated() }
    }

    /// What the peer did wrong. Tungstenite has found an end of the stream there.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }

    /// The next message, if tungstenite has nothing to do and the message is there whole. `None` is for tungstenite to find out
    /// what is next.
    pub(crate) fn poll_next_whole(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        if self.is_passing || self.verdict.is_some() {
            return Poll::Ready(None);
        }
        ready!(self.poll_turn(cx));
        if !self.is_behind() {
            match ready!(self.poll_fill(cx)) {
                Ok(1..) => {}
                Ok(0) => return Poll::Ready(None),
                Err(error) => {
                    self.error = Some(error);
                    return Poll::Ready(None);
                }
            }
        }
        let mut input = self.intake.bytes();
        let before = input.len();
        let taken = self.inspector.take_next(&mut input, Instant::now);
        let read = before - input.len();
        self.intake.advance(read);
        self.work += read as u64;
        Poll::Ready(taken.unwrap_or_else(|verdict| {
            self.verdict = Some(verdict);
            None
        }))
    }

    /// The message that was found instead of anything for tungstenite, which has nothing to do until it is taken.
    pub(crate) fn take_whole(&mut self) -> Option<Message> {
        self.whole.take()
    }

    /// How far the message is that has begun and not ended; see [`Inspector::unfinished`].
    pub(crate) fn unfinished(&self) -> Option<u64> {
        self.inspector.unfinished()
    }

    /// Whether there is something that was received and not passed on.
    pub(crate) fn is_behind(&self) -> bool {
        !self.intake.is_empty() || self.inspector.has_more()
    }

    /// Whether all that has come in was passed, and tungstenite has read it and is between two frames of two messages.
    pub(crate) fn is_between(&self) -> bool {
        let is_open = self.verdict.is_none() && self.error.is_none();
        is_open
            && !self.is_passing
            && self.whole.is_none()
            && !self.is_behind()
            && self.inspector.is_between()
    }

    /// Gives back what is only held while being polled. To be called at the end of each poll.
    pub(crate) fn settle(&mut self) {
        self.intake.settle();
    }

    /// Reads and discards whatever comes in, up to the end of the stream.
    pub(crate) fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_turn(cx));
            let filled = self.poll_fill(cx);
            self.intake.settle();
            if ready!(filled)? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Poll::Ready(filled) = self.intake.poll_fill(&self.outbox, cx) else {
            self.begin_turn();
            return Poll::Pending;
        };
        let n = *filled.as_ref().unwrap_or(&0) as u64;
        self.received += n;
        self.work += n;
        Poll::Ready(filled)
    }

    /// Ready while the turn lasts. At its end the task is woken, and goes on when others had theirs.
    fn poll_turn(&mut self, cx: &Context<'_>) -> Poll<()> {
        let (bytes, frames) = self.turn;
        if self.work - bytes <= TURN_BYTES && self.inspector.frames() - frames <= TURN_FRAMES {
            return Poll::Ready(());
        }
        self.begin_turn();
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn begin_turn(&mut self) {
        self.turn = (self.work, self.inspector.frames());
    }
}

impl AsyncRead for Gate {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let gate = self.get_mut();
        gate.is_passing = false;
        if let Some(error) = gate.error.take() {
            return Poll::Ready(Err(error));
        }
        loop {
            if gate.verdict.is_some() {
                return Poll::Ready(Ok(()));
            }
            ready!(gate.poll_turn(cx));
            if !gate.is_behind() && ready!(gate.poll_fill(cx))? == 0 {
                return Poll::Ready(Ok(()));
            }
            let room = buf.remaining().min(PASS);
            let out = buf.initialize_unfilled_to(room);
            let before = gate.inspector.inflated();
            let passed = gate.inspector.pass(gate.intake.bytes(), out, Instant::now);
            let inflated = gate.inspector.inflated() - before;
            gate.intake.advance(passed.read);
            gate.verdict = passed.verdict;
            gate.work += passed.written as u64 + inflated;
            buf.advance(passed.written);
            if passed.written > 0 {
                gate.is_passing = true;
                return Poll::Ready(Ok(()));
            }
            gate.whole = gate.inspector.take_whole();
            if gate.whole.is_some() {
                return Poll::Pending; // the reader, which polls, takes it
            }
            let is_stuck = passed.read == 0 && inflated == 0 && !gate.intake.is_empty();
            if is_stuck && passed.verdict.is_none() {
                return Poll::Ready(Err(io::Error::other("no room for a frame's head")));
            }
        }
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
