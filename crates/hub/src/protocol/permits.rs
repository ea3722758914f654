//! What a client has been permitted, and for how long that is remembered.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::authorizer::Permit;
use crate::name::TopicName;

/// What may be done in a room.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Action {
    Join,
    Publish,
}

/// The permissions of one client that need not be asked for again.
#[derive(Debug)]
pub(super) struct Permits {
    remember_for: Duration,
    limit: usize,
    until: HashMap<(Action, TopicName), (Instant, Permit)>,
}

impl Permits {
    pub(super) fn new(remember_for: Duration, limit: usize) -> Self {
        Self { remember_for, limit, until: HashMap::new() }
    }

    pub(super) fn get(&self, action: Action, topic: &TopicName, now: Instant) -> Option<&Permit> {
        let (until, permit) = self.until.get(&(action, topic.clone()))?;
        (*until > now).then_some(permit)
    }

    /// Remembers one. When there are as many as may be, those that are over make room, or else all do: they are asked for
    /// again, that is all.
    pub(super) fn grant(&mut self, action: Action, topic: &TopicName, permit: Permit, now: Instant) {
        if self.until.len() >= self.limit {
            self.until.retain(|_, (until, _)| *until > now);
        }
        if self.until.len() >= self.limit {
            self.until.clear();
        }
        if let Some(until) = now.checked_add(self.remember_for)
            && self.limit > 0
        {
            self.until.insert((action, topic.clone()), (until, permit));
        }
    }

    pub(super) fn forget(&mut self) {
        self.until.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn room(name: &str) -> TopicName {
        TopicName::new(name).unwrap()
    }

    #[test]
    fn a_permit_is_for_one_action_in_one_room() {
        let now = Instant::now();
        let mut permits = Permits::new(MINUTE, 10);
        permits.grant(Action::Join, &room("lobby"), Permit::new().info("Ann"), now);
        let permit = permits.get(Action::Join, &room("lobby"), now).unwrap();
        assert_eq!(permit.info.as_deref(), Some("Ann"));
        assert!(permits.get(Action::Publish, &room("lobby"), now).is_none());
        assert!(permits.get(Action::Join, &room("attic"), now).is_none());
    }

    #[test]
    fn a_permit_is_over_after_its_time_or_when_all_are_forgotten() {
        let now = Instant::now();
        let mut permits = Permits::new(MINUTE, 10);
        permits.grant(Action::Join, &room("lobby"), Permit::new(), now);
        assert!(permits.get(Action::Join, &room("lobby"), now + MINUTE).is_none());
        permits.forget();
        assert!(permits.get(Action::Join, &room("lobby"), now).is_none());
    }

    #[test]
    fn so_many_permits_are_remembered_and_no_more() {
        let now = Instant::now();
        let mut permits = Permits::new(MINUTE, 3);
        for number in 0..100 {
            permits.grant(Action::Join, &room(&number.to_string()), Permit::new(), now);
            assert!(permits.until.len() <= 3);
        }
        assert!(permits.get(Action::Join, &room("99"), now).is_some());
    }
}
