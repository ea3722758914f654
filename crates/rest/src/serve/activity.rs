use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Version;
use tokio::time::Instant;

use crate::RestConf;

/// What a connection is doing, and until when it may go on with it.
///
/// hyper's own header timeout runs while a kept-alive connection is idle too, and not yet while it waits for the first
/// bytes. Both are wanted apart here, so that a slow head is cut early and an idle connection late.
pub(crate) struct Activity {
    /// Zero means no limit, of each.
    header_timeout: Duration,
    idle_timeout: Duration,
    write_timeout: Duration,
    state: Mutex<State>,
}

/// What to do about a connection.
#[derive(Debug, PartialEq)]
pub(super) enum Check {
    /// Nothing, until then.
    Again(Instant),
    /// It has nothing to do any more: ask it to end.
    Over,
    /// Its client takes nothing: it cannot be asked.
    Stalled,
}

struct State {
    /// Requests whose responses are not sent yet.
    in_flight: usize,
    /// On HTTP/2 bytes may come in that belong to no request.
    is_http2: bool,
    /// It was asked to end: nothing new is waited for.
    is_ending: bool,
    phase: Phase,
    /// Since when the socket takes no bytes that are there for it.
    blocked: Option<Instant>,
    /// When bytes last went out.
    sent: Instant,
    /// Responses on HTTP/2 of which a frame was taken and no further one asked for: there is no window for it.
    waiting: usize,
    /// When the last of them began to wait.
    waited: Instant,
}

impl State {
    /// Since when there is something to send, and nothing goes out.
    fn stalled(&self) -> Option<Instant> {
        let waiting = (self.waiting > 0).then(|| self.waited.max(self.sent));
        [self.blocked, waiting].into_iter().flatten().min()
    }
}

/// What the connection does while no request is in flight.
enum Phase {
    /// A head is awaited, from the moment of accepting or of the head's first byte.
    Head { since: Instant },
    /// Kept alive.
    Idle { since: Instant },
}

impl Activity {
    pub(super) fn new(conf: &RestConf) -> Self {
        let now = Instant::now();
        let state = State {
            in_flight: 0,
            is_http2: false,
            is_ending: false,
            phase: Phase::Head { since: now },
            blocked: None,
            sent: now,
            waiting: 0,
            waited: now,
        };
        Self {
            header_timeout: conf.header_timeout.min(NEVER),
            idle_timeout: conf.idle_timeout.min(NEVER),
            write_timeout: conf.write_timeout.min(NEVER),
            state: Mutex::new(state),
        }
    }

    /// Notes that bytes came in.
    pub(super) fn received(&self) {
        let mut state = self.state();
        if state.in_flight > 0 || matches!(state.phase, Phase::Head { .. }) {
            return;
        }
        let since = Instant::now();
        state.phase = if state.is_http2 { Phase::Idle { since } } else { Phase::Head { since } };
    }

    /// Notes that bytes went out.
    ///
    /// A request is no longer in flight once hyper has its response, of which a slow client may still have much to read.
    pub(super) fn sent(&self) {
        let mut state = self.state();
        let now = Instant::now();
        state.sent = now;
        state.blocked = None;
        if state.in_flight == 0
            && let Phase::Idle { since } = &mut state.phase
        {
            *since = now;
        }
    }

    /// Notes that the socket does not take what is there for it.
    pub(super) fn blocked(&self) {
        self.state().blocked.get_or_insert_with(Instant::now);
    }

    /// Notes that a frame of a response was taken on HTTP/2, where a further one is asked for when there is a window for it.
    pub(super) fn wait(&self) {
        let mut state = self.state();
        state.waiting += 1;
        state.waited = Instant::now();
    }

    /// Notes that a further one is asked for, or never will be.
    pub(super) fn go_on(&self) {
        self.state().waiting -= 1;
    }

    /// Notes that a request's head is complete.
    pub(super) fn begin(&self, version: Version) {
        let mut state = self.state();
        state.in_flight += 1;
        state.is_http2 = version == Version::HTTP_2;
    }

    /// Notes that a request's response is sent, or will never be.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.in_flight -= 1;
        state.phase = Phase::Idle { since: Instant::now() };
    }

    /// Notes that the connection was asked to end. Apart from requests in flight it has [`FAREWELL`] for that.
    pub(super) fn farewell(&self) {
        let mut state = self.state();
        state.is_ending = true;
        state.phase = Phase::Idle { since: Instant::now() };
    }

    /// What to do now, and when to look again.
    pub(super) fn check(&self, now: Instant) -> Check {
        let state = self.state();
        let stalled = state.stalled().filter(|_| !self.write_timeout.is_zero());
        let stalled = stalled.map(|since| since + self.write_timeout);
        if stalled.is_some_and(|deadline| deadline <= now) {
            return Check::Stalled;
        }
        let (header_timeout, idle_timeout) =
            if state.is_ending { (FAREWELL, FAREWELL) } else { (self.header_timeout, self.idle_timeout) };
        // What the connection does may change at any time, and then its deadline: it looks again that soon.
        let limits = [header_timeout, idle_timeout, self.write_timeout];
        let soon = now + limits.into_iter().filter(|limit| !limit.is_zero()).min().unwrap_or(NEVER);
        let soon = stalled.map_or(soon, |deadline| deadline.min(soon));
        let (since, limit) = match state.phase {
            Phase::Head { since } => (since, header_timeout),
            Phase::Idle { since } => (since, idle_timeout),
        };
        if state.in_flight > 0 || limit.is_zero() {
            return Check::Again(soon);
        }
        let deadline = since + limit;
        if deadline > now { Check::Again(deadline.min(soon)) } else { Check::Over }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change leaves the state whole, so that a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection below a stream that outlives its request, which is in flight while the stream is held.
#[derive(Clone)]
pub(crate) struct Carrier {
    pub(super) activity: Arc<Activity>,
    pub(super) version: Version,
}

impl Carrier {
    pub(crate) fn hold(self) -> InFlight {
        self.activity.begin(self.version);
        InFlight { activity: self.activity }
    }
}

/// Ends a request's time in flight when it is dropped.
pub(crate) struct InFlight {
    activity: Arc<Activity>,
}

impl InFlight {
    pub(super) fn activity(&self) -> &Activity {
        &self.activity
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.activity.end();
    }
}

/// How long a connection that was asked to end may take before it is dropped, from its last sign of life on.
const FAREWELL: Duration = Duration::from_secs(1);

/// A time that no process lives to see.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Duration = Duration::from_secs(10);
    const IDLE: Duration = Duration::from_secs(60);
    const WRITE: Duration = Duration::from_secs(30);

    fn activity(header_timeout: Duration, idle_timeout: Duration) -> Activity {
        let write_timeout = Duration::ZERO;
        Activity::new(&RestConf { header_timeout, idle_timeout, write_timeout, ..RestConf::default() })
    }

    /// With a write timeout, and no other one that would come first.
    fn writing() -> Activity {
        let write_timeout = WRITE;
        Activity::new(&RestConf {
            header_timeout: Duration::ZERO,
            idle_timeout: Duration::ZERO,
            write_timeout,
            ..RestConf::default()
        })
    }

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_sends_nothing_has_the_header_timeout() {
        let activity = activity(HEADER, IDLE);
        let begin = Instant::now();
        assert_eq!(activity.check(begin), Check::Again(begin + HEADER));
        assert_eq!(activity.check(begin + HEADER), Check::Over);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_in_flight_has_no_deadline() {
        let activity = activity(HEADER, IDLE);
        activity.begin(Version::HTTP_11);
        let later = Instant::now() + secs(3600);
        assert_eq!(activity.check(later), Check::Again(later + HEADER));
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_has_the_idle_timeout() {
        let activity = activity(HEADER, IDLE);
        activity.begin(Version::HTTP_11);
        activity.end();
        let idle = Instant::now();
        assert_eq!(activity.check(idle + secs(55)), Check::Again(idle + IDLE));
        assert_eq!(activity.check(idle + IDLE), Check::Over);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_byte_of_the_next_head_starts_the_header_timeout() {
        let activity = activity(HEADER, IDLE);
        activity.begin(Version::HTTP_11);
        activity.end();
        tokio::time::advance(secs(30)).await;
        activity.received();
        tokio::time::advance(secs(5)).await;
        activity.received(); // a further byte gives no further time
        let first_byte = Instant::now() - secs(5);
        assert_eq!(activity.check(first_byte + HEADER), Check::Over);
        assert_eq!(activity.check(first_byte + secs(9)), Check::Again(first_byte + HEADER));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_of_a_response_is_not_idle() {
        let activity = activity(HEADER, IDLE);
        activity.begin(Version::HTTP_11);
        activity.end();
        tokio::time::advance(secs(55)).await;
        activity.sent();
        let last_write = Instant::now();
        assert_eq!(activity.check(last_write + secs(55)), Check::Again(last_write + IDLE));
        assert_eq!(activity.check(last_write + IDLE), Check::Over);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_ends_waits_for_requests_in_flight_and_for_no_head() {
        let activity = activity(HEADER, IDLE);
        activity.begin(Version::HTTP_11);
        activity.farewell();
        let farewell = Instant::now();
        assert_eq!(activity.check(farewell + secs(30)), Check::Again(farewell + secs(30) + FAREWELL));

        activity.end();
        tokio::time::advance(FAREWELL / 2).await;
        activity.received();
        tokio::time::advance(FAREWELL / 2).await;
        activity.received(); // a trickle of a head gives no further time
        let head = farewell + FAREWELL / 2;
        assert_eq!(activity.check(Instant::now()), Check::Again(head + FAREWELL));
        assert_eq!(activity.check(head + FAREWELL), Check::Over);
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_beyond_the_clock_is_none() {
        let activity = activity(Duration::MAX, Duration::MAX);
        let begin = Instant::now();
        assert_eq!(activity.check(begin), Check::Again(begin + NEVER));
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_of_zero_is_none() {
        let activity = activity(Duration::ZERO, Duration::ZERO);
        let later = Instant::now() + secs(3600);
        assert_eq!(activity.check(later), Check::Again(later + NEVER));
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_between_http2_requests_keep_the_connection_idle() {
        let activity = activity(HEADER, IDLE);
        activity.begin(Version::HTTP_2);
        activity.end();
        tokio::time::advance(secs(30)).await;
        activity.received();
        let ping = Instant::now();
        assert_eq!(activity.check(ping + secs(59)), Check::Again(ping + IDLE));
    }

    #[tokio::test(start_paused = true)]
    async fn a_socket_that_takes_nothing_is_stalled_after_the_write_timeout() {
        let activity = writing();
        activity.begin(Version::HTTP_11);
        tokio::time::advance(secs(100)).await;
        activity.blocked();
        let blocked = Instant::now();
        tokio::time::advance(secs(29)).await;
        activity.blocked(); // asked again, and no further
        assert_eq!(activity.check(Instant::now()), Check::Again(blocked + WRITE));
        assert_eq!(activity.check(blocked + WRITE), Check::Stalled);
    }

    #[tokio::test(start_paused = true)]
    async fn any_byte_that_goes_out_gives_it_all_the_time_again() {
        let activity = writing();
        activity.begin(Version::HTTP_11);
        for _ in 0..10 {
            activity.blocked();
            tokio::time::advance(secs(29)).await;
            activity.sent();
        }
        let sent = Instant::now();
        assert_eq!(activity.check(sent + secs(3600)), Check::Again(sent + secs(3600) + WRITE), "all is out");
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_without_a_window_is_stalled_too() {
        let activity = writing();
        activity.begin(Version::HTTP_2);
        activity.wait();
        tokio::time::advance(secs(29)).await;
        activity.sent(); // of another response
        let sent = Instant::now();
        assert_eq!(activity.check(sent + secs(29)), Check::Again(sent + WRITE));
        assert_eq!(activity.check(sent + WRITE), Check::Stalled);

        activity.go_on();
        assert_eq!(
            activity.check(sent + WRITE),
            Check::Again(sent + WRITE + WRITE),
            "it waits for the handler"
        );
    }
}
