use std::time::Duration;

use tokio::time::Instant;

/// When to ping a silent peer, and when to give it up. Knows the time only from its callers.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    interval: Duration,
    timeout: Duration,
    last_seen: Instant,
    /// When the ping went out that nothing has come in since.
    pinged: Option<Instant>,
    /// How many pings went out, and when the last one did, until it is answered.
    pings: u32,
    awaited: Option<Instant>,
}

/// What to do about a silent peer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Beat {
    /// Nothing before then.
    Wait(Instant),
    /// Ping it with this payload, then wait.
    Ping([u8; 4], Instant),
    /// It is gone.
    Dead,
}

impl Heartbeat {
    pub(crate) fn new(interval: Duration, timeout: Duration, now: Instant) -> Self {
        Self {
            interval: interval.min(FOREVER),
            timeout: timeout.min(FOREVER),
            last_seen: now,
            pinged: None,
            pings: 0,
            awaited: None,
        }
    }

    /// When to check next.
    pub(crate) fn next(&self) -> Instant {
        match self.pinged {
            Some(pinged) => pinged + self.timeout,
            None => self.last_seen + self.interval,
        }
    }

    /// Notes that the peer did something. Whatever it is, it shows life.
    pub(crate) fn seen(&mut self, now: Instant) {
        self.last_seen = now;
        self.pinged = None;
    }

    /// Judges the silence. To be asked after everything that has come in was noted, so that a handler that was busy for
    /// long does not pass for a peer that is gone.
    pub(crate) fn check(&mut self, now: Instant) -> Beat {
        let deadline = self.next();
        if now < deadline {
            return Beat::Wait(deadline);
        }
        if self.pinged.is_some() {
            return Beat::Dead;
        }
        self.pinged = Some(now);
        self.awaited = Some(now);
        self.pings = self.pings.wrapping_add(1);
        Beat::Ping(self.pings.to_be_bytes(), now + self.timeout)
    }

    /// How long the last ping took to be answered by this pong, if it is the answer. Clients may send pongs unasked.
    pub(crate) fn answered(&mut self, pong: &[u8], now: Instant) -> Option<Duration> {
        let begin = self.awaited.take_if(|_| pong == self.pings.to_be_bytes())?;
        Some(now.saturating_duration_since(begin))
    }
}

/// A time that no connection lives to see, and that can be added to any other.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(20);
    const TIMEOUT: Duration = Duration::from_secs(10);

    fn start() -> (Heartbeat, Instant) {
        let now = Instant::now();
        (Heartbeat::new(INTERVAL, TIMEOUT, now), now)
    }

    #[test]
    fn a_silent_peer_is_pinged_after_the_interval_and_dead_after_the_timeout() {
        let (mut heartbeat, start) = start();
        let pinged = start + INTERVAL;
        assert_eq!(heartbeat.check(start), Beat::Wait(pinged));
        assert_eq!(heartbeat.check(pinged), Beat::Ping([0, 0, 0, 1], pinged + TIMEOUT));
        assert_eq!(heartbeat.check(pinged + TIMEOUT / 2), Beat::Wait(pinged + TIMEOUT));
        assert_eq!(heartbeat.check(pinged + TIMEOUT), Beat::Dead);
    }

    #[test]
    fn anything_that_comes_in_answers_the_ping() {
        let (mut heartbeat, start) = start();
        let pinged = start + INTERVAL;
        heartbeat.check(pinged);
        heartbeat.seen(pinged + TIMEOUT / 2);
        let next = pinged + TIMEOUT / 2 + INTERVAL;
        assert_eq!(heartbeat.check(pinged + TIMEOUT), Beat::Wait(next));
    }

    #[test]
    fn the_round_trip_is_from_a_ping_to_its_own_pong() {
        let (mut heartbeat, start) = start();
        let pinged = start + INTERVAL;
        heartbeat.check(pinged);
        let later = pinged + Duration::from_millis(40);
        assert_eq!(heartbeat.answered(b"", later), None, "nobody asked for that one");
        assert_eq!(heartbeat.answered(&[0, 0, 0, 1], later), Some(Duration::from_millis(40)));
        assert_eq!(heartbeat.answered(&[0, 0, 0, 1], later), None, "it was answered before");
    }

    #[test]
    fn a_handler_that_was_busy_for_an_hour_pings_before_it_gives_up() {
        let (mut heartbeat, start) = start();
        let later = start + Duration::from_secs(3600);
        assert_eq!(heartbeat.check(later), Beat::Ping([0, 0, 0, 1], later + TIMEOUT));
    }
}
