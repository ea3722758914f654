//! The client protocol without WebSocket: a stream of events, and a POST for what the client says.

mod conf;
mod table;
mod listener;
mod talk;
mod commands;
mod error;
mod metrics;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use hub::protocol::{Authorizer, Opening, Spoken};
use rest::sse::{Event, Sse};
use rest::{Route, RouteGroup};

pub use self::conf::SessionsConf;
pub use self::error::SessionError;
pub use self::listener::Listener;

use self::commands::ToSession;
use self::table::Table;
use self::talk::Talk;

/// The clients that speak a hub's protocol by events and POST, as `docs/PROTOCOL.md` says, "Over events and POST".
///
/// A client asks for the [events](Self::open). The first one, `session`, tells it a word that nobody guesses; by this it says what
/// it has to say in [POSTs](Self::commands), beginning with `connect`, and what it is told comes as events. A session is its
/// stream: it ends with it, as if the client were cut off, so that its user may return for a while before others are told. What
/// holds for a WebSocket's clients holds for these: limits, the slow, the ends.
///
/// A session is served by the task of its stream and has none of its own. Its clones are the same sessions; all of a process
/// should be one, so that the cap counts them all. See the [crate's page](crate) for an example.
#[derive(Clone, Debug)]
pub struct Sessions {
    table: Table,
}

impl Sessions {
    /// No sessions yet.
    pub fn new(conf: SessionsConf) -> Self {
        Self { table: Table::new(conf) }
    }

    /// A new session, as the stream of its events: what the handler of a [`Route::sse`] returns.
    ///
    /// The opening may know already whose it is, from the request, as with `ws::speak`. The stream ends
    ///
    /// - after an `end`, when the hub or the protocol ends the client; a browser comes back by itself, but not before its
    ///   `retry_after_ms`, and should not where the code says so;
    /// - after an `end` with `draining`, when the engine stops, and after all that was said before;
    /// - after an `error` with `not_connected`, when no `connect` came within [`SessionsConf::connect_timeout`];
    /// - without a word, when nothing was said for [`SessionsConf::max_silence`], as then nobody is there.
    ///
    /// What a client does not read is not kept for it: the hub gives it up as any other, and frees at once what it had there. Its
    /// connection, and its place among the sessions, stay until the engine's `WriteTimeout` cuts it, 30 s by default, as nothing
    /// else ends a response that nobody takes; a WebSocket's is cut within a second.
    ///
    /// # Errors
    ///
    /// There are as many sessions as there may be.
    pub fn open<M, A>(
        &self,
        opening: Opening<M, A>,
        listener: Listener,
    ) -> Result<Sse<BoxStream<'static, Event>>, SessionError>
    where
        M: Spoken<Frame: Into<Event>>,
        A: Authorizer<M>,
    {
        let heartbeat = self.table.conf().heartbeat;
        let (talk, hello) = Talk::begin(&self.table, opening, listener)?;
        let events = stream::once(async { hello }).chain(stream::unfold(talk, Talk::next).fuse());
        Ok(Sse::new(events.boxed()).heartbeat(heartbeat).ends_by_itself())
    }

    /// The routes for what clients say, at this path: POST takes commands, DELETE says goodbye.
    ///
    /// | request | answer | when |
    /// |---|---|---|
    /// | POST | 202 | taken: a command, or a list of them, which events answer in this order |
    /// | DELETE | 204 | the session ends, and others are told at once that its user has left |
    /// | either | 400 | not UTF-8, or no header `Hub-Session` |
    /// | either | 404 | there is no such session: the events are to be opened anew |
    /// | POST | 413 | the body is larger than [`SessionsConf::max_body_bytes`] |
    /// | POST | 429 | more would wait than [`SessionsConf::max_waiting`] or `max_waiting_bytes`; none of it was taken |
    ///
    /// Both name the session in the header `Hub-Session`. A client that wants its commands in their order waits for the answer to
    /// one POST before it sends the next.
    pub fn commands<S>(&self, path: impl Into<String>) -> RouteGroup<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        let (path, [talking, leaving]) = (path.into(), [self.table.clone(), self.table.clone()]);
        RouteGroup::new()
            .max_bytes(self.table.conf().max_body_bytes)
            .route(Route::post(path.clone(), async move |said: ToSession| said.take(&talking)))
            .route(Route::delete(path, async move |said: ToSession| said.goodbye(&leaving)))
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
