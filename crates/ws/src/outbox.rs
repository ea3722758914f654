use std::borrow::Borrow;
use std::io;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::close::{CloseCode, CloseFrame};
use crate::conf::WsConf;
use crate::deflate::{Deflater, History, Streaming};
use crate::error::{Error, Kind};
use crate::joined::Joined;
use crate::prepared::{Frame, Prepared};
use crate::role::Role;
use crate::sync::{AtomicBool, AtomicU64, Mutex, MutexGuard};
use crate::wakers::Wakers;

mod state;
mod traffic;

use self::state::State;
pub(crate) use self::traffic::{Backlog, Packed, Traffic};

/// What a socket's bytes go over.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

const NO_RTT: u64 = u64::MAX;

/// How many messages go into one write at most.
pub(crate) const MAX_BATCH_MESSAGES: usize = 64;

/// A socket, and what is still to be written to it.
///
/// Shared by the reader's half, which puts pongs and closes into it, the writer's half and the senders, which put messages,
/// and the session, which closes. The lock is short: it is held for one non-blocking call, never across an await. A frame is
/// never torn, control frames go before messages, and nothing goes after a close.
///
/// In this order in memory, so that what a write needs comes first.
#[repr(C)]
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
    /// Where that has context takeover. Locked before the state, from the making of a frame to its queueing.
    history: Mutex<History>,
    /// From how many queued bytes on there is no room.
    max_queued: usize,
    /// How long the peer may take nothing.
    write_timeout: Duration,
    role: Role,
}

/// Who waits for the socket to take bytes.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    Reader,
    Writer,
    /// The task that runs the handler, at the end of a turn.
    Handler,
    Sender,
}

impl Outbox {
    pub(crate) fn new(
        io: impl Transport + 'static,
        role: Role,
        deflater: Option<Deflater>,
        conf: &WsConf,
    ) -> Self {
        let wakers = Arc::new(Wakers::default());
        let state = State::new(Box::new(io), role);
        let waker = wakers.clone().into();
        let (stopping, rtt) = (AtomicBool::new(false), AtomicU64::new(NO_RTT));
        let (state, history) = (Mutex::new(state), Mutex::new(History::default()));
        let (max_queued, write_timeout) = (conf.max_queued_bytes, conf.write_timeout);
        Self { state, wakers, waker, stopping, rtt, deflater, history, max_queued, write_timeout, role }
    }

    /// Which end of the connection this is.
    pub(crate) fn role(&self) -> Role {
        self.role
    }

    pub(crate) fn write_timeout(&self) -> Duration {
        self.write_timeout
    }

    pub(crate) fn deflater(&self) -> Option<&Deflater> {
        self.deflater.as_ref()
    }

    /// The frame that this connection gets for a message, whatever it got before: the compressed one where that was agreed
    /// on and pays.
    pub(crate) fn frame(&self, message: &Prepared) -> Frame {
        message.frame_for(self.deflater)
    }

    /// Queues a message, whether there is [room](Self::has_room) or not.
    pub(crate) fn feed(&self, message: Prepared) -> Result<(), Error> {
        if self.deflater.is_none() {
            let length = message.len();
            return self.push(message.into_frame(), length, true).map(drop);
        }
        self.queue(&message, true).map(drop)
    }

    /// Queues a message and returns its place in the queue; `None` where there is no room.
    pub(crate) fn try_feed(&self, message: &Prepared) -> Result<Option<u64>, Error> {
        self.queue(message, false)
    }

    fn queue(&self, message: &Prepared, is_forced: bool) -> Result<Option<u64>, Error> {
        let Some(deflater) = self.deflater.filter(Deflater::has_takeover) else {
            return self.push(self.frame(message), message.len(), is_forced);
        };
        let mut history = self.history();
        // Nobody else can take the room or begin to stream, and what the history knows must be sent.
        if !is_forced && !self.has_room() {
            return Ok(None);
        }
        self.push(deflater.own(&mut history, message), message.len(), true)
    }

    /// Queues the frame of a message that is so long when it is not compressed.
    fn push(&self, frame: Frame, plain: usize, is_forced: bool) -> Result<Option<u64>, Error> {
        let mut state = self.state();
        if state.is_closed {
            return Err(Kind::Closed.into());
        }
        if !is_forced && !state.has_room(self.max_queued) {
            return Ok(None);
        }
        state.sent.packed.add(&frame, plain);
        Ok(Some(state.push(frame)))
    }

    /// Whether there is room for a message.
    pub(crate) fn has_room(&self) -> bool {
        self.state().has_room(self.max_queued)
    }

    /// Lets what a handler [sends](Self::may_hold) wait for the end of its turn, or not any more: what is queued from then on its
    /// senders write themselves.
    pub(crate) fn set_corked(&self, is_corked: bool) {
        self.state().is_corked = is_corked;
    }

    /// Writes what has waited for the end of the turn.
    pub(crate) fn flush_turn(&self, cx: &Context<'_>) {
        let has_work = self.state().has_work();
        if has_work && matches!(self.poll_flush(Side::Handler, cx), Poll::Ready(Err(_))) {
            self.wakers.reader.wake(); // who finds the same, and tells the handler
        }
    }

    /// Whether what was just queued can wait for the end of the turn: there is one, the socket has taken all before it, and it
    /// fits into one write.
    pub(crate) fn may_hold(&self) -> bool {
        let state = self.state();
        state.is_corked && !state.batch.has_remaining() && state.queued_bytes < state::MAX_BATCH_BYTES
    }

    /// Whether there are messages that the socket has not taken.
    pub(crate) fn has_messages(&self) -> bool {
        let state = self.state();
        !state.queue.is_empty() || (state.batch.has_remaining() && state.written < state.begun)
    }

    /// Whether a ping, a pong or a close is to go out.
    pub(crate) fn has_control(&self) -> bool {
        self.state().has_control()
    }

    /// Whether the socket has taken the message with this place.
    pub(crate) fn has_written(&self, place: u64) -> bool {
        let state = self.state();
        let written = if state.batch.has_remaining() { state.written } else { state.begun };
        place <= written
    }

    /// Begins a message in parts. Others wait for its end.
    pub(crate) fn begin_stream(&self) -> Option<Streaming> {
        let mut history = self.history();
        self.state().is_streaming = true;
        self.deflater.map(|deflater| deflater.stream(&mut history))
    }

    /// The last that there is to say of a message that was compressed in parts.
    pub(crate) fn end_deflate(&self, stream: Streaming) -> Result<Bytes, Error> {
        let deflater = self.deflater.as_ref().ok_or(Kind::Closed)?;
        deflater.end_stream(&mut self.history(), stream)
    }

    /// Queues a fragment of the message in parts.
    pub(crate) fn push_fragment(&self, frame: Frame) -> Result<(), Error> {
        let length = frame.len();
        self.push(frame, length, true).map(drop)
    }

    /// Ends the message in parts, whose last fragment is queued.
    pub(crate) fn end_stream(&self) {
        self.state().is_streaming = false;
        self.wakers.wake_senders();
    }

    /// Ends the connection for a message in parts that is never finished.
    pub(crate) fn break_stream(&self) {
        self.close(&CloseFrame::new(CloseCode::INTERNAL_ERROR, "a message was left unfinished"));
        self.waker.wake_by_ref();
    }

    /// Takes all of these messages and writes what the socket takes now, or takes none where something is queued already.
    ///
    /// For whoever is not the connection's own task, and hence cannot wait: what is left is that task's, which is woken.
    pub(crate) fn try_write<P: Borrow<Prepared>>(&self, mut messages: impl Iterator<Item = P>) -> bool {
        let mut state = self.state();
        if state.is_closed || state.is_streaming || state.has_work() {
            return false;
        }
        let (cx, deflater) = (&mut Context::from_waker(&self.waker), self.deflater);
        let Some(first) = messages.next() else { return true };
        let flushed = if let Some(second) = messages.next() {
            let joined = Joined::join([first, second].into_iter().chain(messages), deflater);
            // A client masks each frame for itself.
            let flushed = match joined.bytes().filter(|_| self.role == Role::Server) {
                Some((bytes, packed)) => {
                    state.sent.packed += packed;
                    state.write_now((bytes, None), joined.len(), cx)
                }
                None => {
                    for message in joined.messages() {
                        let frame = self.frame(message);
                        state.sent.packed.add(&frame, message.len());
                        state.push(frame);
                    }
                    state.poll_flush(cx)
                }
            };
            joined.keep();
            flushed
        } else {
            let message = first.borrow();
            let frame = message.frame_for(deflater);
            state.sent.packed.add(&frame, message.len());
            state.write_frame(frame, cx)
        };
        if !matches!(flushed, Poll::Ready(Ok(()))) {
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
        self.state().clear();
    }

    /// What our own close said; `None` where there is none or it is the echo of the peer's.
    pub(crate) fn close_frame(&self) -> Option<CloseFrame> {
        self.state().close_frame.clone()
    }

    /// How many messages and bytes the socket has taken. It grows while there is progress.
    pub(crate) fn sent(&self) -> Traffic {
        self.state().sent
    }

    /// How much the socket has not taken.
    pub(crate) fn backlog(&self) -> Backlog {
        let state = self.state();
        let bytes = (state.batch.remaining() + state.queued_bytes) as u64;
        Backlog { bytes, stalls: state.resumed + u64::from(state.is_stuck) }
    }

    /// What was sent, and how often the socket went on after it took nothing for a while, which only a peer that lives can make
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
        state.clear();
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
            Side::Handler => self.wakers.handler.register(cx.waker()),
            Side::Sender => self.wakers.register_sender(cx.waker()),
        }
    }

    /// Writes until nothing is queued or the socket takes no more.
    pub(crate) fn poll_flush(&self, side: Side, cx: &Context<'_>) -> Poll<io::Result<()>> {
        // Several may wait at once, and a socket remembers one waker only: it gets one that wakes them all.
        let flush = || self.state().poll_flush(&mut Context::from_waker(&self.waker));
        if matches!(side, Side::Sender | Side::Handler)
            && let Poll::Ready(flushed) = flush()
        {
            return Poll::Ready(flushed); // and need not be woken
        }
        self.register(side, cx);
        flush()
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

    fn history(&self) -> MutexGuard<'_, History> {
        // What a panic has left of it is as good as any: a compressor refers only to what it has been given.
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change leaves the state whole, so that a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
