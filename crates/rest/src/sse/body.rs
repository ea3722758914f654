use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::future::BoxFuture;
use http_body::{Body as HttpBody, Frame};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};

use super::Event;
use crate::Body;
use crate::metrics::{LifeKind, Living};
use crate::shutdown::Lifecycle;

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

/// A body that ends when the engine drains, at the end of an event.
pub(super) struct UntilDraining {
    body: Body,
    draining: BoxFuture<'static, ()>,
    _open: Living,
}

impl UntilDraining {
    pub(super) fn new(body: Body, lifecycle: &Lifecycle) -> Self {
        let mut stopping = lifecycle.stopping();
        let draining = Box::pin(async move { stopping.draining().await });
        Self { body, draining, _open: lifecycle.metrics().http().living(LifeKind::Stream) }
    }
}

impl HttpBody for UntilDraining {
    type Data = Bytes;
    type Error = axum_core::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.draining.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }
}
