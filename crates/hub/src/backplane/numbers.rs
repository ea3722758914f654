//! What this node has published, counted by topic, where the engine does not number.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::node::NodeId;
use super::parcel::Origin;
use crate::name::TopicName;

/// The numbers that this node has given. Who holds the lock while it calls the engine publishes in their order.
pub(crate) struct Numbers {
    node: NodeId,
    given: Mutex<Given>,
}

pub(crate) struct Given {
    node: NodeId,
    topics: HashMap<TopicName, Counting>,
    runs: u64,
    /// When so many topics are counted, those in which nothing was said lately are forgotten.
    most: usize,
}

struct Counting {
    run: u64,
    last: u64,
    used: Instant,
}

impl Numbers {
    pub(crate) fn new(node: NodeId) -> Self {
        let given = Given { node, topics: HashMap::new(), runs: 0, most: LEAST };
        Self { node, given: Mutex::new(given) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Given> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is this node's own message that has come back.
    pub(crate) fn are_of(&self, origin: Option<Origin>) -> bool {
        origin.is_some_and(|origin| origin.node == self.node)
    }
}

impl Given {
    /// The next one in this topic.
    pub(crate) fn next(&mut self, topic: &TopicName, now: Instant) -> Origin {
        if self.topics.len() >= self.most {
            self.topics.retain(|_, counting| now.saturating_duration_since(counting.used) < QUIET);
            self.most = (self.topics.len() * 2).max(LEAST);
        }
        let runs = &mut self.runs;
        let counting = self.topics.entry(topic.clone()).or_insert_with(|| {
            *runs += 1;
            Counting { run: *runs, last: 0, used: now }
        });
        (counting.last, counting.used) = (counting.last + 1, now);
        Origin { node: self.node, run: counting.run, number: counting.last }
    }
}

/// So many topics are counted at least; each costs its name and some 50 bytes. There are more while more are in use.
const LEAST: usize = 4096;

/// A topic where nothing was said for so long may be forgotten: what is lost of it until it is counted anew is not noticed.
const QUIET: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_topic_is_counted_and_one_that_is_quiet_makes_room() {
        let numbers = Numbers::new(NodeId(7));
        let name = |number: usize| TopicName::new(&format!("topic {number}")).unwrap();
        let next = |number| numbers.lock().next(&name(number), Instant::now());
        let (first, second, other) = (next(0), next(0), next(1));
        assert_eq!((first.number, second.number, other.number), (1, 2, 1));
        assert_eq!((first.run == second.run, first.run == other.run), (true, false));
        tokio::time::advance(QUIET).await;
        assert_eq!(next(0).number, 3, "there is room for it");
        (2..=LEAST).for_each(|number| assert_eq!(next(number).number, 1));
        assert_eq!(numbers.lock().topics.len(), LEAST, "one was quiet");
        let again = next(1);
        assert_eq!((again.number, again.run == other.run), (1, false), "it is counted anew");
    }
}
