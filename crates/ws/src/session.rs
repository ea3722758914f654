use std::any::Any;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, lazy};
use rest::{Connection, Stopping};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use crate::caps::Place;
use crate::close::{CloseCode, CloseFrame};
use crate::closing;
use crate::compression::Agreed;
use crate::conf::WsConf;
use crate::end::End;
use crate::error::{Error, Kind};
use crate::inbound::Inbound;
use crate::metrics::Tally;
use crate::outbox::Outbox;
use crate::role::Role;
use crate::socket::WebSocket;
use crate::turn::turn_by_turn;

/// What a handshake has settled.
pub(crate) struct Admission {
    pub(crate) conf: Arc<WsConf>,
    pub(crate) subprotocol: Option<String>,
    pub(crate) agreed: Option<Agreed>,
    pub(crate) peer: Option<SocketAddr>,
    /// How long the request's token is good, where the connection ends with it.
    pub(crate) token: Option<Duration>,
    pub(crate) place: Place,
}

/// Runs a handler on its socket, and closes whatever way the handler ended.
///
/// | the handler | the close |
/// |---|---|
/// | returns | 1000, or what fits the error that `recv` has told it of |
/// | returns an error | the error's [close frame](Error::close_frame), or a cut where it has none |
/// | panics | 1011 |
/// | is still there when half of the engine's grace is over | it is dropped; 1001 |
///
/// What it is given is made a socket of at once, and the handler is on the heap, so that the future is small: each connection
/// has one for as long as it lives.
pub(crate) fn run<F, Fut>(
    connection: Connection,
    admission: Admission,
    mut stopping: Stopping,
    handler: F,
) -> impl Future<Output = ()>
where
    F: FnOnce(WebSocket) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), Error>> + Send + 'static,
{
    let (home, returned) = oneshot::channel();
    let Admission { conf, subprotocol, agreed, peer, token, place } = admission;
    let tally = Box::new(Tally::new(place.engine().clone()));
    let socket = WebSocket::open(connection, Role::Server, conf, agreed.as_ref(), Some((home, tally)))
        .with_handshake(subprotocol, peer)
        .with_token(token);
    let presence = Presence::new(place, socket.outbox().clone());
    // Called when it is polled, so that a panic in it is caught too.
    let handler = AssertUnwindSafe(lazy(|_| handler(socket)).flatten()).catch_unwind();
    let mut handler: BoxFuture<'static, _> = Box::pin(handler);
    // A block and no async fn, which would keep room for its arguments twice.
    async move {
        let begin = Instant::now();
        let ended = {
            let mut handler = turn_by_turn(&presence.outbox, &mut handler);
            tokio::select! {
                ended = &mut handler => ended.unwrap_or_else(panicked),
                () = stopping.draining() => {
                    presence.outbox.stop();
                    // On the heap, so that nobody pays for it before.
                    match Box::pin(timeout(half_the_grace(&stopping), handler)).await {
                        Ok(ended) => ended.unwrap_or_else(panicked),
                        Err(_) => Err(Kind::Stopping.into()),
                    }
                }
            }
        };
        drop(handler); // whereby it gives the inbound half back
        Box::pin(end(presence, ended, returned, stopping, begin)).await; // as above
    }
}

/// From the handler's end to the line that says how it went.
async fn end(
    presence: Presence,
    mut ended: Result<(), Error>,
    mut returned: oneshot::Receiver<Box<Inbound>>,
    mut stopping: Stopping,
    begin: Instant,
) {
    // Usually there already. A handler may have given the socket to another task; it is the engine's all the same.
    let inbound = tokio::select! {
        biased; // what is there already was ended by its handler, also when the engine stops in the same moment
        inbound = &mut returned => inbound.ok(),
        () = stopping.draining() => {
            presence.outbox.stop();
            ended = ended.and(Err(Kind::Stopping.into()));
            timeout(half_the_grace(&stopping), returned).await.ok().and_then(Result::ok)
        }
    };
    let Some(mut inbound) = inbound else {
        return tracing::warn!("the socket was not given back, and is cut");
    };
    let (end, is_clean) = farewell(&mut inbound, &ended, &stopping).await;
    inbound.tally(Instant::now());
    let close = Close::of(&inbound);
    closing_line(&inbound, &close, end, is_clean, &ended, begin);
    presence.end(end, (close.code.0, close.by));
}

/// A connection while it is there: counted, and cut when its session ends, also where that is dropped, or another task has
/// a half of the socket.
struct Presence {
    place: Place,
    outbox: Arc<Outbox>,
    has_ended: bool,
}

impl Presence {
    fn new(place: Place, outbox: Arc<Outbox>) -> Self {
        place.engine().opened();
        Self { place, outbox, has_ended: false }
    }

    /// Notes how it has ended, and the first close's code and side.
    fn end(mut self, end: End, close: (u16, &'static str)) {
        self.has_ended = true;
        self.outbox.cut();
        self.place.engine().closed(end, Some(close));
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        if !self.has_ended {
            self.outbox.cut();
            self.place.engine().closed(End::Aborted, None);
        }
    }
}

/// Says good-bye as the handler's end demands; returns which end that is, and whether the peer has seen all of it.
async fn farewell(inbound: &mut Inbound, ended: &Result<(), Error>, stopping: &Stopping) -> (End, bool) {
    let mut within = inbound.conf().close_timeout;
    if let Some(grace) = stopping.remaining() {
        within = within.min(grace.mul_f32(0.9)); // the rest is for those who are told later
    }
    closing::leave(inbound, ended, within).await
}

/// What the first close of a connection said.
struct Close {
    code: CloseCode,
    reason: String,
    by: &'static str,
}

impl Close {
    fn of(inbound: &Inbound) -> Self {
        let ours = inbound.outbox().close_frame();
        let by = if ours.is_some() { "server" } else { "client" };
        let frame = ours.or_else(|| inbound.peer_close().cloned());
        let nameless = if inbound.is_closed() { CloseCode::NO_STATUS } else { CloseCode::ABNORMAL };
        let code = frame.as_ref().map_or(nameless, CloseFrame::code);
        Self { code, reason: frame.as_ref().map_or("", CloseFrame::reason).to_owned(), by }
    }
}

/// One line for the whole life of a connection. Never what was said on it.
fn closing_line(
    inbound: &Inbound,
    close: &Close,
    end: End,
    is_clean: bool,
    ended: &Result<(), Error>,
    begin: Instant,
) {
    let outbox = inbound.outbox();
    let (received, sent, duration) = (inbound.received(), outbox.sent(), begin.elapsed());
    tracing::info!(
        code = close.code.0,
        reason = close.reason,
        by = close.by,
        end = end.label(),
        is_clean,
        error = ended.as_ref().err().map(tracing::field::display),
        ?duration,
        messages_in = received.messages,
        messages_out = sent.messages,
        bytes_in = received.bytes,
        bytes_out = sent.bytes,
        rtt = outbox.rtt().map(tracing::field::debug),
        "socket closed"
    );
}

/// How long a handler may go on after it was asked to end. The other half is for closing.
fn half_the_grace(stopping: &Stopping) -> Duration {
    stopping.remaining().unwrap_or_default() / 2
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `catch_unwind` gives")]
fn panicked(panic: Box<dyn Any + Send>) -> Result<(), Error> {
    let literal = panic.downcast_ref::<&'static str>().copied();
    let text = literal.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = text.unwrap_or("(not a text)"), "a handler panicked");
    Err(Kind::Panicked.into())
}
