//! One session: what is said in it, as its stream of events. It lives in the task of that stream.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hub::protocol::{Authorizer, Commands, End, EndCode, Frames, Opening, Session, Spoken, Turned};
use rest::sse::Event;
use serde_json::json;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::Span;

use super::error::SessionError;
use super::listener::Listener;
use super::metrics::SessionMetrics;
use super::table::{Place, Said, Table};

/// A session, and whose turn it is to speak.
pub(super) struct Talk<M: Spoken, A> {
    /// Events that are to be sent before anything else.
    next: VecDeque<Event>,
    phase: Phase<M, A>,
    /// Is ready when the engine drains.
    draining: BoxFuture<'static, ()>,
    /// How many more events there may be, once it does.
    left: Option<usize>,
    max_silence: Duration,
    _open: Open,
}

enum Phase<M: Spoken, A> {
    /// Nobody knows yet who it is; that has to be said until then.
    Opening(Box<Opening<M, A>>, Place, Instant),
    Open(Box<Frames<M>>, BoxFuture<'static, Over>),
    Over,
}

/// Why a client's talking ends.
enum Over {
    Goodbye,
    Silence,
    Ended(End),
}

impl<M, A> Talk<M, A>
where
    M: Spoken<Frame: Into<Event>>,
    A: Authorizer<M>,
{
    /// A session, and the first event of it.
    pub(super) fn begin(
        table: &Table,
        opening: Opening<M, A>,
        listener: Listener,
    ) -> Result<(Self, Event), SessionError> {
        let Listener { mut stopping, metrics, resume } = listener;
        let (conf, metrics) = (table.conf(), SessionMetrics::of(&metrics));
        let place = table.enter().inspect_err(|error| metrics.refused(*error))?;
        let max_silence_ms = (!conf.max_silence.is_zero()).then_some(conf.max_silence.as_millis());
        let hello = json!({ "session": place.word, "max_silence_ms": max_silence_ms }).to_string();
        let until = Instant::now() + conf.connect_timeout.min(LONG);
        let talk = Self {
            next: VecDeque::new(),
            phase: Phase::Opening(Box::new(opening.resuming(resume)), place, until),
            draining: async move { stopping.draining().await }.boxed(),
            left: None,
            max_silence: conf.max_silence,
            _open: Open::new(metrics),
        };
        Ok((talk, Event::new(hello).name("session")))
    }

    /// The next event; `None` when the session is over.
    pub(super) async fn next(mut self) -> Option<(Event, Self)> {
        loop {
            if let Some(event) = self.next.pop_front() {
                return Some((event, self));
            }
            match &mut self.phase {
                Phase::Opening(..) => self.listen().await,
                Phase::Open(..) => self.speak().await,
                Phase::Over => return None,
            }
        }
    }

    /// Hears the client out until it has said who it is.
    async fn listen(&mut self) {
        let Phase::Opening(opening, place, until) = &mut self.phase else { return };
        let said = tokio::select! {
            () = &mut self.draining => return self.end(&End::new(EndCode::Draining, STOPPING).retry_after(spread())),
            said = timeout_at(*until, place.hear()) => said,
        };
        let text = match said {
            Ok(Said::Command(text)) => text,
            Ok(Said::Goodbye) => return self.phase = Phase::Over,
            Err(_) => {
                let error =
                    json!({ "type": "error", "code": "not_connected", "message": "no connect came in time" });
                self.next.push_back(Event::new(error.to_string()));
                return self.phase = Phase::Over;
            }
        };
        match opening.take(&text).await {
            Ok(Session { answer, resume, commands, frames, .. }) => {
                self.next.push_back(Event::new(answer).id(resume));
                if let Phase::Opening(_, place, _) = std::mem::replace(&mut self.phase, Phase::Over) {
                    tracing::debug!(client = %commands.handle().id(), "a session is connected");
                    let talking = obey(commands, place, self.max_silence).boxed();
                    self.phase = Phase::Open(Box::new(frames), talking);
                }
            }
            Err(Turned { answer, end, .. }) => {
                self.next.push_back(Event::new(answer));
                if let Some(end) = end {
                    self.end(&end);
                }
            }
        }
    }

    /// Does what the client says, and waits for what it is to be told.
    async fn speak(&mut self) {
        let Self { phase: Phase::Open(frames, talking), next, draining, left, .. } = self else { return };
        let over = poll_fn(|cx| {
            // First, as a room in which much is said must not keep the client from leaving it.
            if let Poll::Ready(over) = talking.poll_unpin(cx) {
                let mut answers = Vec::new(); // to what was said before
                if frames.poll_frames(cx, &mut answers, LAST_EVENTS).is_ready() {
                    next.extend(answers);
                }
                return Poll::Ready(Some(over));
            }
            if left.is_none() && draining.poll_unpin(cx).is_ready() {
                *left = Some(LAST_EVENTS);
            }
            let mut new = Vec::new(); // not kept, so that a silent session holds no memory of the last burst
            let limit = left.unwrap_or(BATCH).min(BATCH);
            match (frames.poll_frames(cx, &mut new, limit), &mut *left) {
                (Poll::Ready(Err(end)), _) => return Poll::Ready(Some(Over::Ended(end))),
                (Poll::Ready(Ok(())), Some(left)) if new.is_empty() || *left == 0 => {}
                (Poll::Ready(Ok(())), left) => {
                    if let Some(left) = left {
                        *left -= new.len();
                    }
                    next.extend(new);
                    return Poll::Ready(None);
                }
                (Poll::Pending, None) => return Poll::Pending,
                (Poll::Pending, Some(_)) => {}
            }
            let end = End::new(EndCode::Draining, STOPPING).retry_after(spread());
            Poll::Ready(Some(Over::Ended(end)))
        });
        match over.await {
            None => {}
            Some(Over::Ended(end)) => self.end(&end),
            Some(Over::Silence) => self.phase = Phase::Over,
            Some(Over::Goodbye) => {
                if let Phase::Open(frames, _) = std::mem::replace(&mut self.phase, Phase::Over) {
                    frames.close();
                }
            }
        }
    }

    /// Says that it ends, and how long a browser is to wait before it comes back.
    fn end(&mut self, end: &End) {
        let event = Event::new(end.to_json());
        self.next.push_back(match end.when_again() {
            Some(after) => event.retry(after),
            None => event,
        });
        self.phase = Phase::Over;
    }
}

/// Does what a client says, until it does not say anything more. The place is given back with this.
async fn obey<M: Spoken, A: Authorizer<M>>(
    mut commands: Commands<M, A>,
    mut place: Place,
    max_silence: Duration,
) -> Over {
    let patience = if max_silence.is_zero() { LONG } else { max_silence.min(LONG) };
    loop {
        match timeout(patience, place.hear()).await {
            Ok(Said::Command(text)) => {
                if let Err(end) = commands.take(&text).await {
                    return Over::Ended(end);
                }
            }
            Ok(Said::Goodbye) => return Over::Goodbye,
            Err(_) => return Over::Silence,
        }
    }
}

/// Counts a session while it is there.
struct Open {
    metrics: Arc<SessionMetrics>,
    span: Span,
}

impl Open {
    fn new(metrics: Arc<SessionMetrics>) -> Self {
        metrics.open.inc();
        Self { metrics, span: Span::current() }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.metrics.open.dec();
        tracing::debug!(parent: &self.span, "a session is over");
    }
}

/// The time that a client of a server that stops is asked to wait, another one for each.
fn spread() -> Duration {
    Duration::from_millis(rand::random_range(0..SPREAD_MS))
}

/// So many events are taken at once.
const BATCH: usize = 64;

/// So many events are sent before the end when the engine stops: as many as a room keeps by default.
const LAST_EVENTS: usize = 1024;

/// Over how long clients of a server that stops are asked to spread their return.
const SPREAD_MS: u64 = 5000;

/// As long as anybody waits; what is longer may not fit on the clock.
const LONG: Duration = Duration::from_secs(365 * 24 * 3600);

const STOPPING: &str = "the server is stopping";
