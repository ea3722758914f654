//! A topic of a cluster whose engine does not number: this node does, and looks by the others' own numbers for what is missing.

use std::collections::HashMap;

use tokio::time::Instant;

use super::Topic;
use super::replica::Mode;
use crate::backplane::arrival::Numbered;
use crate::backplane::{NodeId, Origin};
use crate::keys::Key;
use crate::message::Message;
use crate::receipt::{Epoch, Position};

/// How far each node has been heard: in which of its countings, and up to which number.
#[derive(Default)]
pub(super) struct Heard(HashMap<NodeId, (u64, u64)>);

impl Heard {
    /// Notes one, and returns how many are missing before it; `None` if it is not the first with its number, or too late.
    fn note(&mut self, Origin { node, run, number }: Origin) -> Option<u64> {
        let missing = match self.0.get(&node) {
            Some((of, last)) if *of == run => number.checked_sub(*last)?.checked_sub(1)?,
            // What it said before has been said before anybody was here.
            _ => 0,
        };
        if self.0.len() >= MAX_NODES {
            self.0.clear();
        }
        self.0.insert(node, (run, number));
        Some(missing.min(MAX_MISSING))
    }
}

impl<M: Message> Topic<M> {
    /// Lets something be published here, if need be without anybody to hear it: then the topic stays for a moment.
    pub(crate) fn pass_through(&mut self, now: Instant) {
        if let Some(replica) = self.replica.as_mut().filter(|replica| replica.mode == Mode::Opening) {
            (replica.mode, replica.idle_since) = (Mode::Passing, Some(now));
        }
    }

    /// Whether it is there only for what was published. Then somebody is about to open it.
    pub(crate) fn reopen(&mut self) -> bool {
        let passing = self.replica.as_mut().filter(|replica| replica.mode == Mode::Passing);
        passing.map(|replica| (replica.mode, replica.idle_since) = (Mode::Opening, None)).is_some()
    }

    /// From now on it hears the other nodes. What they have said before may be lost, so that the numbers are new.
    pub(crate) fn hear(&mut self, epoch: Epoch, now: Instant) {
        let Some(replica) = &mut self.replica else { return };
        let was_open = std::mem::replace(&mut replica.mode, Mode::Open) != Mode::Opening;
        replica.unnumbered = Some(Heard::default());
        if self.members.is_empty() {
            replica.idle_since = Some(now); // who had it opened is about to join
        }
        if was_open || self.next > 1 {
            self.keys.clear();
            self.restart(Position { offset: 0, epoch }, Vec::new(), now);
        }
    }

    /// Whether it has something for those who come that nobody else keeps.
    pub(super) fn keeps_history(&self) -> bool {
        let is_own = self.replica.as_ref().is_some_and(|replica| replica.unnumbered.is_some());
        let ring = self.log.lock();
        is_own && ring.history_tail() != ring.bounds().head
    }

    /// Takes what another node has published, once and in that node's order.
    pub(super) fn take_passed(
        &mut self,
        origin: Option<Origin>,
        key: Option<Key>,
        what: Numbered<M>,
        now: Instant,
    ) {
        let Some(replica) = self.replica.as_mut().filter(|replica| replica.mode == Mode::Open) else {
            return;
        };
        let (Some(heard), Some(origin)) = (&mut replica.unnumbered, origin) else { return };
        let counts = &self.counters.of_loop;
        let Some(missing) = heard.note(origin) else { return counts.repeated.add_alone(1) };
        let entry = match what {
            Numbered::Message(entry) => Some(entry),
            Numbered::Notice(_) | Numbered::Broken => None,
        };
        let lost = missing + u64::from(entry.is_none());
        if lost > 0 {
            let Position { offset, epoch } = self.position();
            self.restart(Position { offset: offset + lost, epoch }, Vec::new(), now);
        }
        let Some(entry) = entry else { return };
        let counts = &self.counters.of_loop;
        if key.as_ref().is_some_and(|key| self.keys.find(key, now).is_some()) {
            return counts.duplicates.add_alone(1);
        }
        counts.published.add_alone(1);
        self.publish(entry, key, None);
    }
}

/// More than a cluster has nodes. Beyond it they are all new again.
const MAX_NODES: usize = 4096;

/// A gap is not told as larger than this: whoever says more has not counted.
const MAX_MISSING: u64 = 1 << 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_counted_by_node_and_counting_and_what_is_late_is_not_taken() {
        let mut heard = Heard::default();
        let mut note = |node, run, number| heard.note(Origin { node: NodeId(node), run, number });
        assert_eq!(note(1, 1, 7), Some(0), "the first that is heard of it");
        assert_eq!(note(1, 1, 8), Some(0));
        assert_eq!(note(2, 1, 1), Some(0), "another node");
        assert_eq!(note(1, 1, 11), Some(2));
        assert_eq!((note(1, 1, 11), note(1, 1, 9)), (None, None));
        assert_eq!(note(1, 2, 1), Some(0), "another counting");
        assert_eq!(note(1, 2, u64::MAX), Some(MAX_MISSING));
    }
}
