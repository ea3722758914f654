//! Who is in a topic: a state machine without a clock.

mod pace;

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

use tokio::time::Instant;

use crate::conf::{MAX_DURATION, PresenceConf};
use crate::identity::ClientId;
use crate::name::UserId;
use pace::Pace;

/// A user in a topic.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Present {
    /// Who it is.
    pub user: UserId,
    /// With how many clients.
    pub devices: usize,
    /// What others may know of it; the client that came last decides.
    pub info: Option<Arc<str>>,
}

/// Who is in a topic, as its members have been told. Cloning it is cheap.
///
/// Whoever has come or gone since is in the next change: so a snapshot and all changes of a higher version are the whole truth.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The version of the last change that is in it.
    pub version: u64,
    /// The users, in no particular order. Whoever has just joined may not be among them yet.
    pub users: Arc<[Present]>,
}

/// Who came, who has another number of devices or other information, and who went.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct PresenceChange {
    /// One more than that of the change before.
    pub version: u64,
    /// Users as they are now.
    pub joined: Vec<Present>,
    /// Users who are gone.
    pub left: Vec<UserId>,
}

/// Keeps who is there, what has been told of it, and when to tell more.
///
/// A client that was cut off leaves a ghost for a while. If the user returns in time the ghost is its, and nobody is told.
pub(crate) struct Presence {
    conf: PresenceConf,
    users: HashMap<UserId, User>,
    version: u64,
    /// What has been told, as a list, once somebody has asked for it.
    snapshot: Option<Arc<[Present]>>,
    /// Those of whom something may be untold.
    untold: HashSet<UserId>,
    tell_at: Option<Instant>,
    pace: Pace,
    /// Whether a change is on its way to the members; the next one waits for it.
    is_telling: bool,
    /// When ghosts go. An entry may be void by then.
    ghosts: BinaryHeap<Reverse<(Instant, UserId)>>,
}

#[derive(Default)]
struct User {
    devices: Vec<Device>,
    told: Option<(usize, Option<Arc<str>>)>,
}

struct Device {
    client: ClientId,
    info: Option<Arc<str>>,
    /// A ghost, until then.
    until: Option<Instant>,
}

impl Presence {
    pub(crate) fn new(conf: PresenceConf) -> Self {
        Self {
            conf,
            users: HashMap::new(),
            version: 0,
            snapshot: None,
            untold: HashSet::new(),
            tell_at: None,
            pace: Pace::new(),
            is_telling: false,
            ghosts: BinaryHeap::new(),
        }
    }

    /// A client has come. Returns whether its user was cut off before, and returns in time.
    pub(crate) fn enter(
        &mut self,
        user: &UserId,
        client: ClientId,
        info: Option<Arc<str>>,
        now: Instant,
    ) -> bool {
        let devices = &mut self.users.entry(user.clone()).or_default().devices;
        devices.retain(|device| device.client != client); // said twice, or its own ghost
        let ghost = devices.iter().position(|device| device.until.is_some());
        if let Some(ghost) = ghost {
            devices.remove(ghost);
        }
        devices.push(Device { client, info, until: None });
        self.touch(user, now);
        ghost.is_some()
    }

    /// A client has gone: for good, or perhaps not.
    pub(crate) fn leave(&mut self, user: &UserId, client: ClientId, clean: bool, now: Instant) {
        let Some(found) = self.users.get_mut(user) else { return };
        let Some(index) = found.devices.iter().position(|device| device.client == client) else { return };
        if clean || self.conf.grace.is_zero() {
            found.devices.remove(index);
            self.touch(user, now);
        } else {
            let until = now + self.conf.grace.min(MAX_DURATION);
            found.devices[index].until = Some(until);
            self.ghosts.push(Reverse((until, user.clone())));
        }
    }

    /// Lets ghosts go whose time is over.
    pub(crate) fn expire(&mut self, now: Instant) {
        while let Some(Reverse((until, _))) = self.ghosts.peek()
            && *until <= now
        {
            let Some(Reverse((_, user))) = self.ghosts.pop() else { return };
            if let Some(found) = self.users.get_mut(&user) {
                found.devices.retain(|device| device.until.is_none_or(|until| until > now));
                self.touch(&user, now);
            }
        }
    }

    /// What is to be told now; after that nothing is until [`told`](Self::told).
    pub(crate) fn take_change(&mut self, now: Instant) -> Option<PresenceChange> {
        if self.is_telling || self.tell_at.is_none_or(|at| at > now) {
            return None;
        }
        self.tell_at = None;
        let mut change = PresenceChange { version: self.version + 1, ..PresenceChange::default() };
        for user in self.untold.drain() {
            let Entry::Occupied(mut found) = self.users.entry(user) else { continue };
            let state = found.get().state();
            if state == found.get().told {
                continue;
            }
            match &state {
                Some((devices, info)) => {
                    let (user, info) = (found.key().clone(), info.clone());
                    change.joined.push(Present { user, devices: *devices, info });
                    found.get_mut().told = state;
                }
                None => change.left.push(found.remove_entry().0),
            }
        }
        if change.joined.is_empty() && change.left.is_empty() {
            return None;
        }
        self.pace.take(&self.conf, now);
        self.version = change.version;
        self.snapshot = None;
        self.is_telling = true;
        Some(change)
    }

    /// The change has been told.
    pub(crate) fn told(&mut self) {
        self.is_telling = false;
    }

    /// When there is something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let ghosts = self.ghosts.peek().map(|Reverse((until, _))| *until);
        let tell = self.tell_at.filter(|_| !self.is_telling);
        [ghosts, tell].into_iter().flatten().min()
    }

    /// Whether nobody is there, and nobody has to be told of anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// That of the last change.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Made once per change, however many ask: when thousands join at once, each gets one.
    pub(crate) fn snapshot(&mut self) -> Snapshot {
        let told = |(user, found): (&UserId, &User)| {
            let (devices, info) = found.told.clone()?;
            Some(Present { user: user.clone(), devices, info })
        };
        let users = self.snapshot.get_or_insert_with(|| self.users.iter().filter_map(told).collect());
        Snapshot { version: self.version, users: users.clone() }
    }

    fn touch(&mut self, user: &UserId, now: Instant) {
        let Entry::Occupied(found) = self.users.entry(user.clone()) else { return };
        if found.get().devices.is_empty() && found.get().told.is_none() {
            found.remove(); // came and went before anybody was told
            return;
        }
        self.untold.insert(user.clone());
        self.tell_at.get_or_insert_with(|| now + self.pace.wait(&self.conf, now));
    }
}

impl User {
    fn state(&self) -> Option<(usize, Option<Arc<str>>)> {
        let last = self.devices.last()?;
        Some((self.devices.len(), last.info.clone()))
    }
}

#[cfg(test)]
mod tests;
