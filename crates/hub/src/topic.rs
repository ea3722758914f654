//! A topic: its log and its members, as plain data. Here it is decided who is offered what is new, who is woken and who is
//! evicted.

use std::ops::Range;
use std::sync::Arc;

use crate::HubConf;
use crate::log::{Entry, Log, Message};
use crate::member::Member;

/// What is said in one place, and who listens.
pub(crate) struct Topic<M> {
    log: Arc<Log<M>>,
    /// Dense, for the walk; each member knows its position.
    members: Vec<Arc<Member<M>>>,
    /// Published since the last pass.
    pending: Vec<Entry<M>>,
    pending_bytes: usize,
    /// A pass is due when this much is pending.
    max_pending: usize,
    max_pending_bytes: usize,
    pass: Pass<M>,
}

/// A walk over the members after something was appended.
struct Pass<M> {
    /// What was appended, for those who are live.
    new: Vec<M>,
    /// The offsets that the log holds.
    kept: Range<u64>,
    /// So many members are still to be seen.
    ahead: usize,
}

impl<M: Message> Topic<M> {
    pub(crate) fn new(conf: &HubConf) -> Self {
        let (max_messages, max_bytes) = (conf.max_messages.get(), conf.max_bytes.get());
        Self {
            log: Arc::new(Log::new(max_messages, max_bytes)),
            members: Vec::new(),
            pending: Vec::new(),
            pending_bytes: 0,
            // About half the log is renewed by one pass, so that a member that keeps up survives it.
            max_pending: (max_messages / 2).max(1),
            max_pending_bytes: max_bytes / 2,
            pass: Pass { new: Vec::new(), kept: 0..0, ahead: 0 },
        }
    }

    /// Adds a member that reads from the next message on.
    pub(crate) fn join(&mut self) -> (Arc<Member<M>>, Arc<Log<M>>) {
        let next = self.log.head() + self.pending.len() as u64;
        let member = Arc::new(Member::new(next, self.members.len()));
        self.members.push(member.clone());
        (member, self.log.clone())
    }

    /// Removes a member; does nothing if it has been removed already.
    pub(crate) fn leave(&mut self, member: &Member<M>) {
        if let Some(position) = member.position() {
            self.remove(position);
        }
    }

    /// Takes a message for the next pass.
    pub(crate) fn publish(&mut self, entry: Entry<M>) {
        self.pending_bytes = self.pending_bytes.saturating_add(entry.weight);
        self.pending.push(entry);
    }

    /// Whether a pass is due before more is published.
    pub(crate) fn is_full(&self) -> bool {
        self.pending.len() >= self.max_pending || self.pending_bytes > self.max_pending_bytes
    }

    /// Appends what is pending to the log; [`advance`](Self::advance) lets the members know.
    pub(crate) fn begin_pass(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        self.pass.new.extend(self.pending.iter().map(|entry| entry.message.clone()));
        self.pass.kept = self.log.append(self.pending.drain(..));
        self.pass.ahead = self.members.len();
        self.pending_bytes = 0;
    }

    /// Lets so many members know what is new, and says whether there are more. In between no one may join or leave.
    pub(crate) fn advance(&mut self, count: usize) -> bool {
        let end = self.pass.ahead.saturating_sub(count);
        // Backwards, as a removal puts the last member, which has been seen by then, in the place of the removed one.
        for position in (end..self.pass.ahead).rev() {
            self.tell(position);
        }
        self.pass.ahead = end;
        if end > 0 {
            return true;
        }
        self.pass.new.clear();
        false
    }

    fn tell(&mut self, position: usize) {
        let Pass { new, kept, .. } = &self.pass;
        let member = &self.members[position];
        if member.is_live() {
            member.offer(new, kept.end - new.len() as u64);
            if member.is_live() {
                return; // it keeps up: no task is woken, and nothing is kept for it
            }
        }
        let cursor = member.cursor();
        if cursor < kept.start {
            // The slow client: what it reads next is gone. The others do not wait for it.
            self.remove(position).wake();
        } else if cursor < kept.end {
            member.wake();
        }
    }
}

impl<M> Topic<M> {
    /// Ends the log, and lets each member know.
    pub(crate) fn close(&mut self) {
        self.log.close();
        for member in self.members.drain(..) {
            member.fall_behind();
            member.wake();
        }
    }

    /// The number of members.
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    fn remove(&mut self, position: usize) -> Arc<Member<M>> {
        let removed = self.members.swap_remove(position);
        removed.set_position(None);
        if let Some(moved) = self.members.get(position) {
            moved.set_position(Some(position));
        }
        removed
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::task::Poll;

    use super::*;

    fn topic(max_messages: usize, max_bytes: usize) -> Topic<u32> {
        let number = |number: usize| number.try_into().expect("not zero");
        Topic::new(&HubConf {
            max_messages: number(max_messages),
            max_bytes: number(max_bytes),
            ..HubConf::default()
        })
    }

    fn pass(topic: &mut Topic<u32>) {
        topic.begin_pass();
        while topic.advance(2) {}
    }

    /// Publishes so many messages of weight 1, with one pass.
    fn publish(topic: &mut Topic<u32>, count: u32) {
        for message in 0..count {
            topic.publish(Entry { message, weight: 1 });
        }
        pass(topic);
    }

    fn positions(topic: &Topic<u32>) -> Vec<Option<usize>> {
        topic.members.iter().map(|member| member.position()).collect()
    }

    #[test]
    fn a_member_that_lags_as_far_as_the_log_reaches_stays() {
        let mut topic = topic(4, 100);
        topic.join();
        publish(&mut topic, 4);
        assert_eq!(topic.len(), 1);
        publish(&mut topic, 1);
        assert_eq!(topic.len(), 0);
    }

    #[test]
    fn only_members_behind_the_tail_are_evicted() {
        let mut topic = topic(4, 100);
        let (slow, _) = topic.join();
        publish(&mut topic, 3);
        let (fresh, _) = topic.join();
        publish(&mut topic, 3);

        assert_eq!((slow.position(), fresh.position()), (None, Some(0)));
    }

    #[test]
    fn a_member_that_joins_while_messages_are_pending_starts_behind_them() {
        let mut topic = topic(4, 100);
        topic.publish(Entry { message: 1, weight: 1 });
        let (member, log) = topic.join();
        topic.publish(Entry { message: 2, weight: 1 });
        pass(&mut topic);

        let mut messages = Vec::new();
        let cursor = AtomicU64::new(member.cursor());
        let read = log.read(&cursor, None, 10, &mut |message| messages.push(message));
        assert_eq!((read, messages), (Poll::Ready(Ok(1)), vec![2]));
    }

    #[test]
    fn a_leave_keeps_the_members_dense() {
        let mut topic = topic(4, 100);
        let [first, _second, third] = [topic.join().0, topic.join().0, topic.join().0];

        topic.leave(&first);

        assert_eq!(positions(&topic), [Some(0), Some(1)]);
        assert_eq!((first.position(), third.position()), (None, Some(0)));
    }

    #[test]
    fn a_stale_leave_after_an_eviction_changes_nothing() {
        let mut topic = topic(4, 100);
        let (slow, _) = topic.join();
        publish(&mut topic, 5);
        let (fresh, _) = topic.join();

        topic.leave(&slow);

        assert_eq!((topic.len(), fresh.position()), (1, Some(0)));
    }

    #[test]
    fn a_pass_is_due_after_half_the_log() {
        let mut by_count = topic(8, 100);
        publish(&mut by_count, 3);
        assert!(!by_count.is_full());
        for message in 0..4 {
            by_count.publish(Entry { message, weight: 1 });
        }
        assert!(by_count.is_full());

        let mut by_bytes = topic(8, 100);
        by_bytes.publish(Entry { message: 1, weight: 51 });
        assert!(by_bytes.is_full());
        pass(&mut by_bytes);
        assert!(!by_bytes.is_full());
    }
}
