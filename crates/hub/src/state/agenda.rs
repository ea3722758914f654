//! When a loop looks at a topic, whatever happens.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tokio::time::Instant;

use crate::name::TopicName;

/// Times and topics, the next one first. An entry may be void when its time comes: the topic knows which one counts.
pub(super) struct Agenda(BinaryHeap<Reverse<(Instant, TopicName)>>);

impl Agenda {
    pub(super) fn new() -> Self {
        Self(BinaryHeap::new())
    }

    /// Adds an entry. Where more are void than there are topics, those that `counts` does not know are cleared away.
    pub(super) fn add(
        &mut self,
        at: Instant,
        name: &TopicName,
        topics: usize,
        counts: impl Fn(&TopicName, Instant) -> bool,
    ) {
        if self.0.len() > 2 * topics + FEW {
            self.0.retain(|Reverse((at, name))| counts(name, *at));
        }
        self.0.push(Reverse((at, name.clone())));
    }

    /// Takes out an entry whose time has come.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<(Instant, TopicName)> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|Reverse(entry)| entry)
    }

    /// When the next entry's time comes.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }
}

/// So many void entries do not matter.
const FEW: usize = 64;
