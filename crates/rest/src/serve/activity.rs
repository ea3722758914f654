use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Version;
use tokio::time::Instant;

/// What a connection is doing, and until when it may go on with it.
///
/// hyper's own header timeout runs while a kept-alive connection is idle too, and not yet while it waits for the first
/// bytes. Both are wanted apart here, so that a slow head is cut early and an idle connection late.
pub(super) struct Activity {
    /// Zero means no limit, of either.
    header_timeout: Duration,
    idle_timeout: Duration,
    state: Mutex<State>,
}

struct State {
    /// Requests whose responses are not sent yet.
    in_flight: usize,
    /// On HTTP/2 bytes may come in that belong to no request.
    is_http2: bool,
    /// It was asked to end: nothing new is waited for.
    is_ending: bool,
    phase: Phase,
}

/// What the connection does while no request is in flight.
enum Phase {
    /// A head is awaited, from the moment of accepting or of the head's first byte.
    Head { since: Instant },
    /// Kept alive.
    Idle { since: Instant },
}

impl Activity {
    pub(super) fn new(header_timeout: Duration, idle_timeout: Duration) -> Self {
        let phase = Phase::Head { since: Instant::now() };
        let state = Mutex::new(State { in_flight: 0, is_http2: false, is_ending: false, phase });
        Self { header_timeout: header_timeout.min(NEVER), idle_timeout: idle_timeout.min(NEVER), state }
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
        if state.in_flight == 0
            && let Phase::Idle { since } = &mut state.phase
        {
            *since = Instant::now();
        }
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

    /// When to look again; `None` when the connection's time is up.
    pub(super) fn next_check(&self, now: Instant) -> Option<Instant> {
        let state = self.state();
        let (header_timeout, idle_timeout) =
            if state.is_ending { (FAREWELL, FAREWELL) } else { (self.header_timeout, self.idle_timeout) };
        // What the connection does may change at any time, and then its deadline: it looks again that soon.
        let limits = [header_timeout, idle_timeout].into_iter().filter(|limit| !limit.is_zero());
        let soon = now + limits.min().unwrap_or(NEVER);
        let (since, limit) = match state.phase {
            Phase::Head { since } => (since, header_timeout),
            Phase::Idle { since } => (since, idle_timeout),
        };
        if state.in_flight > 0 || limit.is_zero() {
            return Some(soon);
        }
        let deadline = since + limit;
        (deadline > now).then(|| deadline.min(soon))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change leaves the state whole, so that a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_sends_nothing_has_the_header_timeout() {
        let activity = Activity::new(HEADER, IDLE);
        let begin = Instant::now();
        assert_eq!(activity.next_check(begin), Some(begin + HEADER));
        assert_eq!(activity.next_check(begin + HEADER), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_in_flight_has_no_deadline() {
        let activity = Activity::new(HEADER, IDLE);
        activity.begin(Version::HTTP_11);
        let later = Instant::now() + secs(3600);
        assert_eq!(activity.next_check(later), Some(later + HEADER));
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_has_the_idle_timeout() {
        let activity = Activity::new(HEADER, IDLE);
        activity.begin(Version::HTTP_11);
        activity.end();
        let idle = Instant::now();
        assert_eq!(activity.next_check(idle + secs(55)), Some(idle + IDLE));
        assert_eq!(activity.next_check(idle + IDLE), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_byte_of_the_next_head_starts_the_header_timeout() {
        let activity = Activity::new(HEADER, IDLE);
        activity.begin(Version::HTTP_11);
        activity.end();
        tokio::time::advance(secs(30)).await;
        activity.received();
        tokio::time::advance(secs(5)).await;
        activity.received(); // a further byte gives no further time
        let first_byte = Instant::now() - secs(5);
        assert_eq!(activity.next_check(first_byte + HEADER), None);
        assert_eq!(activity.next_check(first_byte + secs(9)), Some(first_byte + HEADER));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_of_a_response_is_not_idle() {
        let activity = Activity::new(HEADER, IDLE);
        activity.begin(Version::HTTP_11);
        activity.end();
        tokio::time::advance(secs(55)).await;
        activity.sent();
        let last_write = Instant::now();
        assert_eq!(activity.next_check(last_write + secs(55)), Some(last_write + IDLE));
        assert_eq!(activity.next_check(last_write + IDLE), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_ends_waits_for_requests_in_flight_and_for_no_head() {
        let activity = Activity::new(HEADER, IDLE);
        activity.begin(Version::HTTP_11);
        activity.farewell();
        let farewell = Instant::now();
        assert_eq!(activity.next_check(farewell + secs(30)), Some(farewell + secs(30) + FAREWELL));

        activity.end();
        tokio::time::advance(FAREWELL / 2).await;
        activity.received();
        tokio::time::advance(FAREWELL / 2).await;
        activity.received(); // a trickle of a head gives no further time
        let head = farewell + FAREWELL / 2;
        assert_eq!(activity.next_check(Instant::now()), Some(head + FAREWELL));
        assert_eq!(activity.next_check(head + FAREWELL), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_beyond_the_clock_is_none() {
        let activity = Activity::new(Duration::MAX, Duration::MAX);
        let begin = Instant::now();
        assert_eq!(activity.next_check(begin), Some(begin + NEVER));
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_of_zero_is_none() {
        let activity = Activity::new(Duration::ZERO, Duration::ZERO);
        let later = Instant::now() + secs(3600);
        assert_eq!(activity.next_check(later), Some(later + NEVER));
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_between_http2_requests_keep_the_connection_idle() {
        let activity = Activity::new(HEADER, IDLE);
        activity.begin(Version::HTTP_2);
        activity.end();
        tokio::time::advance(secs(30)).await;
        activity.received();
        let ping = Instant::now();
        assert_eq!(activity.next_check(ping + secs(59)), Some(ping + IDLE));
    }
}
