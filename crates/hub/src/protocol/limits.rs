//! How fast a client may be, and a user with all of its clients.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::bucket::Bucket;
use super::conf::{LimitsConf, RateConf};
use crate::name::UserId;

/// What a command costs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    pub(super) messages: u32,
    pub(super) bytes: u32,
    pub(super) joins: u32,
}

/// What a client, or a user, has left.
#[derive(Debug)]
pub(super) struct Allowance {
    messages: Bucket,
    bytes: Bucket,
    joins: Bucket,
}

impl Allowance {
    pub(super) fn new(now: Instant) -> Self {
        Self { messages: Bucket::new(now), bytes: Bucket::new(now), joins: Bucket::new(now) }
    }

    fn wait(&mut self, limits: &LimitsConf, cost: Cost, now: Instant) -> Duration {
        self.each(limits, cost)
            .map(|(bucket, rate, cost)| if cost == 0 { Duration::ZERO } else { bucket.wait(rate, cost, now) })
            .into_iter()
            .max()
            .unwrap_or_default()
    }

    fn take(&mut self, limits: &LimitsConf, cost: Cost, now: Instant) {
        for (bucket, rate, cost) in self.each(limits, cost) {
            bucket.take(rate, cost, now);
        }
    }

    fn is_full(&self, now: Instant) -> bool {
        self.messages.is_full(now) && self.bytes.is_full(now) && self.joins.is_full(now)
    }

    fn each(&mut self, limits: &LimitsConf, cost: Cost) -> [(&mut Bucket, RateConf, u32); 3] {
        [
            (&mut self.messages, limits.messages, cost.messages),
            (&mut self.bytes, limits.bytes, cost.bytes),
            (&mut self.joins, limits.joins, cost.joins),
        ]
    }
}

/// What the users have left. Who has all of it is not kept.
#[derive(Debug, Default)]
pub(super) struct Users {
    allowances: Mutex<HashMap<UserId, Arc<Mutex<Allowance>>>>,
}

impl Users {
    /// What this user has left: shared by all of its connections, and kept when they are gone until it is whole again.
    pub(super) fn of(&self, user: &UserId, now: Instant) -> Arc<Mutex<Allowance>> {
        let mut allowances = lock(&self.allowances);
        if allowances.len() == allowances.capacity() {
            allowances
                .retain(|_, allowance| Arc::strong_count(allowance) > 1 || !lock(allowance).is_full(now));
        }
        allowances.entry(user.clone()).or_insert_with(|| Arc::new(Mutex::new(Allowance::new(now)))).clone()
    }
}

/// Takes what a command costs of the client's allowance and of its user's, of both or of neither.
///
/// # Errors
///
/// The time after which there is enough.
pub(super) fn take(
    client: (&mut Allowance, &LimitsConf),
    user: Option<(&Mutex<Allowance>, &LimitsConf)>,
    cost: Cost,
    now: Instant,
) -> Result<(), Duration> {
    let (client, limits) = client;
    let mut user = user.map(|(allowance, limits)| (lock(allowance), limits));
    let mut wait = client.wait(limits, cost, now);
    if let Some((user, limits)) = &mut user {
        wait = wait.max(user.wait(limits, cost, now));
    }
    if !wait.is_zero() {
        return Err(wait);
    }
    client.take(limits, cost, now);
    if let Some((user, limits)) = &mut user {
        user.take(limits, cost, now);
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: Cost = Cost { messages: 1, bytes: 10, joins: 0 };

    fn limits(messages: u32) -> LimitsConf {
        LimitsConf { messages: RateConf { rate: messages, burst: messages }, ..LimitsConf::default() }
    }

    #[test]
    fn what_the_user_may_not_the_client_has_not_paid_for() {
        let now = Instant::now();
        let (mut client, user) = (Allowance::new(now), Mutex::new(Allowance::new(now)));
        let (per_client, per_user) = (limits(3), limits(2));
        let mut take = |now| take((&mut client, &per_client), Some((&user, &per_user)), MESSAGE, now);
        assert_eq!([take(now), take(now)], [Ok(()), Ok(())]);
        assert_eq!(take(now), Err(Duration::from_millis(500)));
        assert_eq!(take(now + Duration::from_millis(500)), Ok(()), "the client's third");
    }

    #[test]
    fn what_a_command_does_not_cost_does_not_hold_it_up() {
        let now = Instant::now();
        let mut client = Allowance::new(now);
        let limits = LimitsConf { messages: RateConf { rate: 1, burst: 1 }, ..LimitsConf::default() };
        assert_eq!(take((&mut client, &limits), None, MESSAGE, now), Ok(()));
        assert!(take((&mut client, &limits), None, MESSAGE, now).is_err());
        assert_eq!(take((&mut client, &limits), None, Cost { joins: 1, ..Cost::default() }, now), Ok(()));
    }

    #[test]
    fn a_user_keeps_what_is_missing_when_its_connections_are_gone() {
        let (users, now) = (Users::default(), Instant::now());
        let ann = UserId::new("ann").unwrap();
        let per_user = limits(1);
        let take_as_ann = |now| {
            let allowance = users.of(&ann, now);
            take((&mut Allowance::new(now), &limits(9)), Some((&*allowance, &per_user)), MESSAGE, now)
        };
        assert_eq!(take_as_ann(now), Ok(()));
        for number in 0..1000 {
            users.of(&UserId::new(&number.to_string()).unwrap(), now);
        }
        assert!(take_as_ann(now).is_err());
        assert!(lock(&users.allowances).len() < 1000, "who has all is not kept");
    }
}
