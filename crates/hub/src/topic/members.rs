//! A topic's members, for the walk over all of them: what a pass needs of one that is live stands in the row itself, so that it
//! follows no pointer but the one into the outlet.

use std::hint::black_box;
use std::ops::Index;
use std::sync::Arc;

use crate::member::Member;
use crate::outlet::Outlet;
use crate::pass::Fresh;

pub(super) struct Members<M> {
    /// Dense; each member knows its position.
    row: Vec<Place<M>>,
    /// Those who have caught up, on their way from the log; empty in between.
    returning: Vec<Arc<Member<M>>>,
}

struct Place<M> {
    /// There while the member is live. Who has become live stands in the log's list, until the loop takes it from there.
    live: Option<Live<M>>,
    member: Arc<Member<M>>,
}

/// A member's cursor, while it is the loop's, and where to.
struct Live<M> {
    cursor: u64,
    outlet: Arc<dyn Outlet<M>>,
}

impl<M> Members<M> {
    pub(super) fn new() -> Self {
        Self { row: Vec::new(), returning: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.row.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.row.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Member<M>>> {
        self.row.iter().map(|place| &place.member)
    }

    /// Adds a member, which knows that it will be the last.
    pub(super) fn push(&mut self, member: Arc<Member<M>>) {
        self.row.push(Place { live: None, member });
    }

    /// Removes the member at a position, which the last one gets.
    pub(super) fn swap_remove(&mut self, position: usize) -> Arc<Member<M>> {
        let removed = self.row.swap_remove(position).member;
        removed.set_position(None);
        if let Some(moved) = self.row.get(position) {
            moved.member.set_position(Some(position));
        }
        removed
    }

    /// Takes the cursors of those who have caught up, whom the log puts into a list that is empty.
    pub(super) fn take_over<T>(&mut self, log: impl FnOnce(&mut Vec<Arc<Member<M>>>) -> T) -> T {
        let answer = log(&mut self.returning);
        for member in self.returning.drain(..) {
            // It may have left meanwhile, or stand here twice, as the loop has handed its cursor back before it saw this.
            let place = member.position().and_then(|position| self.row.get_mut(position));
            if let Some(place) = place.filter(|place| place.live.is_none())
                && let Some(cursor) = member.live_cursor()
                && let Some(outlet) = member.inbox.outlet()
            {
                place.live = Some(Live { cursor, outlet: outlet.clone() });
            }
        }
        self.returning.shrink_to(KEPT);
        answer
    }

    /// At some positions, has the processor fetch the outlets of the members below, which are offered something next: all at a
    /// time, where one after another each would be waited for.
    pub(super) fn fetch_below(&self, position: usize) {
        if !position.is_multiple_of(FETCHED) {
            return;
        }
        let places = self.row.iter().take(position).skip(position - FETCHED.min(position));
        for live in places.filter_map(|place| place.live.as_ref()) {
            // Reads what stands in front of the outlet.
            black_box(Arc::strong_count(&live.outlet));
        }
    }

    /// Offers what is new to a member, if it is live, and returns how many messages it took and whether it keeps up. One that
    /// does not take all is behind from then on.
    pub(super) fn offer(&mut self, position: usize, fresh: &Fresh<M>) -> Option<(u64, bool)> {
        let Place { live: slot, member } = self.row.get_mut(position)?;
        let live = slot.as_mut()?;
        // A client may have read some of them already, and become live after that.
        let (next, taken) = fresh.offer(live.cursor, &*live.outlet, |audience| {
            audience.has(member.inbox.id, &member.inbox.identity)
        });
        live.cursor = next;
        let keeps_up = next >= fresh.end();
        if !keeps_up {
            *slot = None;
            member.fall_behind(Some(next));
        }
        Some((taken, keeps_up))
    }

    /// Hands all cursors to the clients' tasks, and wakes them.
    pub(super) fn fall_behind(&mut self) {
        for Place { live, member } in &mut self.row {
            member.fall_behind(live.take().map(|live| live.cursor));
            member.wake();
        }
    }

    /// Takes all out.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Arc<Member<M>>> {
        self.row.drain(..).map(|place| place.member)
    }
}

impl<M> Index<usize> for Members<M> {
    type Output = Arc<Member<M>>;

    fn index(&self, position: usize) -> &Arc<Member<M>> {
        &self.row[position].member
    }
}

/// So much room for those who have caught up is kept.
const KEPT: usize = 64;

/// So many outlets are fetched at a time: they are still there when their turn comes.
const FETCHED: usize = 16;

#[cfg(all(test, not(feature = "_loom")))]
mod tests {
    use std::task::{Context, Waker};

    use tokio::sync::mpsc;
    use tokio::time::Instant;

    use crate::conf::TopicConf;
    use crate::identity::{ClientId, Identity};
    use crate::inbox::Inbox;
    use crate::join::Join;
    use crate::member::Parting;
    use crate::name::TopicName;
    use crate::receipt::Epoch;
    use crate::seats::Seats;
    use crate::topic::Topic;

    use super::*;

    struct Everything;

    impl Outlet<u32> for Everything {
        fn offer(&self, _first: u64, messages: &[u32]) -> usize {
            messages.len()
        }
    }

    #[test]
    fn one_who_has_caught_up_and_left_is_forgotten_though_nobody_speaks() {
        let name = TopicName::new("lobby").expect("a name");
        let mut topic = Topic::<u32>::new(name, TopicConf::default(), Epoch(1), Arc::default());
        let inbox = Arc::new(Inbox::new(ClientId(1), Identity::default(), 9, Arc::default()));
        let (now, (leaver, _)) = (Instant::now(), mpsc::unbounded_channel());
        inbox.attach(Arc::new(Everything));
        let (membership, _) = topic.join(&inbox, Join::new(), &leaver, now);
        let (member, mut seats) = (membership.member().clone(), Seats::new());
        seats.sit(membership);
        let cx = &Context::from_waker(Waker::noop());
        assert!(seats.poll_take(&inbox, cx, 1, &mut |_| ()).is_pending());
        assert!(member.is_live());

        assert!(topic.leave(&member, Parting::Clean, now));

        let inbox = Arc::downgrade(&{ inbox });
        drop((seats, member));
        assert_eq!(inbox.strong_count(), 0);
    }
}
