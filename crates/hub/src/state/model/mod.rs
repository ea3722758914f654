//! Random commands, done by a loop's state and by the [`Reference`]: what clients hear, who is there, and what is counted must be
//! the same, and in the end nothing may be left.

mod reference;
mod said;
mod world;

use std::num::NonZeroUsize;
use std::time::Duration;

use proptest::prelude::*;

use self::reference::Slot;
use self::world::World;
use crate::conf::{Excess, HistoryConf, HubConf, Policy, PresenceConf, TopicConf};

/// What can happen to a hub. Where a client is not there, or is not in a topic, nothing does.
#[derive(Clone, Debug)]
enum Deed {
    Connect {
        slot: Slot,
        outlet: Option<usize>,
    },
    Drop {
        slot: Slot,
        is_clean: bool,
    },
    Join {
        slot: Slot,
        topic: &'static str,
        from: Whence,
    },
    Leave {
        slot: Slot,
        topic: &'static str,
    },
    /// The hub hears of a leave once more.
    StaleLeave,
    Publish(Publish),
    /// The messages of changes of presence take their time, or no longer.
    Announcer {
        is_busy: bool,
    },
    Pass {
        slice: usize,
    },
    /// Takes so many events, or all there are.
    Read {
        slot: Slot,
        limit: Option<usize>,
    },
    MakeRoom {
        slot: Slot,
        room: usize,
    },
    Send {
        to: To,
    },
    Kick {
        to: To,
    },
    Unsubscribe {
        to: To,
        topic: &'static str,
    },
    History {
        topic: &'static str,
        limit: usize,
        since: Option<Slot>,
    },
    Wait(Duration),
}

#[derive(Clone, Debug)]
struct Publish {
    by: Option<Slot>,
    topic: &'static str,
    audience: For,
    key: Option<u8>,
    replaces: Option<u8>,
    weight: usize,
}

#[derive(Clone, Copy, Debug)]
enum Whence {
    Now,
    Last(usize),
    /// Where it was when it heard the topic last.
    Back,
}

#[derive(Clone, Copy, Debug)]
enum For {
    All,
    ExceptClient(Slot),
    ExceptUserOf(Slot),
    Staff,
}

#[derive(Clone, Copy, Debug)]
enum To {
    Client(Slot),
    UserOf(Slot),
}

/// So many clients: two of one user, two of others, one of nobody.
const SLOTS: usize = 5;

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let slot = || 0..SLOTS;
    let topic = || prop::sample::select(vec!["attic", "lobby"]);
    let to = prop_oneof![slot().prop_map(To::Client), slot().prop_map(To::UserOf)];
    let audience = prop_oneof![
        4 => Just(For::All),
        1 => slot().prop_map(For::ExceptClient),
        1 => slot().prop_map(For::ExceptUserOf),
        1 => Just(For::Staff),
    ];
    let from = prop_oneof![
        2 => Just(Whence::Now),
        1 => (0..5usize).prop_map(Whence::Last),
        2 => Just(Whence::Back),
    ];
    let key = prop::option::weighted(0.3, 0..3u8);
    let replaces = prop::option::weighted(0.6, 0..2u8);
    let publish = (prop::option::weighted(0.7, slot()), topic(), audience, key, replaces, 1..12usize)
        .prop_map(|(by, topic, audience, key, replaces, weight)| {
            Deed::Publish(Publish { by, topic, audience, key, replaces, weight })
        });
    let wait = prop_oneof![
        2 => 1..10u64,
        3 => 10..60u64,
        2 => 60..2_000u64,
        1 => 2_000..20_000u64,
    ];
    let deed = prop_oneof![
        4 => (slot(), prop::option::of(0..4usize)).prop_map(|(slot, outlet)| Deed::Connect { slot, outlet }),
        1 => (slot(), any::<bool>()).prop_map(|(slot, is_clean)| Deed::Drop { slot, is_clean }),
        5 => (slot(), topic(), from).prop_map(|(slot, topic, from)| Deed::Join { slot, topic, from }),
        1 => (slot(), topic()).prop_map(|(slot, topic)| Deed::Leave { slot, topic }),
        1 => Just(Deed::StaleLeave),
        8 => publish,
        1 => any::<bool>().prop_map(|is_busy| Deed::Announcer { is_busy }),
        3 => (1..4usize).prop_map(|slice| Deed::Pass { slice }),
        3 => slot().prop_map(|slot| Deed::Read { slot, limit: None }),
        3 => (slot(), 1..4usize).prop_map(|(slot, limit)| Deed::Read { slot, limit: Some(limit) }),
        2 => (slot(), 0..5usize).prop_map(|(slot, room)| Deed::MakeRoom { slot, room }),
        1 => to.clone().prop_map(|to| Deed::Send { to }),
        1 => to.clone().prop_map(|to| Deed::Kick { to }),
        1 => (to, topic()).prop_map(|(to, topic)| Deed::Unsubscribe { to, topic }),
        1 => (topic(), 0..6usize, prop::option::of(slot()))
            .prop_map(|(topic, limit, since)| Deed::History { topic, limit, since }),
        3 => wait.prop_map(|millis| Deed::Wait(Duration::from_millis(millis))),
    ];
    prop::collection::vec(deed, 1..80)
}

fn confs() -> impl Strategy<Value = HubConf> {
    let policy = prop::sample::select(vec![Policy::Evict, Policy::DropOldest, Policy::Conflate]);
    let max_age = prop::option::of(20..200u64);
    let history = (0..6usize, 5..40usize, 50..5_000u64);
    let presence = (
        any::<bool>(),
        prop::sample::select(vec![0u64, 3_000]),
        1..4usize,
        prop::sample::select(vec![0u64, 100, 1_000]),
    );
    let stall = prop::sample::select(vec![0u64, 3, 1_000]);
    let limits = (1..6usize, 5..40usize, 0..3usize);
    let users = (0..3usize, any::<bool>(), 1..4usize);
    (policy, max_age, history, presence, stall, limits, users).prop_map(
        |(policy, max_age, history, presence, stall, limits, users)| {
            let topic = TopicConf {
                max_messages: number(limits.0),
                max_bytes: number(limits.1),
                max_age: Duration::from_millis(max_age.unwrap_or(0)),
                policy,
                // Not with presence, whose notices would have several topics stall at a time.
                stall: Duration::from_millis(if presence.0 { 0 } else { stall }),
                history: HistoryConf {
                    max_messages: history.0,
                    max_bytes: history.1,
                    max_age: Duration::from_millis(history.2),
                },
                keys: limits.2,
                keys_age: Duration::from_millis(300),
                presence: PresenceConf {
                    enabled: presence.0,
                    grace: Duration::from_millis(presence.1),
                    at_once: number(presence.2),
                    batch: Duration::from_millis(presence.3),
                },
                ..TopicConf::default()
            };
            HubConf {
                topic,
                max_direct: number(3),
                shards: 1,
                max_topics: number(users.2),
                max_clients_per_user: users.0,
                excess_clients: if users.1 { Excess::Refuse } else { Excess::Replace },
                ..HubConf::default()
            }
        },
    )
}

fn number(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).expect("not zero")
}

proptest! {
    #[test]
    fn whatever_is_done_the_hub_does_as_plain_maps_do(conf in confs(), deeds in deeds()) {
        let mut world = World::new(conf);
        for deed in deeds {
            world.does(deed);
        }
        world.ends();
    }
}
