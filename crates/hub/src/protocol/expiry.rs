//! When a client's token is over.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// The end of a client's token, which a new token moves. `None` for one that does not end.
#[derive(Clone, Debug)]
pub(super) struct Until(Arc<Mutex<Option<Instant>>>);

/// Watches a token, and says when it is about to be over, and when it is.
///
/// It need not be woken when a new token comes: the answer to that goes to the same task.
#[derive(Debug)]
pub(super) struct Expiry {
    until: Until,
    notice: Duration,
    /// For which end the client has been told.
    told: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug, Eq, PartialEq)]
pub(super) enum Due {
    /// It will be over after this time.
    Soon(Duration),
    Over,
}

/// The end of something that lasts as long.
pub(super) fn until(time: Option<Duration>, now: Instant) -> Option<Instant> {
    time.and_then(|time| now.checked_add(time))
}

impl Until {
    pub(super) fn set(&self, until: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    fn get(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Expiry {
    pub(super) fn new(until: Option<Instant>, notice: Duration) -> Self {
        Self { until: Until(Arc::new(Mutex::new(until))), notice, told: None, sleep: None }
    }

    pub(super) fn until(&self) -> Until {
        self.until.clone()
    }

    /// Is ready once before each end, and at the end.
    pub(super) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<Due> {
        loop {
            let Some(until) = self.until.get() else {
                self.sleep = None;
                return Poll::Pending;
            };
            let now = Instant::now();
            if until <= now {
                return Poll::Ready(Due::Over);
            }
            let notice = until.checked_sub(self.notice).unwrap_or(now);
            if self.told != Some(until) && notice <= now {
                self.told = Some(until);
                return Poll::Ready(Due::Soon(until - now));
            }
            let next = if self.told == Some(until) { until } else { notice };
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(next)));
            if sleep.deadline() != next {
                sleep.as_mut().reset(next);
            }
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures_util::FutureExt;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const NOTICE: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_token_is_announced_once_and_then_over() {
        let start = Instant::now();
        let mut expiry = Expiry::new(Some(start + MINUTE), NOTICE);
        assert_eq!(poll_fn(|cx| expiry.poll_due(cx)).await, Due::Soon(NOTICE));
        assert_eq!(start.elapsed(), NOTICE);
        assert_eq!(poll_fn(|cx| expiry.poll_due(cx)).await, Due::Over);
        assert_eq!(start.elapsed(), MINUTE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_token_is_announced_anew() {
        let start = Instant::now();
        let mut expiry = Expiry::new(Some(start + MINUTE), NOTICE);
        assert_eq!(poll_fn(|cx| expiry.poll_due(cx)).await, Due::Soon(NOTICE));
        expiry.until().set(Some(start + 3 * MINUTE));
        assert_eq!(poll_fn(|cx| expiry.poll_due(cx)).await, Due::Soon(NOTICE));
        assert_eq!(start.elapsed(), 3 * MINUTE - NOTICE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_without_an_end_has_no_timer() {
        let mut expiry = Expiry::new(None, NOTICE);
        assert!(poll_fn(|cx| expiry.poll_due(cx)).now_or_never().is_none());
        assert!(expiry.sleep.is_none());
    }
}
