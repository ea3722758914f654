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
        let state = Mutex::new(State { in_flight: 0, is_http2: false, phase });
        Self { header_timeout, idle_timeout, state }
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

    /// When to look again; `None` when the connection's time is up.
    pub(super) fn next_check(&self, now: Instant) -> Option<Instant> {
        let state = self.state();
        // What the connection does may change at any time, and then its deadline: it looks again that soon.
        let limits = [self.header_timeout, self.idle_timeout].into_iter().filter(|limit| !limit.is_zero());
        let soon = now + limits.min().unwrap_or(NEVER);
        let (since, limit) = match state.phase {
            Phase::Head { since } => (since, self.header_timeout),
            Phase::Idle { since } => (since, self.idle_timeout),
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
