//! Who is present in a topic of a cluster, as a node sees it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::name::UserId;
use crate::presence::{PresenceChange, Present, Snapshot};

/// What the engine has told of who is present.
#[derive(Debug, Default)]
pub(crate) struct View {
    version: u64,
    users: HashMap<UserId, (usize, Option<Arc<str>>)>,
}

impl View {
    /// Takes over all that there is, unless it is older than what is known.
    pub(crate) fn replace(&mut self, snapshot: Snapshot) {
        if snapshot.version >= self.version {
            *self = Self::from(snapshot);
        }
    }

    /// Takes a change over, and says whether none was missed before it.
    pub(crate) fn apply(&mut self, change: &PresenceChange) -> bool {
        if change.version <= self.version {
            return true; // in a snapshot already
        }
        if change.version > self.version + 1 {
            return false;
        }
        self.version = change.version;
        for user in &change.left {
            self.users.remove(user);
        }
        for Present { user, devices, info } in &change.joined {
            self.users.insert(user.clone(), (*devices, info.clone()));
        }
        true
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot { version: self.version, users: self.present().collect() }
    }

    /// Who is there, with one who has just come, of whom the engine will tell.
    pub(crate) fn snapshot_with(&self, user: &UserId, info: Option<&Arc<str>>) -> Snapshot {
        let newcomer = Present { user: user.clone(), devices: 1, info: info.cloned() };
        let newcomer = Some(newcomer).filter(|_| !self.users.contains_key(user));
        Snapshot { version: self.version, users: self.present().chain(newcomer).collect() }
    }

    fn present(&self) -> impl Iterator<Item = Present> {
        self.users.iter().map(|(user, (devices, info))| Present {
            user: user.clone(),
            devices: *devices,
            info: info.clone(),
        })
    }
}

impl From<Snapshot> for View {
    fn from(snapshot: Snapshot) -> Self {
        let users = snapshot.users.iter().cloned().map(|it| (it.user, (it.devices, it.info))).collect();
        Self { version: snapshot.version, users }
    }
}
