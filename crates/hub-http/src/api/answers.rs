//! What the API answers, in the words of the protocol.

use std::cmp::Ordering;

use hub::protocol::Spoken;
use hub::{Present, Receipt, Snapshot};
use rest::RawJson;
use rest::extract::Json;
use serde::Serialize;

use super::requests;

#[derive(Serialize)]
pub(super) struct Published {
    position: Position,
    /// It is the position of an earlier publication with the same key.
    duplicate: bool,
}

#[derive(Serialize)]
pub(super) struct Clients {
    clients: usize,
}

#[derive(Serialize)]
pub(super) struct Count {
    users: usize,
    devices: usize,
}

#[derive(Serialize)]
pub(super) struct Users {
    version: u64,
    /// How many there are in all.
    total: usize,
    users: Vec<User>,
}

#[derive(Serialize)]
struct User {
    user: String,
    devices: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    info: Option<Box<RawJson>>,
}

#[derive(Serialize)]
pub(super) struct History {
    position: Position,
    messages: Vec<Box<RawJson>>,
}

#[derive(Serialize)]
struct Position {
    offset: u64,
    epoch: String,
}

impl Published {
    pub(super) fn json(receipt: Receipt) -> Json<Self> {
        Json(Self { position: receipt.position.into(), duplicate: receipt.duplicate })
    }
}

impl Clients {
    pub(super) fn json(clients: usize) -> Json<Self> {
        Json(Self { clients })
    }
}

impl Count {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let devices = snapshot.users.iter().map(|present| present.devices).sum();
        Self { users: snapshot.users.len(), devices }
    }
}

impl Users {
    /// A page of those who are there, in the order of their names.
    pub(super) fn of(snapshot: Snapshot, asked: &requests::Users, most: usize) -> Self {
        let Snapshot { version, users, .. } = snapshot;
        let total = users.len();
        let is_after = |present: &&Present| {
            asked.after.as_deref().is_none_or(|after| present.user.as_str().cmp(after) == Ordering::Greater)
        };
        let mut users: Vec<_> = users.iter().filter(is_after).collect();
        users.sort_unstable_by(|a, b| a.user.as_str().cmp(b.user.as_str()));
        users.truncate(asked.limit.unwrap_or(most).min(most));
        Self { version, total, users: users.into_iter().cloned().map(User::from).collect() }
    }
}

impl From<Present> for User {
    fn from(present: Present) -> Self {
        let info = present.info.as_deref().and_then(|known| {
            // What is not JSON becomes a string, as in the protocol.
            let json = serde_json::from_str::<Box<RawJson>>(known);
            json.or_else(|_| serde_json::value::to_raw_value(known)).ok()
        });
        Self { user: present.user.as_str().to_owned(), devices: present.devices, info }
    }
}

impl History {
    pub(super) fn of<M: Spoken>(position: hub::Position, messages: &[(u64, M)]) -> Self {
        let text = |(offset, message): &(u64, M)| message.publication().json(Some(*offset));
        // A message that is no object cannot be shown as one; the protocol makes no such.
        let messages =
            messages.iter().filter_map(|message| RawJson::from_string(text(message)).ok()).collect();
        Self { position: position.into(), messages }
    }
}

impl From<hub::Position> for Position {
    fn from(position: hub::Position) -> Self {
        Self { offset: position.offset, epoch: position.epoch.to_string() }
    }
}
