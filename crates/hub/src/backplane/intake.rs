//! What comes from the engine, on its way into the loops.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::arrival::{Arrival, Arrived};
use super::parcel::Delivery;
use super::sink::Receiver;
use super::uplink::Uplink;
use super::wish::Wish;
use crate::command::Command;
use crate::message::Message;

/// Takes what an engine delivers, without waiting, from the newest connection alone.
pub(crate) struct Intake<M> {
    pub(crate) uplink: Arc<Uplink<M>>,
    pub(crate) wishes: mpsc::UnboundedSender<Wish>,
    pub(crate) session: AtomicU64,
}

impl<M> Intake<M> {
    fn is_current(&self, session: u64) -> bool {
        self.session.load(Ordering::Acquire) == session
    }

    fn wish(&self, session: u64, wish: Wish) {
        if self.is_current(session) {
            let _ = self.wishes.send(wish); // fails if the hub is ending
        }
    }
}

impl<M: Message> Receiver for Intake<M> {
    fn deliver(&self, session: u64, delivery: Delivery) {
        if !self.is_current(session) {
            return;
        }
        if matches!(&delivery, Delivery::Unnumbered { parcel, .. } if self.uplink.numbers.are_of(parcel.origin))
        {
            return; // said here, and heard here before
        }
        let (topic, what) = self.uplink.codec.arrived(delivery);
        let lane = self.uplink.lanes.of(&topic);
        if matches!(&what, Arrived::Numbered(.., what) | Arrived::Passed(.., what) if what.is_broken()) {
            tracing::error!(%topic, "another node's message cannot be decoded: members are told of a gap");
            lane.counters.of_tasks.undecodable.add(1);
        }
        let arrival = Command::Arrived(Arrival { topic: topic.clone(), what });
        if let Err(TrySendError::Full(_)) = lane.arrivals.try_send(arrival) {
            lane.counters.of_tasks.overflowed.add(1);
            self.uplink.miss(topic);
        }
    }

    fn words(&self, session: u64, words: Vec<u8>) {
        self.wish(session, Wish::Words(words));
    }

    fn echo(&self, session: u64, number: u64) {
        self.wish(session, Wish::Echo(number));
    }

    fn lost(&self, session: u64) {
        self.wish(session, Wish::Lost(session));
    }
}
