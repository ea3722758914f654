//! Server-sent events: a response that goes on, one event after another, for browsers' `EventSource`.
//!
//! ```
//! use futures_util::{Stream, StreamExt, stream};
//! use rest::sse::{Event, LastEventId, Sse};
//! use rest::{Engine, RestConf, Route};
//!
//! async fn count(last: LastEventId) -> Sse<impl Stream<Item = Event>> {
//!     let next = last.0.and_then(|id| id.parse().ok()).map_or(0_u64, |last: u64| last + 1);
//!     Sse::new(stream::iter(next..next + 10).map(|n| Event::new(format!("number {n}")).id(n.to_string())))
//! }
//!
//! let mut engine = Engine::new(RestConf::default());
//! engine.add_route(Route::sse("/numbers", count));
//! ```

mod event;
mod body;

use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use axum_core::extract::FromRequestParts;
use futures_util::Stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use http::request::Parts;

pub use self::event::Event;

use self::body::{Events, UntilDraining};
use crate::shutdown::Lifecycle;
use crate::{Body, Handler, IntoResponse, Request, Response, Route};

/// A stream of [events](Event) as a response, with a heartbeat.
///
/// It belongs to a route of [`Route::sse`]. It ends when the stream does, and the browser then comes again by itself.
pub struct Sse<S> {
    events: S,
    heartbeat: Duration,
    ends_by_itself: bool,
}

impl<S> Sse<S>
where
    S: Stream<Item = Event> + Send + 'static,
{
    /// Sends these events, and a comment whenever there was none for 15 s, so that no proxy takes the connection for dead.
    pub fn new(events: S) -> Self {
        Self { events, heartbeat: Duration::from_secs(15), ends_by_itself: false }
    }

    /// Sends a comment after this time without an event instead; zero is never.
    pub fn heartbeat(mut self, heartbeat: Duration) -> Self {
        self.heartbeat = heartbeat;
        self
    }

    /// Does not cut the stream when the engine drains, as it ends soon after that by itself: it has something to say before.
    /// The extractor [`Stopping`](crate::Stopping) tells when; a stream that is still there when the grace is over is aborted.
    pub fn ends_by_itself(mut self) -> Self {
        self.ends_by_itself = true;
        self
    }
}

impl<S> IntoResponse for Sse<S>
where
    S: Stream<Item = Event> + Send + 'static,
{
    fn into_response(self) -> Response {
        // nginx would collect events otherwise.
        let headers = [(CONTENT_TYPE, EVENT_STREAM), (CACHE_CONTROL, "no-cache"), (X_ACCEL_BUFFERING, "no")];
        let mut response = (headers, Body::new(Events::new(self.events, self.heartbeat))).into_response();
        if self.ends_by_itself {
            response.extensions_mut().insert(EndsByItself);
        }
        response
    }
}

impl<S: Clone + Send + Sync + 'static> Route<S> {
    /// Creates a route for GET whose handler returns [`Sse`], a stream of events.
    ///
    /// `Timeout` covers the way to the stream, not the stream. The request counts for `MaxConns` until then, and the
    /// stream in the metrics. At its end there is a line in the log: by whom (`client`, `server` or `stopping`), its
    /// duration, events (heartbeats are some of them) and bytes. When the engine drains, the stream ends. What else the handler returns, such as an error,
    /// is an ordinary response.
    pub fn sse<H, T>(path: impl Into<String>, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        Self::get(path, SseHandler(handler))
    }
}

#[derive(Clone)]
struct SseHandler<H>(H);

/// Tells this handler from those that are functions.
struct Marker<T>(std::marker::PhantomData<T>);

impl<H, T, S> Handler<Marker<T>, S> for SseHandler<H>
where
    H: Handler<T, S>,
    T: 'static,
    S: Send + Sync + 'static,
{
    async fn call(self, request: Request, state: S) -> Response {
        let lifecycle = request.extensions().get::<Lifecycle>().cloned();
        let response = self.0.call(request, state).await;
        match lifecycle {
            Some(lifecycle) if response.headers().get(CONTENT_TYPE).is_some_and(|it| it == EVENT_STREAM) => {
                let is_cut = response.extensions().get::<EndsByItself>().is_none();
                let mut response =
                    response.map(|body| Body::new(UntilDraining::new(body, &lifecycle, is_cut)));
                response.extensions_mut().insert(LongLived);
                response
            }
            _ => response,
        }
    }
}

/// Marks a stream that knows when it has to end.
#[derive(Clone)]
struct EndsByItself;

/// Marks a response that lasts as long as its client wants: it is no load.
#[derive(Clone)]
pub(crate) struct LongLived;

/// Extracts the id of the last event that the browser got before it lost the connection, if it says so.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LastEventId(pub Option<String>);

impl<S: Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let id = parts.headers.get(LAST_EVENT_ID).map(|id| id.as_bytes().to_vec());
        Ok(Self(id.and_then(|id| String::from_utf8(id).ok()).filter(|id| !id.is_empty())))
    }
}

impl<S> fmt::Debug for Sse<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sse").field("heartbeat", &self.heartbeat).finish_non_exhaustive()
    }
}

const EVENT_STREAM: &str = "text/event-stream";
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

#[cfg(test)]
mod tests;
