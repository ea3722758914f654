use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use futures_util::FutureExt;

use crate::error::Error;
use crate::outbox::MAX_BATCH_MESSAGES;
use crate::prepared::Prepared;
use crate::writer::Writer;

/// What a hub has for a socket's client.
pub(crate) trait Source {
    /// What it has.
    type Item;
    /// How it ends, or the socket that it is for.
    type End: From<Error>;

    /// Appends what is new to `items`, `limit` at most. The error is the end.
    fn poll_items(
        &mut self,
        cx: &mut Context<'_>,
        items: &mut Vec<Self::Item>,
        limit: usize,
    ) -> Poll<Result<(), Self::End>>;

    /// What the client is sent of it; `None` for what is not for this client.
    fn message(&self, item: Self::Item) -> Option<Prepared>;

    /// Is ready when the hub has given the client up; takes nothing.
    fn poll_given_up(&mut self, cx: &mut Context<'_>) -> Poll<Self::End>;
}

/// Sends what the hub says and its loop has not written itself: all that is new in one write. Ends with the source.
pub(crate) async fn write_pump<S: Source>(writer: &mut Writer, source: &mut S) -> Result<(), S::End> {
    loop {
        let mut new = Vec::new(); // not kept, so that a silent connection holds no memory of the last burst
        let received = poll_fn(|cx| {
            // Also what the loop has begun to write, and the socket did not take.
            ready!(poll_written(writer, source, cx))?;
            source.poll_items(cx, &mut new, MAX_BATCH_MESSAGES)
        });
        received.await?;
        for message in new.into_iter().filter_map(|item| source.message(item)) {
            writer.feed(message)?;
        }
    }
}

/// Sends what there is up to now.
pub(crate) async fn drain<S: Source>(writer: &mut Writer, source: &mut S) -> Result<(), S::End> {
    loop {
        poll_fn(|cx| poll_written(writer, source, cx)).await?;
        let mut new = Vec::new();
        let received = poll_fn(|cx| source.poll_items(cx, &mut new, MAX_BATCH_MESSAGES)).now_or_never();
        received.unwrap_or(Ok(()))?;
        if new.is_empty() {
            return Ok(());
        }
        for message in new.into_iter().filter_map(|item| source.message(item)) {
            writer.feed(message)?;
        }
    }
}

/// Writes what is queued, unless the hub gives the client up in the meantime.
fn poll_written<S: Source>(
    writer: &mut Writer,
    source: &mut S,
    cx: &mut Context<'_>,
) -> Poll<Result<(), S::End>> {
    if let Poll::Ready(written) = writer.poll_write(cx) {
        return Poll::Ready(written.map_err(S::End::from));
    }
    source.poll_given_up(cx).map(|end| {
        writer.discard(); // so that the reason is what comes next, if anything does
        Err(end)
    })
}
