use std::future::pending;
use std::io;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::close::{CloseCode, CloseFrame};
use crate::end::End;
use crate::error::Error;
use crate::inbound::Inbound;
use crate::outbox::{Outbox, Side};
use crate::role::Role;

/// Says good-bye as a handler's end demands, `within` the time; returns which end that is, and whether the peer has seen all
/// of it.
pub(crate) async fn leave(
    inbound: &mut Inbound,
    ended: &Result<(), Error>,
    mut within: Duration,
) -> (End, bool) {
    let (end, frame) = judge(inbound, ended);
    let Some(frame) = frame else { return (end, false) };
    if end == End::PongTimeout {
        within = Duration::ZERO; // it does not answer, so that there is nothing to wait for
    }
    if end != End::TooSlow {
        return (end, close(inbound, &frame, within).await);
    }
    let (outbox, patience) = (inbound.outbox().clone(), inbound.conf().evict_timeout);
    let is_clean = tokio::select! {
        biased; // the close is tried, however short the patience
        is_clean = close(inbound, &frame, within) => is_clean,
        () = stuck(&outbox, patience) => {
            outbox.cut();
            false
        }
    };
    (end, is_clean)
}

/// Is ready when the socket has taken nothing for this time of what is left for it.
async fn stuck(outbox: &Outbox, patience: Duration) {
    let (mut taken, mut silent) = (outbox.sent().bytes, 0);
    // Of ten parts of the time the byte before may have been taken in one.
    while silent < 9 {
        sleep(patience / 10).await;
        if outbox.backlog().bytes == 0 {
            pending::<()>().await; // it has our close
        }
        let before = std::mem::replace(&mut taken, outbox.sent().bytes);
        silent = if taken == before { silent + 1 } else { 0 };
    }
}

/// Which end it is, and what the peer is told where it does not know yet.
fn judge(inbound: &Inbound, ended: &Result<(), Error>) -> (End, Option<CloseFrame>) {
    let said = inbound.outbox().close_frame();
    match (ended, inbound.failure()) {
        _ if said.is_some() => (End::HandlerClosed, said),
        _ if inbound.is_closed() => (End::PeerClosed, Some(CloseFrame::new(CloseCode::NORMAL, ""))),
        (Err(error), _) => (error.end(), error.close_frame()),
        // A handler may stop at an error without passing it on.
        (Ok(()), Some((end, frame))) => (*end, frame.clone()),
        (Ok(()), None) => (End::Finished, Some(CloseFrame::new(CloseCode::NORMAL, ""))),
    }
}

/// Closes a connection, RFC 6455 section 7: what is queued, our close, the peer's close, then the end of the stream, which
/// is the server's to begin.
///
/// What is not done `within` the time is left out; returns whether that is nothing. The connection is gone afterwards,
/// wherever its writer is. Where the peer closed first its echo goes out instead of `frame`.
pub(crate) async fn close(inbound: &mut Inbound, frame: &CloseFrame, within: Duration) -> bool {
    let outbox = inbound.outbox().clone();
    outbox.close(frame);
    let is_clean = matches!(timeout(within, farewell(inbound, &outbox)).await, Ok(Ok(())));
    outbox.cut();
    is_clean
}

async fn farewell(inbound: &mut Inbound, outbox: &Outbox) -> io::Result<()> {
    // We listen while we speak, as a peer may read nothing before it has said all it has to say.
    if !inbound.is_broken() {
        tokio::try_join!(flush(outbox), listen(inbound))?;
    }
    if !inbound.is_broken() {
        if outbox.role() == Role::Client {
            inbound.discard().await;
        }
        return shutdown(outbox).await;
    }
    // The peer's close cannot be recognised any more, its end of the stream can. It waits for ours.
    let speak = async {
        flush(outbox).await?;
        shutdown(outbox).await
    };
    tokio::try_join!(speak, listen(inbound))?;
    Ok(())
}

async fn listen(inbound: &mut Inbound) -> io::Result<()> {
    inbound.drain().await;
    Ok(())
}

// Both as the reader's side: the writer's may be waiting in another task.

async fn flush(outbox: &Outbox) -> io::Result<()> {
    std::future::poll_fn(|cx| outbox.poll_flush(Side::Reader, cx)).await
}

async fn shutdown(outbox: &Outbox) -> io::Result<()> {
    std::future::poll_fn(|cx| outbox.poll_shutdown(Side::Reader, cx)).await
}
