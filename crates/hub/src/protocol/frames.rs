//! What a client is told.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use tokio::time::Instant;

use super::code::EndCode;
use super::end::End;
use super::ends::Ends;
use super::expiry::{Due, Expiry};
use super::json::millis;
use super::reply;
use super::spoken::Spoken;
use crate::client::Client;
use crate::event::{Event, Reason};
use crate::outlet::Outlet;

/// What a client is told, as the transport's frames, in order.
///
/// The client is connected until this is dropped, as if it were cut off, or [closed](Self::close). As a stream it ends after the
/// first error. It waits in one place at a time, as [`Client`] does.
pub struct Frames<M: Spoken> {
    client: Client<M>,
    expiry: Expiry,
    /// After which time the token will be over, if that is to be told.
    expiring: Option<Duration>,
    ends: Arc<Ends>,
    /// The word by which the client may ask, when it returns, how this ended.
    resume: Box<str>,
    end: Option<End>,
    /// Whether the stream has ended.
    ended: bool,
}

impl<M: Spoken> Frames<M> {
    pub(super) fn new(client: Client<M>, expiry: Expiry, ends: Arc<Ends>, resume: Box<str>) -> Self {
        Self { client, expiry, expiring: None, ends, resume, end: None, ended: false }
    }

    /// Appends what is new to `buffer`, `limit` frames at most, as what the transport makes of them.
    ///
    /// # Errors
    ///
    /// The connection is over, from the server's side. It stays so: each further call fails as well.
    pub fn poll_frames<F>(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<F>,
        limit: usize,
    ) -> Poll<Result<(), End>>
    where
        M::Frame: Into<F>,
    {
        if let Poll::Ready(end) = self.poll_over(cx) {
            return Poll::Ready(Err(end));
        }
        if let Some(time) = self.expiring.take() {
            buffer.push(M::Frame::from(reply::expiring(millis(time))).into());
            return Poll::Ready(Ok(()));
        }
        let mut events = Vec::new(); // not kept, so that a silent client holds no memory of the last burst
        match ready!(self.client.poll_events(cx, &mut events, limit)) {
            Err(evicted) => Poll::Ready(Err(self.over(evicted.into()))),
            Ok(0) if limit > 0 => Poll::Ready(Err(self.over(End::hub_closed()))),
            Ok(_) => {
                buffer.extend(events.into_iter().map(|event| frame(event).into()));
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Is ready once the connection is over from the server's side; takes no frame.
    ///
    /// For a transport that is stuck with the frames it already has. Stays pending when the hub closes, since what was said
    /// before may still be delivered.
    pub fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        if let Poll::Ready(end) = self.poll_over(cx) {
            return Poll::Ready(end);
        }
        let evicted = ready!(self.client.poll_evicted(cx));
        Poll::Ready(self.over(evicted.into()))
    }

    /// Lets the hub's loops write to this outlet: see [`Client::attach`].
    pub fn attach(&mut self, outlet: Arc<impl Outlet<M> + 'static>) {
        self.client.attach(outlet);
    }

    /// The client has said goodbye: its user is not expected back, and others are told at once.
    pub fn close(self) {
        self.client.close();
    }

    /// Is ready if this is over, or the token is.
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        if let Some(end) = &self.end {
            return Poll::Ready(end.clone());
        }
        loop {
            match ready!(self.expiry.poll_due(cx)) {
                Due::Soon(time) => self.expiring = Some(time),
                Due::Over => return Poll::Ready(self.over(End::new(EndCode::Expired, "the token is over"))),
            }
        }
    }

    fn over(&mut self, end: End) -> End {
        if self.end.is_none() {
            let reason = reply::Reason { code: end.code().as_str(), message: end.message().to_owned() };
            self.ends.remember(&self.resume, reason, Instant::now());
            self.end = Some(end.clone());
        }
        end
    }
}

fn frame<M: Spoken>(event: Event<M>) -> M::Frame {
    match event {
        Event::Message { offset, message, .. } => message.publication().frame(Some(offset)),
        Event::Direct(message) => message.publication().frame(None),
        Event::Gap { topic, from, to } => reply::gap(topic.as_str(), from, to).into(),
        Event::Reset { topic, position } => reply::reset(topic.as_str(), position).into(),
        Event::Left { topic, reason } => {
            let code = match reason {
                Reason::Unsubscribed => "unsubscribed",
                Reason::Failed => "failed",
            };
            reply::left(topic.as_str(), code, &reason.to_string()).into()
        }
    }
}

/// Nothing in it is pinned, whatever a message is.
impl<M: Spoken> Unpin for Frames<M> {}

impl<M: Spoken> Stream for Frames<M> {
    type Item = Result<M::Frame, End>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let mut next = Vec::<M::Frame>::with_capacity(1);
        let result = ready!(self.poll_frames(cx, &mut next, 1));
        self.ended = result.is_err();
        Poll::Ready(result.map(|()| next.pop()).transpose())
    }
}

impl<M: Spoken> fmt::Debug for Frames<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frames")
            .field("client", &self.client.id())
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}
