use std::collections::VecDeque;
use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::coop::has_budget_remaining;

use crate::batch::Batch;
use crate::close::CloseFrame;
use crate::deflate::Deflater;
use crate::error::{Error, Kind};
use crate::mask;
use crate::prepared::Prepared;
use crate::role::Role;

/// What a socket's bytes go over.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// How many bytes and messages go into one write, so that a pong or a close waits for no more than this.
const MAX_BATCH_BYTES: usize = 64 * 1024;
pub(crate) const MAX_BATCH_MESSAGES: usize = 64;

const NO_RTT: u64 = u64::MAX;

/// How many pongs go out together at most.
const MAX_PONGS: usize = 16;

/// A socket, and what is still to be written to it.
///
/// Shared by the reader's half, which puts pongs and closes into it, the writer's half, which puts messages, and the
/// session, which closes. The lock is short: it is held for one non-blocking call, never across an await. A frame is
/// never torn, control frames go before messages, and nothing goes after a close.
pub(crate) struct Outbox {
    state: Mutex<State>,
    wakers: Arc<Wakers>,
    /// `wakers` as the socket sees them.
    waker: Waker,
    /// Whether the engine has asked the socket to end, and its reader has not said so yet.
    stopping: AtomicBool,
    /// In microseconds, [`NO_RTT`] before the first.
    rtt: AtomicU64,
    /// Where compression was agreed on.
    deflater: Option<Deflater>,
    role: Role,
}

struct State {
    /// Where we are the client, each frame is masked when its write begins.
    role: Role,
    /// `None` once the connection is cut.
    io: Option<Box<dyn Transport>>,
    /// The frames of the write that is going on.
    batch: Batch,
    /// Messages that are not in a batch yet.
    queue: VecDeque<Bytes>,
    ping: Option<[u8; 4]>,
    /// Those that go out together; see [`State::pong`].
    pongs: VecDeque<Bytes>,
    close: Option<Bytes>,
    is_closed: bool,
    /// What our own close says, where we were the first.
    close_frame: Option<CloseFrame>,
    sent: Traffic,
    /// Whether the socket took nothing when it was last offered something.
    is_stuck: bool,
    /// How often the socket went on after it was stuck.
    resumed: u64,
}

/// What went one way, for the closing line.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

/// Who waits for the socket to take bytes.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    Reader,
    Writer,
}

impl Outbox {
    pub(crate) fn new(io: impl Transport + 'static, role: Role, deflater: Option<Deflater>) -> Self {
        let wakers = Arc::new(Wakers::default());
        let state = State {
            role,
            io: Some(Box::new(io)),
            batch: Batch::default(),
            queue: VecDeque::new(),
            ping: None,
            pongs: VecDeque::new(),
            close: None,
            is_closed: false,
            close_frame: None,
            sent: Traffic::default(),
            is_stuck: false,
            resumed: 0,
        };
        let waker = wakers.clone().into();
        let (stopping, rtt) = (AtomicBool::new(false), AtomicU64::new(NO_RTT));
        Self { state: Mutex::new(state), wakers, waker, stopping, rtt, deflater, role }
    }

    /// Which end of the connection this is.
    pub(crate) fn role(&self) -> Role {
        self.role
    }

    pub(crate) fn deflater(&self) -> Option<&Deflater> {
        self.deflater.as_ref()
    }

    /// The frame that this connection gets for a message, whatever it got before: the compressed one where that was agreed
    /// on and pays.
    pub(crate) fn frame(&self, message: &Prepared) -> Bytes {
        self.deflater.map_or_else(|| message.frame().clone(), |deflater| deflater.shared(message))
    }

    /// Queues a message's frame.
    pub(crate) fn push(&self, frame: Bytes) -> Result<(), Error> {
        let mut state = self.state();
        if state.is_closed {
            return Err(Kind::Closed.into());
        }
        state.queue.push_back(frame);
        Ok(())
    }

    /// Takes all of these frames and writes what the socket takes now, or takes none where something is queued already.
    ///
    /// For whoever is not the connection's own task, and hence cannot wait: what is left is that task's, which is woken.
    pub(crate) fn try_write(&self, frames: impl Iterator<Item = Bytes>) -> bool {
        let mut state = self.state();
        if state.is_closed || state.has_work() {
            return false;
        }
        state.begin(frames);
        if !matches!(state.poll_flush(&mut Context::from_waker(&self.waker)), Poll::Ready(Ok(()))) {
            self.wakers.writer.wake();
        }
        true
    }

    /// Queues a ping, in the place of one that is queued already.
    pub(crate) fn ping(&self, payload: [u8; 4]) {
        let mut state = self.state();
        if !state.is_closed {
            state.ping = Some(payload);
        }
    }

    /// Notes how long a ping took to be answered.
    pub(crate) fn set_rtt(&self, rtt: Duration) {
        let micros = u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX);
        self.rtt.store(micros, Ordering::Relaxed);
    }

    /// How long the last ping took that was answered.
    pub(crate) fn rtt(&self) -> Option<Duration> {
        let micros = self.rtt.load(Ordering::Relaxed);
        (micros != NO_RTT).then(|| Duration::from_micros(micros))
    }

    /// Takes over the control frames that tungstenite wants to send.
    pub(crate) fn capture(&self, mut frames: &[u8]) {
        let mut state = self.state();
        // They are unmasked, as tungstenite always plays the server, and no longer than a control frame can be.
        while let [first, len, rest @ ..] = frames {
            let end = 2 + usize::from(*len).min(rest.len());
            let frame = Bytes::copy_from_slice(&frames[..end]);
            frames = &frames[end..];
            match first & 0x0f {
                _ if state.is_closed => {}
                0xa => state.pong(frame),
                _ => {
                    state.close = Some(frame);
                    state.is_closed = true;
                }
            }
        }
    }

    /// Queues a close behind the messages that are queued, unless there is one already.
    pub(crate) fn close(&self, frame: &CloseFrame) {
        let mut state = self.state();
        if !state.is_closed {
            state.close = Some(frame.to_wire());
            state.close_frame = Some(frame.clone());
            state.is_closed = true;
        }
    }

    /// Drops the messages that no write has begun with.
    pub(crate) fn clear(&self) {
        self.state().queue.clear();
    }

    /// What our own close said; `None` where there is none or it is the echo of the peer's.
    pub(crate) fn close_frame(&self) -> Option<CloseFrame> {
        self.state().close_frame.clone()
    }

    /// How many frames wait for the next write.
    pub(crate) fn queued(&self) -> usize {
        self.state().queue.len()
    }

    /// How many messages and bytes the socket has taken. It grows while there is progress.
    pub(crate) fn sent(&self) -> Traffic {
        self.state().sent
    }

    /// The same, and how often the socket went on after it took nothing for a while, which only a peer that lives can make
    /// it do.
    pub(crate) fn progress(&self) -> (Traffic, u64) {
        let state = self.state();
        (state.sent, state.resumed)
    }

    /// Ends the connection, whoever has a half of it: nothing can be read or written any more.
    pub(crate) fn cut(&self) {
        let mut state = self.state();
        state.io = None;
        state.is_closed = true;
        state.queue.clear();
        drop(state);
        self.waker.wake_by_ref();
    }

    /// Asks the socket to end: its reader's next `recv` says so, once.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.wakers.reader.wake();
    }

    /// Whether the reader is to say that the engine stops.
    pub(crate) fn take_stop(&self) -> bool {
        self.stopping.load(Ordering::Acquire) && self.stopping.swap(false, Ordering::AcqRel)
    }

    /// Lets `cx` be woken by [`stop`](Self::stop), and by the socket while a flush of this side is pending.
    pub(crate) fn register(&self, side: Side, cx: &Context<'_>) {
        match side {
            Side::Reader => self.wakers.reader.register(cx.waker()),
            Side::Writer => self.wakers.writer.register(cx.waker()),
        }
    }

    /// Writes until nothing is queued or the socket takes no more.
    pub(crate) fn poll_flush(&self, side: Side, cx: &Context<'_>) -> Poll<io::Result<()>> {
        self.register(side, cx);
        // Both sides may wait at once, and a socket remembers one waker only: it gets one that wakes both.
        self.state().poll_flush(&mut Context::from_waker(&self.waker))
    }

    /// Ends the outbound half of the connection.
    pub(crate) fn poll_shutdown(&self, side: Side, cx: &Context<'_>) -> Poll<io::Result<()>> {
        self.register(side, cx);
        let cx = &mut Context::from_waker(&self.waker);
        let mut state = self.state();
        Pin::new(state.io.as_mut().ok_or(io::ErrorKind::NotConnected)?).poll_shutdown(cx)
    }

    /// Reads from the socket; the end of the stream where it is cut.
    pub(crate) fn poll_read(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.state().io {
            Some(io) => Pin::new(io).poll_read(cx, buf),
            None => Poll::Ready(Ok(())),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change leaves the state whole, so that a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Queues a pong. Pings that come in together are answered together; while the socket takes nothing, the newest ping
    /// alone is, which is all that RFC 6455 section 5.5.3 asks for. So a flood of pings cannot fill the memory.
    fn pong(&mut self, frame: Bytes) {
        if self.batch.has_remaining() {
            self.pongs.clear();
        }
        if self.pongs.len() == MAX_PONGS {
            self.pongs.pop_front();
        }
        self.pongs.push_back(frame);
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut io = Pin::new(self.io.as_mut().ok_or(io::ErrorKind::NotConnected)?);
            while self.batch.has_remaining() {
                let Poll::Ready(written) = self.batch.poll_write(io.as_mut(), cx) else {
                    // Or it is this task that has written enough for now.
                    self.is_stuck |= has_budget_remaining();
                    return Poll::Pending;
                };
                let n = written?;
                if n == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.batch.advance(n);
                self.sent.bytes += n as u64;
                self.resumed += u64::from(mem::take(&mut self.is_stuck));
            }
            if !self.next_batch() {
                return Pin::new(self.io.as_mut().ok_or(io::ErrorKind::NotConnected)?).poll_flush(cx);
            }
        }
    }

    fn has_work(&self) -> bool {
        self.batch.has_remaining() || !self.queue.is_empty()
    }

    /// Puts together what goes into the next write: control frames, then messages up to the budget, then the close.
    fn next_batch(&mut self) -> bool {
        let mut bytes = 0;
        let mut messages = 0;
        for frame in &self.queue {
            if messages == MAX_BATCH_MESSAGES || (messages > 0 && bytes + frame.len() > MAX_BATCH_BYTES) {
                break;
            }
            bytes += frame.len();
            messages += 1;
        }
        let mut queue = mem::take(&mut self.queue);
        self.begin(queue.drain(..messages));
        if queue.is_empty() {
            if let Some(close) = self.close.take() {
                self.put(close);
            }
        } else {
            self.queue = queue; // an empty one is dropped: an idle connection holds no memory of its last burst
        }
        self.batch.has_remaining()
    }

    /// Begins a batch with these messages, and the control frames that are due before them.
    fn begin(&mut self, messages: impl Iterator<Item = Bytes>) {
        let ping = self.ping.take().map(|[a, b, c, d]| Bytes::copy_from_slice(&[0x89, 4, a, b, c, d]));
        let control = mem::take(&mut self.pongs).into_iter().chain(ping);
        control.for_each(|frame| self.put(frame));
        for frame in messages {
            self.put(frame);
            self.sent.messages += 1;
        }
    }

    /// Puts a frame into the batch. A client masks each with a key of its own, also one that others send too.
    fn put(&mut self, frame: Bytes) {
        self.batch.push(match self.role {
            Role::Server => frame,
            Role::Client => mask::masked(&frame),
        });
    }
}

/// Wakes whoever waits on either side.
#[derive(Default)]
struct Wakers {
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.reader.wake();
        self.writer.wake();
    }
}
