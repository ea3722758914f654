use std::any::Any;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
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
/// What it is given is made a socket of at once, and the handler is on the heap, so that the future is small whatever it is
/// moved through: each connection has one for as long as it lives.
pub(crate) fn run<F, Fut>(
    connection: Connection,
    admission: Admission,
    stopping: Stopping,
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
    let handler = AssertUnwindSafe(async { handler(socket).await }).catch_unwind();
    live(Box::pin(handler), presence, returned, stopping)
}

/// From the handler's first poll to the line that says how it went.
async fn live(
    handler: BoxFuture<'static, thread::Result<Result<(), Error>>>,
    mut presence: Presence,
    mut returned: oneshot::Receiver<Box<Inbound>>,
    mut stopping: Stopping,
) {
    let begin = Instant::now();
    let outbox = presence.outbox.clone();
    let mut ended = {
        // Dropped with this block, whereby it gives the inbound half back.
        let mut handler = turn_by_turn(&outbox, handler);
        tokio::select! {
            ended = &mut handler => ended.unwrap_or_else(panicked),
            () = stopping.draining() => {
                outbox.stop();
                match timeout(half_the_grace(&stopping), handler).await {
                    Ok(ended) => ended.unwrap_or_else(panicked),
                    Err(_) => Err(Kind::Stopping.into()),
                }
            }
        }
    };

    // Usually there already. A handler may have given the socket to another task; it is the engine's all the same.
    let inbound = tokio::select! {
        biased; // what is there already was ended by its handler, also when the engine stops in the same moment
        inbound = &mut returned => inbound.ok(),
        () = stopping.draining() => {
            outbox.stop();
            ended = ended.and(Err(Kind::Stopping.into()));
            timeout(half_the_grace(&stopping), returned).await.ok().and_then(Result::ok)
        }
    };
    let Some(mut inbound) = inbound else {
        return tracing::warn!("the socket was not given back, and is cut");
    };
    // On the heap, so that nobody pays for it before.
    let (end, is_clean) = Box::pin(farewell(&mut inbound, &ended, &stopping)).await;
    inbound.tally(Instant::now());
    let close = Close::of(&inbound);
    presence.end = end;
    presence.close = Some((close.code.0, close.by));
    closing_line(&inbound, &close, end, is_clean, &ended, begin);
}

/// A connection while it is there: counted, and cut when its session ends, also where that is dropped, or another task has
/// a half of the socket.
struct Presence {
    place: Place,
    outbox: Arc<Outbox>,
    end: End,
    /// The code, and who said it first.
    close: Option<(u16, &'static str)>,
}

impl Presence {
    fn new(place: Place, outbox: Arc<Outbox>) -> Self {
        place.engine().opened();
        Self { place, outbox, end: End::Aborted, close: None }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.outbox.cut();
        self.place.engine().closed(self.end, self.close);
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
