use std::time::Duration;

use tokio::time::Instant;

use crate::conf::WsConf;

/// How long a connection may stay, by what is said on it and by its age. Knows both only from its callers.
#[derive(Debug, Default)]
pub(crate) struct Tenure {
    /// Until when the first message has to be there; `None` once it is.
    first: Option<Instant>,
    quiet: Option<Quiet>,
    end: Option<Instant>,
    /// Until when the token is good with which the connection was opened.
    token: Option<Instant>,
}

/// A limit to how long nothing is said.
#[derive(Debug)]
struct Quiet {
    timeout: Duration,
    /// How many messages there were when the time began.
    known: u64,
    since: Instant,
}

/// Why a connection may not stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// The first message is not there.
    Mute,
    /// Nothing was said for too long.
    Idle,
    /// It has lived for its time.
    Aged,
    /// Its token is over.
    Expired,
}

impl Tenure {
    /// `None` where there is no limit to it, so that most connections pay for none. `luck`, from 0 to 1, decides how long it
    /// lives within the last tenth.
    pub(crate) fn new(conf: &WsConf, luck: f32, now: Instant) -> Option<Box<Self>> {
        let is_set = |time: &Duration| !time.is_zero();
        let (first, idle, life) = (conf.first_message_timeout, conf.idle_timeout, conf.max_lifetime);
        if [first, idle, life].iter().all(Duration::is_zero) {
            return None;
        }
        let quiet = |timeout: Duration| Quiet { timeout: timeout.min(FOREVER), known: 0, since: now };
        Some(Box::new(Self {
            first: Some(first).filter(is_set).map(|first| now + first.min(FOREVER)),
            quiet: Some(idle).filter(is_set).map(quiet),
            end: Some(life).filter(is_set).map(|life| now + life.min(FOREVER).mul_f32(1.0 - luck / 10.0)),
            token: None,
        }))
    }

    /// Lets the connection end with its token.
    pub(crate) fn end_with_token(&mut self, good_for: Duration, now: Instant) {
        self.token = Some(now + good_for.min(FOREVER));
    }

    /// Judges by how many messages have come in, and have gone either way; says when to ask again. To be asked when all
    /// that is there was read, so that a handler that was busy for long does not pass for a peer that says nothing.
    pub(crate) fn check(&mut self, received: u64, total: u64, now: Instant) -> Result<Option<Instant>, Over> {
        if received > 0 {
            self.first = None;
        }
        let mut idle = None;
        if let Some(quiet) = &mut self.quiet {
            if quiet.known != total {
                (quiet.known, quiet.since) = (total, now);
            }
            idle = Some(quiet.since + quiet.timeout);
        }
        let deadlines = [
            (self.token, Over::Expired),
            (self.end, Over::Aged),
            (self.first, Over::Mute),
            (idle, Over::Idle),
        ];
        if let Some((_, over)) = deadlines.into_iter().find(|(at, _)| at.is_some_and(|at| at <= now)) {
            return Err(over);
        }
        Ok(deadlines.into_iter().filter_map(|(at, _)| at).min())
    }
}

/// A time that no connection lives to see, and that can be added to any other.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(10);
    const IDLE: Duration = Duration::from_secs(60);
    const LIFE: Duration = Duration::from_secs(1000);

    fn start(luck: f32) -> (Box<Tenure>, Instant) {
        let (conf, now) = (
            WsConf {
                first_message_timeout: FIRST,
                idle_timeout: IDLE,
                max_lifetime: LIFE,
                ..WsConf::default()
            },
            Instant::now(),
        );
        (Tenure::new(&conf, luck, now).expect("there are limits"), now)
    }

    #[test]
    fn the_first_message_has_its_time_whatever_we_say() {
        let (mut tenure, start) = start(0.0);
        assert_eq!(tenure.check(0, 5, start), Ok(Some(start + FIRST)));
        assert_eq!(tenure.check(0, 9, start + FIRST), Err(Over::Mute));
        assert_eq!(tenure.check(1, 10, start + FIRST), Ok(Some(start + FIRST + IDLE)), "there it was");
    }

    #[test]
    fn a_message_either_way_begins_the_idle_time_anew() {
        let (mut tenure, start) = start(0.0);
        assert_eq!(tenure.check(1, 1, start), Ok(Some(start + IDLE)));
        let later = start + IDLE / 2;
        assert_eq!(tenure.check(1, 2, later), Ok(Some(later + IDLE)));
        assert_eq!(tenure.check(1, 2, later + IDLE), Err(Over::Idle));
    }

    #[test]
    fn a_life_ends_within_its_last_tenth_however_busy_it_is() {
        for (luck, life) in [(0.0, LIFE), (0.5, LIFE * 19 / 20), (1.0, LIFE * 9 / 10)] {
            let (mut tenure, start) = start(luck);
            let nearly = start + life - Duration::from_secs(1);
            assert!(tenure.check(1, 1, nearly).is_ok(), "{luck}");
            assert_eq!(tenure.check(2, 2, nearly + Duration::from_secs(2)), Err(Over::Aged), "{luck}");
        }
    }

    #[test]
    fn what_is_not_set_has_no_end() {
        let now = Instant::now();
        assert!(Tenure::new(&WsConf::default(), 0.5, now).is_none());
        let conf = WsConf { first_message_timeout: FIRST, ..WsConf::default() };
        let mut tenure = Tenure::new(&conf, 0.5, now).expect("there is a limit");
        assert_eq!(tenure.check(1, 1, now + FOREVER), Ok(None));
    }
}
