//! What a client's task reads from: the control lane, then the topics that the client is in, in turn.

use std::sync::Arc;
use std::task::{Context, Poll};

use crate::error::Evicted;
use crate::event::Event;
use crate::inbox::{Inbox, Item};
use crate::member::{Membership, Parting, Taken};
use crate::message::Message;
use crate::name::TopicName;

/// A client's places in the topics that it is in.
pub(crate) struct Seats<M> {
    seats: Vec<Membership<M>>,
    /// Whose turn it is to be read first.
    turn: usize,
}

impl<M: Message> Seats<M> {
    pub(crate) fn new() -> Self {
        Self { seats: Vec::new(), turn: 0 }
    }

    pub(crate) fn sit(&mut self, membership: Membership<M>) {
        self.seats.reserve_exact(1); // there are few topics to a client, and many clients
        self.seats.push(membership);
    }

    pub(crate) fn leave(&mut self, topic: &TopicName) {
        self.seats.retain(|seat| seat.member().topic != *topic);
    }

    /// Something has changed that reading has to find out.
    pub(crate) fn look_again(&self) {
        for seat in &self.seats {
            seat.look_again();
        }
    }

    /// Passes what is new to `take`, `limit` events at most, and returns how many there were; 0 at the end. While there is
    /// nothing, the task is woken by whoever has something.
    pub(crate) fn poll_take(
        &mut self,
        inbox: &Inbox<M>,
        cx: &Context<'_>,
        limit: usize,
        take: &mut impl FnMut(Event<M>),
    ) -> Poll<Result<usize, Evicted>> {
        if limit == 0 {
            return Poll::Ready(Ok(0));
        }
        let mut taken = self.take(inbox, limit, take);
        if taken == Ok(Taken::Nothing) {
            inbox.register(cx);
            // Looks again, as a loop may have appended before it could see the waker.
            taken = self.take(inbox, limit, take);
        }
        match taken {
            Ok(Taken::Nothing) => Poll::Pending,
            Ok(Taken::Some(count)) => Poll::Ready(Ok(count)),
            Ok(Taken::End) => Poll::Ready(Ok(0)),
            Err(evicted) => Poll::Ready(Err(evicted)),
        }
    }

    fn take(
        &mut self,
        inbox: &Inbox<M>,
        limit: usize,
        take: &mut impl FnMut(Event<M>),
    ) -> Result<Taken, Evicted> {
        let mut count = self.take_first(inbox, limit, take)?;
        let (seats, mut over) = (self.seats.len(), 0);
        for index in 0..seats {
            let seat = &mut self.seats[(self.turn + index) % seats];
            match seat.read(limit - count, count > 0, take) {
                Ok(Taken::Nothing) => {}
                Ok(Taken::Some(more)) => count += more,
                Ok(Taken::End) => over += 1,
                Err(evicted) => {
                    inbox.end(evicted);
                    inbox.leave_all(Parting::Lost);
                    return Err(evicted);
                }
            }
        }
        self.turn = if self.turn + 1 < seats { self.turn + 1 } else { 0 };
        if count > 0 {
            return Ok(Taken::Some(count));
        }
        let is_over = over == seats && inbox.is_hub_closed();
        Ok(if is_over { Taken::End } else { Taken::Nothing })
    }

    /// Takes what goes before any topic's messages.
    fn take_first(
        &mut self,
        inbox: &Inbox<M>,
        limit: usize,
        take: &mut impl FnMut(Event<M>),
    ) -> Result<usize, Evicted> {
        let mut count = 0;
        loop {
            if let Some(evicted) = inbox.ended() {
                return Err(evicted);
            }
            if count == limit {
                return Ok(count);
            }
            match inbox.pop() {
                None => return Ok(count),
                Some(Item::Seat(membership)) => self.sit(membership),
                Some(Item::Direct(message)) => {
                    take(Event::Direct(message));
                    count += 1;
                }
                Some(Item::Left(member, reason)) => {
                    self.seats.retain(|seat| !Arc::ptr_eq(seat.member(), &member));
                    if let Some(reason) = reason {
                        take(Event::Left { topic: member.topic.clone(), reason });
                        count += 1;
                    }
                }
            }
        }
    }
}
