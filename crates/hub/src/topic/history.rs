//! What a topic still has of what was said: for newcomers, and for those who return.

use super::Topic;
use crate::error::Error;
use crate::join::From;
use crate::log::{Entry, Ring};
use crate::message::Message;
use crate::receipt::Position;

impl<M: Message> Topic<M> {
    /// The last messages, or those after a position.
    pub(crate) fn history(
        &self,
        limit: usize,
        since: Option<Position>,
    ) -> Result<(Position, Vec<(u64, M)>), Error> {
        let from = since.map_or(From::Last(limit), From::After);
        let (cursor, found) = self.cursor(from);
        if since.is_some() && !found {
            return Err(Error::Insufficient(self.position()));
        }
        let ring = self.log.lock();
        let messages = self.history_from(&ring, cursor);
        let messages =
            messages.take(limit).map(|(offset, entry)| (ring.told(offset), entry.message.clone())).collect();
        Ok((self.position(), messages))
    }

    /// The offset from which on a new member reads, and whether that is all that came after the position it asked for.
    pub(super) fn cursor(&self, from: From) -> (u64, bool) {
        let ring = self.log.lock();
        match from {
            From::Now => (self.next, false),
            From::Last(count) => {
                // What is pending is as good as kept.
                let said = self.history_from(&ring, ring.history_tail()).rev();
                let first = said.take(count.min(self.conf.history.max_messages)).last();
                (first.map_or(self.next, |(offset, _)| offset), false)
            }
            From::After(position) => {
                let next = position.offset.saturating_add(1);
                let there = ring.told(ring.bounds().tail)..=ring.told(self.next);
                let is_there = position.epoch == self.epoch && there.contains(&next);
                (if is_there { next.wrapping_add(self.shift) } else { self.next }, is_there)
            }
        }
    }

    /// What members have said to everyone, from this offset on, with what is pending.
    fn history_from<'a>(
        &'a self,
        ring: &'a Ring<M>,
        offset: u64,
    ) -> impl DoubleEndedIterator<Item = (u64, &'a Entry<M>)> {
        let head = ring.head();
        let pending = self.pending.iter().enumerate().map(move |(index, entry)| (head + index as u64, entry));
        let entries = ring.from(offset).chain(pending.filter(move |(at, _)| *at >= offset));
        entries.filter(|(_, entry)| entry.is_history())
    }
}
