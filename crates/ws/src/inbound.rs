use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};
use tokio_tungstenite::tungstenite;

use crate::close::CloseFrame;
use crate::conf::WsConf;
use crate::end::End;
use crate::engine::Engine;
use crate::error::{Error, Kind};
use crate::gate::Gate;
use crate::heartbeat::{Beat, Heartbeat};
use crate::message::{Message, Text};
use crate::metrics::Tally;
use crate::outbox::{Outbox, Side, Traffic};
use crate::patience::{Patience, Wait};
use crate::rate::Rate;
use crate::stall::Stall;
use crate::tenure::{Over, Tenure};

/// What reading takes: the gate, tungstenite behind it, and the deadlines. A [`Reader`](crate::Reader) has it while the handler
/// reads, and whoever closes the connection after that.
pub(crate) struct Inbound {
    engine: Engine,
    outbox: Arc<Outbox>,
    conf: Arc<WsConf>,
    heartbeat: Heartbeat,
    patience: Patience,
    /// Where there is a limit to it, as to the rate.
    tenure: Option<Box<Tenure>>,
    rate: Option<Rate>,
    /// Signs of life that heartbeat and patience know of.
    noted: u64,
    timer: Pin<Box<Sleep>>,
    /// There while the socket takes no message.
    stall: Option<Stall>,
    messages: u64,
    /// What of this is in the engine's metrics, where there is an engine, and since when.
    tally: Option<Box<Tally>>,
    tallied: Instant,
    peer_close: Option<CloseFrame>,
    /// The first error that the handler was told, and what the peer is to be told.
    failure: Option<Box<(End, Option<CloseFrame>)>>,
    phase: Phase,
}

/// How far the inbound half is.
enum Phase {
    Open,
    /// Nothing more is received, though its close could be.
    GivenUp,
    /// The peer has sent a close.
    Closed,
    /// The connection broke, or what came in cannot be understood.
    Broken,
}

impl Inbound {
    pub(crate) fn new(gate: Gate, outbox: Arc<Outbox>, conf: Arc<WsConf>, tally: Option<Box<Tally>>) -> Self {
        let now = Instant::now();
        let (interval, timeout) = conf.heartbeat();
        let heartbeat = Heartbeat::new(interval, timeout, now);
        let patience = Patience::new(conf.message_timeout);
        let tenure = Tenure::new(&conf, fastrand::f32(), now);
        let rate = Some(conf.max_message_rate).filter(|rate| *rate > 0);
        let rate = rate.map(|rate| Rate::new(rate, conf.max_message_burst.max(1), now));
        let timer = Box::pin(sleep_until(heartbeat.next()));
        Self {
            engine: Engine::new(gate),
            outbox,
            conf,
            heartbeat,
            patience,
            tenure,
            rate,
            noted: 0,
            timer,
            stall: None,
            messages: 0,
            tally,
            tallied: now,
            peer_close: None,
            failure: None,
            phase: Phase::Open,
        }
    }

    pub(crate) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        let received = self.poll_flushed(cx);
        if let Poll::Ready(Err(error)) = &received {
            self.failure.get_or_insert_with(|| Box::new((error.end(), error.close_frame())));
        }
        received
    }

    fn poll_flushed(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        self.outbox.register(Side::Reader, cx);
        if self.outbox.take_stop() {
            return Poll::Ready(Err(Kind::Stopping.into()));
        }
        let received = self.poll_message(cx);
        // Whatever came of it, a pong or the echo of a close may have to go out. Messages that were fed wait for more, as long
        // as there is something to receive. A socket that takes nothing now is no reason to wait: the flush goes on with the
        // next call.
        if received.is_ready() && !self.outbox.has_control() {
            return received;
        }
        let error = match self.outbox.poll_flush(Side::Reader, cx) {
            _ if received.is_ready() => return received,
            Poll::Ready(Ok(())) => {
                if self.stall.take().is_some() {
                    self.tally(Instant::now());
                }
                return received;
            }
            Poll::Ready(Err(error)) => error.into(),
            // Nobody else may be waiting for it: what a handler has sent it leaves behind.
            Poll::Pending if self.outbox.has_messages() => {
                if self.stall.is_none() {
                    self.tally(Instant::now()); // what waits shows while it waits
                }
                ready!(Stall::poll(&mut self.stall, &self.outbox, cx))
            }
            Poll::Pending => return received,
        };
        self.phase = Phase::Broken;
        Poll::Ready(Err(error))
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        let received = self.poll_engine(cx);
        self.engine.gate_mut().settle();
        if received.is_pending() {
            self.engine.rest();
        }
        received
    }

    fn poll_engine(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        loop {
            if !matches!(self.phase, Phase::Open) {
                return Poll::Ready(Ok(None));
            }
            let (whole, next) = match self.engine.gate_mut().poll_next_whole(cx) {
                Poll::Ready(None) => {
                    let next = self.engine.poll_next(cx);
                    (self.engine.gate_mut().take_whole(), next)
                }
                Poll::Ready(whole) => (whole, Poll::Pending),
                Poll::Pending => (None, Poll::Pending),
            };
            if let Some(message) = whole {
                return Poll::Ready(self.count(message));
            }
            let Poll::Ready(next) = next else {
                ready!(self.poll_deadlines(cx))?;
                continue;
            };
            match next {
                // Not the end yet: the echo goes into the outbox with the next poll, which then says `None`.
                Some(Ok(tungstenite::Message::Close(Some(frame)))) => {
                    self.peer_close =
                        Some(CloseFrame::received(frame.code.into(), Text::received(frame.reason)));
                }
                Some(Ok(tungstenite::Message::Pong(payload))) => {
                    if let Some(rtt) = self.heartbeat.answered(&payload, Instant::now()) {
                        self.outbox.set_rtt(rtt);
                        if let Some(tally) = &self.tally {
                            tally.rtt(rtt);
                        }
                    }
                }
                // The answer to a ping is in the outbox already. Messages have gone past tungstenite.
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    self.phase = Phase::Broken;
                    return Poll::Ready(Err(self.verdict(error)));
                }
                None => self.phase = Phase::Closed,
            }
        }
    }

    /// Counts a message, which may be one too many.
    fn count(&mut self, message: Message) -> Result<Option<Message>, Error> {
        self.messages += 1;
        if self.rate.as_mut().is_some_and(|rate| !rate.take(Instant::now())) {
            self.phase = Phase::GivenUp;
            return Err(Kind::Rate(self.conf.max_message_rate).into());
        }
        Ok(Some(message))
    }

    /// What is wrong. Where the gate has a verdict, tungstenite only saw the stream end.
    fn verdict(&self, error: tungstenite::Error) -> Error {
        let error = Error::from(error);
        match (error.kind(), self.engine.gate().verdict()) {
            (Kind::Lost(None), Some(verdict)) => verdict.into(),
            _ => error,
        }
    }

    /// Ready when there is something to do after a time of waiting: an error when the peer is given up.
    fn poll_deadlines(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            let now = Instant::now();
            let (sent, resumed) = self.outbox.progress();
            if now >= self.tallied + TALLY {
                self.tally(now);
            }
            // A pong that is late because its ping stands behind a long message is none that is missing.
            let gate = self.engine.gate();
            let (signs, is_behind) = (gate.received() + resumed, gate.is_behind());
            let message = match self.patience.check(gate.unfinished(), signs > self.noted || is_behind, now) {
                Wait::Idle => None,
                Wait::Until(deadline) => Some(deadline),
                Wait::Over => {
                    let error = Kind::Timeout(End::MessageTimeout, self.conf.message_timeout);
                    return Poll::Ready(self.give_up(Phase::Broken, error));
                }
            };
            if signs > self.noted {
                self.noted = signs;
                self.heartbeat.seen(now);
            }
            let received = self.messages + u64::from(is_behind); // where there may be one, there is one
            let tenure = self.tenure.as_deref_mut();
            let stay = match tenure.map(|tenure| tenure.check(received, received + sent.messages, now)) {
                None => None,
                Some(Ok(stay)) => stay,
                Some(Err(over)) => return Poll::Ready(self.give_up(Phase::GivenUp, self.too_long(over))),
            };
            // The timer may be early, and is not moved for each sign of life, but must not be late.
            let deadline = message.into_iter().chain(stay).min();
            let next = self.heartbeat.next();
            let next = deadline.map_or(next, |deadline| next.min(deadline));
            if next < self.timer.deadline() {
                self.timer.as_mut().reset(next);
            }
            ready!(self.timer.as_mut().poll(cx));
            let next = match self.heartbeat.check(Instant::now()) {
                Beat::Wait(next) => next,
                Beat::Ping(payload, next) => {
                    self.outbox.ping(payload);
                    next
                }
                Beat::Dead => {
                    let (_, timeout) = self.conf.heartbeat();
                    return Poll::Ready(
                        self.give_up(Phase::Broken, Kind::Timeout(End::PongTimeout, timeout)),
                    );
                }
            };
            self.timer.as_mut().reset(deadline.map_or(next, |deadline| next.min(deadline)));
        }
    }

    /// Tells the peer why it is the end, as far as that can be said without waiting.
    pub(crate) fn say(&self, error: &Error, cx: &Context<'_>) {
        if let Some(frame) = error.close_frame() {
            self.outbox.close(&frame);
            let _ = self.outbox.poll_flush(Side::Reader, cx);
        }
    }

    /// Tells the engine's metrics what has gone each way.
    pub(crate) fn tally(&mut self, now: Instant) {
        let received = self.received();
        if let Some(tally) = &mut self.tally {
            tally.add(received, self.outbox.sent(), self.outbox.backlog());
            self.tallied = now;
        }
    }

    fn give_up(&mut self, phase: Phase, why: Kind) -> Result<(), Error> {
        self.phase = phase;
        Err(why.into())
    }

    fn too_long(&self, over: Over) -> Kind {
        match over {
            Over::Mute => Kind::Timeout(End::FirstMessageTimeout, self.conf.first_message_timeout),
            Over::Idle => Kind::Timeout(End::IdleTimeout, self.conf.idle_timeout),
            Over::Aged => Kind::Aged,
            Over::Expired => Kind::Expired,
        }
    }

    /// Lets the connection end with its token.
    pub(crate) fn end_with_token(&mut self, good_for: Duration) {
        self.tenure.get_or_insert_default().end_with_token(good_for, Instant::now());
    }

    /// Reads and discards until the peer has closed or is gone. To be bounded in time by the caller.
    pub(crate) async fn drain(&mut self) {
        if matches!(self.phase, Phase::Broken) {
            // What still comes in cannot be understood any more. It is read all the same: closing a socket with unread
            // bytes resets it, and would take our close frame from the peer.
            return self.discard().await;
        }
        self.tenure = None;
        self.rate = None;
        if matches!(self.phase, Phase::GivenUp) {
            self.phase = Phase::Open;
        }
        let end = |inbound: &mut Self, cx: &mut Context<'_>| loop {
            match ready!(inbound.poll_message(cx)) {
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return Poll::Ready(()),
            }
        };
        std::future::poll_fn(|cx| end(self, cx)).await;
    }

    /// Reads and discards up to the end of the stream. To be bounded in time by the caller.
    pub(crate) async fn discard(&mut self) {
        let _gone = std::future::poll_fn(|cx| self.engine.gate_mut().poll_discard(cx)).await;
    }

    pub(crate) fn conf(&self) -> &WsConf {
        &self.conf
    }

    pub(crate) fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// Whether the peer has sent a close.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// What the peer's close said; `None` also when it has sent one without a code.
    pub(crate) fn peer_close(&self) -> Option<&CloseFrame> {
        self.peer_close.as_ref()
    }

    /// The first error that the handler was told, and what the peer is to be told.
    pub(crate) fn failure(&self) -> Option<&(End, Option<CloseFrame>)> {
        self.failure.as_deref()
    }

    /// Whether nothing more that comes in can be understood.
    pub(crate) fn is_broken(&self) -> bool {
        matches!(self.phase, Phase::Broken)
    }

    pub(crate) fn received(&self) -> Traffic {
        let gate = self.engine.gate();
        Traffic { messages: self.messages, bytes: gate.received(), packed: gate.packed() }
    }
}

/// How often the engine's metrics are told while there is something to do.
const TALLY: Duration = Duration::from_secs(1);
