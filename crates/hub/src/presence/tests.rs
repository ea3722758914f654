use std::time::Duration;

use super::*;

const GRACE: Duration = Duration::from_secs(5);
const BATCH: Duration = Duration::from_secs(1);
const AT_ONCE: usize = 8;

fn presence() -> Presence {
    Presence::new(PresenceConf { enabled: true, ..PresenceConf::default() })
}

fn ann() -> UserId {
    UserId::new("ann").unwrap()
}

/// What is told now, and that it has arrived.
fn tell(presence: &mut Presence, now: Instant) -> Option<(usize, usize)> {
    let change = presence.take_change(now)?;
    presence.told();
    Some((change.joined.len(), change.left.len()))
}

#[test]
fn the_first_join_and_the_last_leave_of_a_user_are_told() {
    let (mut presence, now) = (presence(), Instant::now());
    presence.enter(&ann(), ClientId(1), None, now);
    assert_eq!(tell(&mut presence, now), Some((1, 0)));
    presence.leave(&ann(), ClientId(1), true, now);
    assert_eq!(tell(&mut presence, now), Some((0, 1)));
    assert!(presence.is_empty());
}

#[test]
fn another_device_changes_the_count_alone() {
    let (mut presence, now) = (presence(), Instant::now());
    presence.enter(&ann(), ClientId(1), None, now);
    tell(&mut presence, now);
    presence.enter(&ann(), ClientId(2), None, now);
    let change = presence.take_change(now).unwrap();
    assert_eq!((change.version, change.joined[0].devices, change.left.len()), (2, 2, 0));
}

#[test]
fn who_is_cut_off_and_returns_in_time_is_not_missed() {
    let (mut presence, now) = (presence(), Instant::now());
    presence.enter(&ann(), ClientId(1), None, now);
    tell(&mut presence, now);
    presence.leave(&ann(), ClientId(1), false, now);
    assert_eq!(presence.snapshot().users.len(), 1);
    presence.enter(&ann(), ClientId(2), None, now + GRACE / 2);
    presence.expire(now + GRACE);
    assert_eq!(tell(&mut presence, now + GRACE), None);
    assert_eq!(presence.snapshot().users[0].devices, 1);
}

#[test]
fn who_is_cut_off_and_does_not_return_is_gone_after_the_grace() {
    let (mut presence, now) = (presence(), Instant::now());
    presence.enter(&ann(), ClientId(1), None, now);
    tell(&mut presence, now);
    presence.leave(&ann(), ClientId(1), false, now);
    assert_eq!(presence.deadline(), Some(now + GRACE));
    presence.expire(now + GRACE);
    assert_eq!(tell(&mut presence, now + GRACE), Some((0, 1)));
    assert!(presence.is_empty() && presence.deadline().is_none());
}

#[test]
fn who_comes_and_goes_before_anybody_was_told_leaves_no_trace() {
    let (mut presence, now) = (presence(), Instant::now());
    presence.enter(&ann(), ClientId(1), None, now);
    presence.leave(&ann(), ClientId(1), true, now);
    assert!(presence.is_empty());
    assert_eq!(tell(&mut presence, now + BATCH), None);
}

#[test]
fn a_stale_leave_changes_nothing() {
    let (mut presence, now) = (presence(), Instant::now());
    presence.enter(&ann(), ClientId(2), None, now);
    tell(&mut presence, now);
    presence.leave(&ann(), ClientId(1), true, now);
    assert_eq!(tell(&mut presence, now), None);
}

#[test]
fn changes_that_come_faster_than_one_per_batch_are_gathered_after_so_many() {
    let (mut presence, now) = (presence(), Instant::now());
    let mut clients = 0..;
    let mut come = |presence: &mut Presence, count: usize, now: Instant| -> usize {
        let told = clients.by_ref().take(count).filter_map(|client| {
            presence.enter(&UserId::new(&client.to_string()).unwrap(), ClientId(client), None, now);
            tell(presence, now)
        });
        told.count()
    };
    assert_eq!(come(&mut presence, 50, now), AT_ONCE, "each told alone");
    assert_eq!(presence.deadline(), Some(now + BATCH));
    assert_eq!(tell(&mut presence, now + BATCH), Some((50 - AT_ONCE, 0)), "all the others");
    assert_eq!(come(&mut presence, 1, now + BATCH), 0);
    assert_eq!(tell(&mut presence, now + 2 * BATCH), Some((1, 0)));
    let later = now + 10 * BATCH;
    assert_eq!(come(&mut presence, 50, later), AT_ONCE, "after a pause as in the beginning");
}

#[test]
fn a_snapshot_and_the_changes_after_it_are_the_whole_truth() {
    let (mut presence, now) = (presence(), Instant::now());
    let bob = UserId::new("bob").unwrap();
    presence.enter(&ann(), ClientId(1), None, now);
    tell(&mut presence, now + BATCH);
    presence.enter(&bob, ClientId(2), None, now + BATCH);
    let snapshot = presence.snapshot();
    assert_eq!((snapshot.version, snapshot.users.len()), (1, 1), "bob would never be taken back");
    presence.leave(&bob, ClientId(2), true, now + BATCH);
    assert_eq!(tell(&mut presence, now + 3 * BATCH), None);
    assert_eq!(presence.snapshot(), snapshot);
}

#[test]
fn one_change_at_a_time_is_on_its_way() {
    let (mut presence, now) = (presence(), Instant::now());
    presence.enter(&ann(), ClientId(1), None, now);
    assert!(presence.take_change(now).is_some());
    presence.enter(&ann(), ClientId(2), None, now);
    presence.enter(&ann(), ClientId(3), None, now);
    assert!(presence.take_change(now).is_none() && presence.deadline().is_none());
    presence.told();
    assert_eq!(presence.take_change(now).map(|change| change.joined[0].devices), Some(3));
}

#[test]
fn what_others_may_know_is_what_the_last_client_says() {
    let (mut presence, now) = (presence(), Instant::now());
    presence.enter(&ann(), ClientId(1), Some("Ann".into()), now);
    presence.enter(&ann(), ClientId(2), Some("Anna".into()), now);
    tell(&mut presence, now);
    assert_eq!(presence.snapshot().users[0].info.as_deref(), Some("Anna"));
}
