use std::convert::Infallible;
use std::future::pending;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::future::BoxFuture;
use http_body::{Body as HttpBody, Frame};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};
use tracing::Span;

use super::Event;
use crate::Body;
use crate::metrics::{LifeKind, Living};
use crate::shutdown::{Lifecycle, Stopping};

pin_project! {
    /// Events as a body, with comments in between where they are rare.
    pub(super) struct Events<S> {
        #[pin]
        events: S,
        heartbeat: Duration,
        #[pin]
        silence: Option<Sleep>,
    }
}

impl<S> Events<S> {
    pub(super) fn new(events: S, heartbeat: Duration) -> Self {
        let silence = (!heartbeat.is_zero()).then(|| sleep(heartbeat));
        Self { events, heartbeat, silence }
    }
}

impl<S: Stream<Item = Event>> HttpBody for Events<S> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let mut this = self.project();
        let bytes = match this.events.poll_next(cx) {
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Ready(Some(event)) => event.to_bytes(),
            Poll::Pending => match this.silence.as_mut().as_pin_mut().map(|silence| silence.poll(cx)) {
                Some(Poll::Ready(())) => Bytes::from_static(b":\n\n"),
                Some(Poll::Pending) | None => return Poll::Pending,
            },
        };
        if let Some(silence) = this.silence.as_pin_mut() {
            silence.reset(Instant::now() + *this.heartbeat);
        }
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}

/// A body that ends when the engine drains, at the end of an event, unless it does so by itself. Dropped, it writes the line
/// about its life.
pub(super) struct UntilDraining {
    body: Body,
    stopping: Stopping,
    /// Is ready when the body is to be cut.
    cut: BoxFuture<'static, ()>,
    life: Life,
    _open: Living,
}

impl UntilDraining {
    pub(super) fn new(body: Body, lifecycle: &Lifecycle, is_cut: bool) -> Self {
        let stopping = lifecycle.stopping();
        let mut draining = stopping.clone();
        let cut: BoxFuture<'static, ()> = match is_cut {
            true => Box::pin(async move { draining.draining().await }),
            false => Box::pin(pending()), // takes no memory
        };
        let open = lifecycle.metrics().http().living(LifeKind::Stream);
        Self { body, stopping, cut, life: Life::begin(), _open: open }
    }
}

impl HttpBody for UntilDraining {
    type Data = Bytes;
    type Error = axum_core::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.cut.as_mut().poll(cx).is_ready() {
            self.life.ended_by = "stopping";
            return Poll::Ready(None);
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match frame.as_ref().map(|frame| frame.as_ref().map(Frame::data_ref)) {
            None | Some(Err(_)) if self.stopping.remaining().is_some() => self.life.ended_by = "stopping",
            None | Some(Err(_)) => self.life.ended_by = "server",
            Some(Ok(data)) => self.life.sent(data.map_or(0, Bytes::len)),
        }
        Poll::Ready(frame)
    }
}

/// What is to be said of a stream when it is over.
struct Life {
    /// The request's.
    span: Span,
    begin: Instant,
    /// What was written at a time: an event, or a heartbeat.
    frames: u64,
    bytes: u64,
    ended_by: &'static str,
}

impl Life {
    fn begin() -> Self {
        Self { span: Span::current(), begin: Instant::now(), frames: 0, bytes: 0, ended_by: "client" }
    }

    fn sent(&mut self, bytes: usize) {
        self.frames += 1;
        self.bytes += bytes as u64;
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let Self { span, begin, frames, bytes, ended_by } = self;
        let duration = begin.elapsed();
        tracing::info!(
            parent: &*span,
            by = ended_by,
            ?duration,
            events_out = frames,
            bytes_out = bytes,
            "stream closed"
        );
    }
}
