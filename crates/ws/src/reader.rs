use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use tokio::sync::oneshot;

use crate::close::CloseFrame;
use crate::error::Error;
use crate::inbound::Inbound;
use crate::message::Message;

/// The inbound half of a [`WebSocket`](crate::WebSocket).
///
/// It also answers pings, sends them, and gives up a peer that answers none: all that while it is being read from.
pub struct Reader {
    /// `None` after it was given back.
    inbound: Option<Box<Inbound>>,
    /// Where to give `inbound` back to, so that whoever runs the handler can close in its stead.
    home: Option<oneshot::Sender<Box<Inbound>>>,
}

impl Reader {
    /// Receives the next message; `None` when the peer has closed.
    ///
    /// # Errors
    ///
    /// When the connection breaks, the peer breaks the protocol or a limit, answers no ping, or the connection has had its
    /// time. Further calls then return `None`.
    ///
    /// When the engine [stops](Error::is_stopping), once: further calls receive what still comes in, for as long as the
    /// engine waits.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no message is lost.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// What the peer's close said, once [`recv`](Self::recv) has returned `None`; `None` also where it said nothing.
    pub fn close_frame(&self) -> Option<&CloseFrame> {
        self.inbound.as_ref().and_then(|inbound| inbound.peer_close())
    }

    /// How long the last ping took to be answered; `None` before the first.
    pub fn rtt(&self) -> Option<Duration> {
        self.inbound.as_ref().and_then(|inbound| inbound.outbox().rtt())
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        let Some(inbound) = &mut self.inbound else { return Poll::Ready(Ok(None)) };
        let received = inbound.poll_recv(cx);
        if let (Poll::Ready(Err(error)), None) = (&received, &self.home) {
            inbound.say(error, cx);
        }
        received
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let (Some(home), Some(inbound)) = (self.home.take(), self.inbound.take()) {
            // Where nobody waits for it any more, reading ends here.
            let _ = home.send(inbound);
        }
    }
}

impl Reader {
    pub(crate) fn new(inbound: Inbound, home: Option<oneshot::Sender<Box<Inbound>>>) -> Self {
        Self { inbound: Some(Box::new(inbound)), home }
    }

    /// Has the inbound half given back there on drop.
    pub(crate) fn set_home(&mut self, home: oneshot::Sender<Box<Inbound>>) {
        self.home = Some(home);
    }

    pub(crate) fn inbound(&mut self) -> Option<&mut Inbound> {
        self.inbound.as_deref_mut()
    }
}

impl Stream for Reader {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_recv(cx).map(Result::transpose)
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}
