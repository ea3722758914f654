use std::time::Duration;

use tokio::time::Instant;

/// How long a message that has begun may take. Knows the time and the progress only from its callers.
#[derive(Debug)]
pub(crate) struct Patience {
    timeout: Duration,
    /// How far the message was when the time began.
    waiting: Option<(u64, Instant)>,
}

/// What to do about a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// None has begun.
    Idle,
    /// It has time until then.
    Until(Instant),
    /// Its time is over.
    Over,
}

impl Patience {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { timeout: timeout.min(FOREVER), waiting: None }
    }

    /// Judges a message by how far it is: a number that changes when enough of it has come in. To be asked when all that
    /// is there was read; `is_news` where that was not nothing. Then a handler that was busy for long gets the peer, which
    /// may have been waiting for it, another time.
    pub(crate) fn check(&mut self, unfinished: Option<u64>, is_news: bool, now: Instant) -> Wait {
        let Some(progress) = unfinished else {
            self.waiting = None;
            return Wait::Idle;
        };
        if let Some((known, since)) = self.waiting {
            let deadline = since + self.timeout;
            if known == progress && now < deadline {
                return Wait::Until(deadline);
            }
            if known == progress && !is_news {
                return Wait::Over;
            }
        }
        self.waiting = Some((progress, now));
        Wait::Until(now + self.timeout)
    }
}

/// A time that no connection lives to see, and that can be added to any other.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(30);

    #[test]
    fn a_message_has_its_time_from_its_begin() {
        let (mut patience, start) = (Patience::new(TIMEOUT), Instant::now());
        assert_eq!(patience.check(None, false, start), Wait::Idle);
        assert_eq!(patience.check(Some(0), true, start), Wait::Until(start + TIMEOUT));
        assert_eq!(patience.check(Some(0), true, start + TIMEOUT / 2), Wait::Until(start + TIMEOUT));
        assert_eq!(patience.check(Some(0), false, start + TIMEOUT), Wait::Over);
    }

    #[test]
    fn progress_begins_the_time_anew_and_the_next_message_too() {
        let (mut patience, start) = (Patience::new(TIMEOUT), Instant::now());
        patience.check(Some(0), true, start);
        let later = start + TIMEOUT / 2;
        assert_eq!(patience.check(Some(1), true, later), Wait::Until(later + TIMEOUT));
        assert_eq!(patience.check(None, true, start + TIMEOUT), Wait::Idle);
        let next = start + TIMEOUT * 3;
        assert_eq!(patience.check(Some(1), true, next), Wait::Until(next + TIMEOUT));
    }

    #[test]
    fn a_handler_that_was_busy_for_an_hour_gives_the_peer_its_time() {
        let (mut patience, start) = (Patience::new(TIMEOUT), Instant::now());
        patience.check(Some(0), true, start);
        let later = start + Duration::from_secs(3600);
        assert_eq!(patience.check(Some(0), true, later), Wait::Until(later + TIMEOUT));
    }
}
