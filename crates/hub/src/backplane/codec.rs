//! Messages as bytes and back, with what belongs to them. User code runs here, and outside of the loops.

use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

use super::arrival::{Arrived, Caught, Numbered};
use super::carried::Carried;
use super::engine::Subscribed;
use super::parcel::{Delivery, Parcel, What};
use crate::keys::Key;
use crate::log::Entry;
use crate::message::Message;
use crate::name::TopicName;
use crate::post::Post;
use crate::presence::PresenceChange;

/// What [`Carried`] can do, for those who need not know it.
pub(crate) struct Codec<M> {
    encode: fn(&M) -> Vec<u8>,
    decode: fn(&[u8]) -> Option<M>,
}

impl<M: Message> Codec<M> {
    pub(crate) fn new() -> Self
    where
        M: Carried,
    {
        Self { encode: M::encode, decode: M::decode }
    }

    /// Whether members are told of changes of presence by messages.
    pub(crate) fn has_notices() -> bool {
        let notice = || M::presence(&TopicName::shared(), &PresenceChange::default()).is_some();
        panic::catch_unwind(notice).unwrap_or_default()
    }

    pub(crate) fn encode(&self, message: &M) -> Vec<u8> {
        (self.encode)(message)
    }

    /// `None` if it is no message, or decoding panics.
    pub(crate) fn decode(&self, bytes: &[u8]) -> Option<M> {
        panic::catch_unwind(|| (self.decode)(bytes)).ok().flatten()
    }

    pub(crate) fn parcel(&self, entry: &Entry<M>, key: Option<Key>) -> Parcel {
        Parcel {
            payload: self.encode(&entry.message).into(),
            weight: entry.weight,
            audience: entry.audience.clone(),
            replaces: entry.replaces.clone(),
            key,
            origin: None,
        }
    }

    pub(crate) fn arrived(&self, delivery: Delivery) -> (TopicName, Arrived<M>) {
        match delivery {
            Delivery::Item { topic, position, what } => {
                let what = self.numbered(&topic, what, Duration::ZERO);
                (topic, Arrived::Numbered(position.epoch, position.offset, what))
            }
            Delivery::Unnumbered { topic, mut parcel } => {
                let (origin, key) = (parcel.origin.take(), parcel.key.take());
                let what = self.numbered(&topic, What::Parcel(parcel), Duration::ZERO);
                (topic, Arrived::Passed(origin, key, what))
            }
            Delivery::Presence { topic, change } => (topic, Arrived::Presence(change)),
        }
    }

    pub(crate) fn caught(&self, topic: &TopicName, subscribed: Subscribed) -> Caught<M> {
        let Subscribed { position, is_complete, items, presence } = subscribed;
        let items = items.into_iter().map(|it| (it.offset, self.numbered(topic, it.what, it.age))).collect();
        Caught { position, is_complete, items, presence }
    }

    fn numbered(&self, topic: &TopicName, what: What, age: Duration) -> Numbered<M> {
        let aged = |mut entry: Entry<M>| {
            entry.at = entry.at.checked_sub(age).unwrap_or(entry.at);
            entry
        };
        match what {
            What::Parcel(Parcel { payload, audience, replaces, .. }) => {
                let entry = || {
                    let message = (self.decode)(&payload)?;
                    Some(Entry::new(Post { message, audience, key: None, replaces }))
                };
                let entry = panic::catch_unwind(AssertUnwindSafe(entry)).ok().flatten();
                entry.map_or(Numbered::Broken, |entry| Numbered::Message(aged(entry)))
            }
            What::Notice(change) => {
                let entry =
                    || Some(Entry { is_notice: true, ..Entry::new(M::presence(topic, &change)?.into()) });
                let entry = panic::catch_unwind(AssertUnwindSafe(entry)).ok().flatten();
                Numbered::Notice(Box::new((change, entry.map(aged))))
            }
        }
    }
}
