//! Sending everyone away.

use std::collections::BTreeSet;
use std::time::Duration;

use hub::test::{Member, TestHub};
use hub::{Cause, Drain, Error, HubConf, Identity};
use tokio::time::Instant;

async fn crowd(hub: &TestHub<&'static str>, count: usize) -> Vec<Member<&'static str>> {
    let mut members = Vec::new();
    for number in 0..count {
        members.push(hub.join(&format!("user {number}"), "lobby").await);
    }
    members
}

#[tokio::test(start_paused = true)]
async fn a_drain_goes_at_its_pace_and_tells_each_client_another_time_to_return() {
    let hub = TestHub::spawn(HubConf::default());
    let mut members = crowd(&hub, 100).await;
    let (drain, begin) = (Drain { rate: 40, ..Drain::default() }, Instant::now());
    assert_eq!(hub.hub().drain(drain).await, Ok(100));
    let took = begin.elapsed();
    assert!((Duration::from_millis(2_400)..Duration::from_millis(2_600)).contains(&took), "{took:?}");
    let mut returns = BTreeSet::new();
    for member in &mut members {
        let Cause::Draining(after) = member.expect_end().await.cause() else {
            panic!("it was to be drained")
        };
        assert!(after <= drain.spread, "{after:?}");
        returns.insert(after);
    }
    assert!(returns.len() > 90, "only {} times", returns.len());
    let refused = hub.hub().connect(Identity::default()).await;
    assert_eq!(refused.map(|_| ()), Err(Error::Draining(drain.spread)));
    drop(members);
    hub.finish().await;
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_of_a_drain_the_rest_is_ended_at_once() {
    let hub = TestHub::spawn(HubConf::default());
    let mut members = crowd(&hub, 100).await;
    let (deadline, begin) = (Duration::from_millis(500), Instant::now());
    assert_eq!(hub.hub().drain(Drain { rate: 20, deadline, ..Drain::default() }).await, Ok(100));
    let took = begin.elapsed();
    assert!((deadline..Duration::from_millis(600)).contains(&took), "{took:?}");
    for member in &mut members {
        assert!(matches!(member.expect_end().await.cause(), Cause::Draining(_)));
    }
    drop(members);
    hub.finish().await;
}
