//! Who is present, as all nodes see it.

use std::time::Duration;

use tokio::time::sleep;

use super::play::{
    case, end, fault, hear, history, hubs, is_up, presence, present, say, until, with_presence,
};
use super::{Cluster, Fault, Verdict};
use crate::event::Event;
use crate::join::Join;

/// A user's clients are counted together, wherever they are.
pub async fn a_user_on_two_nodes_is_one_with_two_devices(cluster: &impl Cluster) -> Verdict {
    case!({
        presence(cluster)?;
        let [a, b, c] = hubs(cluster, &with_presence(), ["a", "b", "c"]).await?;
        let mut bob = c.join("bob", "lobby").await;
        bob.expect("+bob").await;
        let ann = a.join("ann", "lobby").await;
        bob.expect("+ann").await;
        let also_ann = b.join("ann", "lobby").await;
        bob.expect("+ann*2").await;
        for hub in [&a, &b, &c] {
            hub.settle().await;
            assert_eq!(present(hub, "lobby").await, [("ann".to_owned(), 2), ("bob".to_owned(), 1)]);
        }
        also_ann.goodbye().await;
        bob.expect("+ann").await;
        ann.goodbye().await;
        bob.expect("-ann").await;
        Ok(end(vec![bob], [a, b, c]).await)
    })
}

/// Who is cut off from one node and back on another within the grace is not missed by anybody.
pub async fn who_returns_on_another_node_in_time_is_not_missed(cluster: &impl Cluster) -> Verdict {
    case!({
        presence(cluster)?;
        let [a, b] = hubs(cluster, &with_presence(), ["a", "b"]).await?;
        let mut bob = b.join("bob", "lobby").await;
        bob.expect("+bob").await;
        let mut ann = a.join("ann", "lobby").await;
        bob.expect("+ann").await;
        ann.pull_the_plug().await;
        sleep(Duration::from_secs(3)).await;
        let ann = b.join("ann", "lobby").await;
        sleep(Duration::from_secs(20)).await;
        bob.expect_nothing().await;
        assert_eq!(present(&a, "lobby").await, [("ann".to_owned(), 1), ("bob".to_owned(), 1)]);
        Ok(end(vec![ann, bob], [a, b]).await)
    })
}

/// Who leaves is gone everywhere at once; who is cut off and does not return, after the grace.
pub async fn who_leaves_one_node_is_gone_from_all_at_once(cluster: &impl Cluster) -> Verdict {
    case!({
        presence(cluster)?;
        let [a, b] = hubs(cluster, &with_presence(), ["a", "b"]).await?;
        let mut bob = b.join("bob", "lobby").await;
        bob.expect("+bob").await;
        for is_clean in [true, false] {
            let mut ann = a.join("ann", "lobby").await;
            bob.expect("+ann").await;
            let began = tokio::time::Instant::now();
            if is_clean {
                ann.goodbye().await;
            } else {
                ann.pull_the_plug().await;
            }
            bob.expect("-ann").await;
            let (took, most) = (began.elapsed(), if is_clean { 50 } else { 5_100 });
            assert!(took <= Duration::from_millis(most), "clean: {is_clean}, after {took:?}");
        }
        Ok(end(vec![bob], [a, b]).await)
    })
}

/// A node that is killed takes its users out of all lists within 6 s, by default.
pub async fn the_users_of_a_dead_node_are_gone_in_time(cluster: &impl Cluster) -> Verdict {
    case!({
        presence(cluster)?;
        let [a, b, c] = hubs(cluster, &with_presence(), ["a", "b", "c"]).await?;
        let mut bob = b.join("bob", "lobby").await;
        bob.expect("+bob").await;
        let ann = a.join("ann", "lobby").await;
        bob.expect("+ann").await;
        sleep(Duration::from_millis(1_700)).await;
        fault(cluster, Fault::Kill("a"))?;
        let began = tokio::time::Instant::now();
        bob.expect("-ann").await;
        let took = began.elapsed();
        assert!(took <= Duration::from_secs(6), "gone after {took:?}");
        assert!(took >= Duration::from_secs(3), "not at the first silence: {took:?}");
        until("the others know who lives", async || b.hub().nodes().len() == 2 && c.hub().nodes().len() == 2)
            .await;
        Ok(end(vec![ann, bob], [a, b, c]).await)
    })
}

/// A hub that is closed takes its users out of all lists at once.
pub async fn a_node_that_leaves_takes_its_users_along_at_once(cluster: &impl Cluster) -> Verdict {
    case!({
        presence(cluster)?;
        let [a, b] = hubs(cluster, &with_presence(), ["a", "b"]).await?;
        let mut bob = b.join("bob", "lobby").await;
        bob.expect("+bob").await;
        let ann = a.join("ann", "lobby").await;
        bob.expect("+ann").await;
        let began = tokio::time::Instant::now();
        a.hub().close().await;
        bob.expect("-ann").await;
        assert!(began.elapsed() <= Duration::from_millis(50), "gone after {:?}", began.elapsed());
        drop(ann);
        Ok(end(vec![bob], [b]).await)
    })
}

/// A node that stands still for so long that the others bury it is back with its users when it goes on, and misses nothing.
pub async fn a_node_that_stood_still_is_back_with_its_users_and_misses_nothing(
    cluster: &impl Cluster,
) -> Verdict {
    case!({
        presence(cluster)?;
        history(cluster)?;
        let [a, b] = hubs(cluster, &with_presence(), ["a", "b"]).await?;
        let mut bob = b.join("bob", "lobby").await;
        bob.expect("+bob").await;
        let mut ann = a.connect("ann").await;
        ann.join("lobby", Join::new()).await;
        bob.expect("+ann").await;
        ann.expect("+ann").await;
        fault(cluster, Fault::Pause("a"))?;
        bob.expect("-ann").await;
        let said = say(&bob, "lobby", 5).await;
        assert_eq!(hear(&mut bob, 5).await, said);
        sleep(Duration::from_secs(13)).await;
        fault(cluster, Fault::Resume("a"))?;
        bob.expect("+ann").await;
        ann.expect("-ann").await; // so it was
        assert_eq!(hear(&mut ann, 5).await, said);
        ann.expect("+ann").await;
        is_up(&a).await;
        for hub in [&a, &b] {
            assert_eq!(present(hub, "lobby").await, [("ann".to_owned(), 1), ("bob".to_owned(), 1)]);
        }
        while let Ok(event) = tokio::time::timeout(Duration::from_secs(10), ann.next()).await {
            assert!(!matches!(event, Event::Gap { .. } | Event::Reset { .. }), "nothing is lost: {event:?}");
        }
        Ok(end(vec![ann, bob], [a, b]).await)
    })
}
