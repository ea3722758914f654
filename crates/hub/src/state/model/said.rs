//! What is said in the test, how it is taken, and how both sides tell of it.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::reference::Heard;
use crate::event::Event;
use crate::message::Message;
use crate::name::Tag;
use crate::outlet::Outlet;
use crate::presence::Snapshot;

/// What is said, by its number.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) number: u32,
    pub(super) weight: usize,
}

impl Message for Said {
    fn weight(&self) -> usize {
        self.weight
    }
}

/// Takes so many messages.
#[derive(Default)]
pub(super) struct Room {
    pub(super) room: Mutex<usize>,
    pub(super) taken: Mutex<Vec<u32>>,
}

impl Outlet<Said> for Room {
    fn offer(&self, _first: u64, messages: &[Said]) -> usize {
        let mut room = self.room.lock().unwrap();
        let count = messages.len().min(*room);
        *room -= count;
        self.taken.lock().unwrap().extend(messages[..count].iter().map(|said| said.number));
        count
    }
}

pub(super) fn heard(event: Event<Said>) -> Heard {
    match event {
        Event::Message { topic, offset, message } => {
            Heard::Said { topic: topic.to_string(), offset, number: message.number }
        }
        Event::Direct(message) => Heard::Direct(message.number),
        Event::Gap { topic, from, to } => Heard::Gap { topic: topic.to_string(), from, to },
        Event::Reset { .. } => unreachable!("there is no engine"),
        Event::Left { topic, .. } => Heard::Left(topic.to_string()),
    }
}

pub(super) fn view(snapshot: &Snapshot) -> (u64, BTreeMap<String, usize>) {
    let users = snapshot.users.iter().map(|present| (present.user.to_string(), present.devices));
    (snapshot.version, users.collect())
}

pub(super) fn staff() -> Tag {
    Tag::new("staff").unwrap()
}
