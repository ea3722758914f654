//! Order, loss, duplicates: what is said on one node and heard on others.

use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::time::sleep;

use super::play::{case, end, fault, hear, history, hubs, keeping, say, sequences, texts};
use super::{Cluster, Fault, Line, Verdict};
use crate::backplane::loopback::{Cut, Faults};
use crate::event::Event;
use crate::identity::Identity;
use crate::join::Join;
use crate::name::{Tag, UserId};
use crate::post::Post;

/// On each node by itself, a member hears what it says, in order.
pub async fn one_node_hears_what_it_says(cluster: &impl Cluster) -> Verdict {
    case!({
        let [a] = hubs(cluster, &keeping(100), ["a"]).await?;
        let mut ann = a.join("ann", "lobby").await;
        let said = say(&ann, "lobby", 10).await;
        assert_eq!(hear(&mut ann, 10).await, said);
        Ok(end(vec![ann], [a]).await)
    })
}

/// Members on all nodes hear the same, with the same numbers, in the order of the numbers, whoever said it.
pub async fn all_nodes_hear_one_order(cluster: &impl Cluster) -> Verdict {
    case!({
        sequences(cluster)?;
        let [a, b, c] = hubs(cluster, &keeping(100), ["a", "b", "c"]).await?;
        let mut ann = a.join("ann", "lobby").await;
        let mut bob = b.join("bob", "lobby").await;
        let mut cid = c.join("cid", "lobby").await;
        let (first, second, third) =
            tokio::join!(say(&ann, "lobby", 20), say(&bob, "lobby", 20), say(&cid, "lobby", 20));
        let mut said = [first, second, third].concat();
        said.sort();
        for member in [&mut ann, &mut bob, &mut cid] {
            assert_eq!(hear(member, 60).await, said);
        }
        assert!(said.iter().map(|(offset, _)| *offset).eq(1..=60), "numbers without a gap: {said:?}");
        Ok(end(vec![ann, bob, cid], [a, b, c]).await)
    })
}

/// Deliveries that come twice, or in another order, are heard once and in order.
pub async fn nothing_passes_twice_and_nothing_out_of_order(cluster: &impl Cluster) -> Verdict {
    case!({
        sequences(cluster)?;
        let [a, b] = hubs(cluster, &keeping(200), ["a", "b"]).await?;
        let mut ann = a.join("ann", "lobby").await;
        let mut bob = b.join("bob", "lobby").await;
        let faults = Faults { duplicate: 0.3, reorder: 0.3, delay: Duration::from_millis(20), lose: 0.0 };
        fault(cluster, Fault::Deliveries(faults))?;
        let said = say(&ann, "lobby", 100).await;
        for member in [&mut ann, &mut bob] {
            assert_eq!(hear(member, 100).await, said);
            sleep(Duration::from_secs(10)).await;
            member.expect_nothing().await;
        }
        Ok(end(vec![ann, bob], [a, b]).await)
    })
}

/// Deliveries that are lost, the last one too, are fetched from what the engine has kept.
pub async fn what_is_lost_is_fetched(cluster: &impl Cluster) -> Verdict {
    case!({
        history(cluster)?;
        let [a, b] = hubs(cluster, &keeping(200), ["a", "b"]).await?;
        let mut ann = a.join("ann", "lobby").await;
        let mut bob = b.join("bob", "lobby").await;
        fault(cluster, Fault::Deliveries(Faults { lose: 0.3, ..Faults::default() }))?;
        let mut said = say(&ann, "lobby", 99).await;
        fault(cluster, Fault::Deliveries(Faults { lose: 1.0, ..Faults::default() }))?;
        let last = ann.publish("lobby", Line::from("message 100")).await;
        said.push((last.position.offset, "message 100".to_owned()));
        for member in [&mut ann, &mut bob] {
            assert_eq!(hear(member, 100).await, said);
        }
        fault(cluster, Fault::Deliveries(Faults::default()))?;
        Ok(end(vec![ann, bob], [a, b]).await)
    })
}

/// Deliveries for which a loop has no room are fetched.
pub async fn what_does_not_fit_into_the_lane_is_fetched(cluster: &impl Cluster) -> Verdict {
    case!({
        history(cluster)?;
        let mut conf = keeping(500);
        conf.backplane.lane = NonZeroUsize::MIN;
        let [a, b] = hubs(cluster, &conf, ["a", "b"]).await?;
        let mut bob = b.join("bob", "lobby").await;
        for text in texts(300) {
            a.hub().try_publish("lobby", Line::from(text)).expect("there is room in the queue");
        }
        let heard: Vec<_> = hear(&mut bob, 300).await.into_iter().map(|(_, text)| text).collect();
        assert_eq!(heard, texts(300));
        assert!(b.hub().stats().overflowed > 0, "the lane was full");
        Ok(end(vec![bob], [a, b]).await)
    })
}

/// What the engine has not kept is announced as a gap that covers just that; what it has kept is heard.
pub async fn what_cannot_be_fetched_is_announced_and_nothing_else(cluster: &impl Cluster) -> Verdict {
    case!({
        history(cluster)?;
        let [a, b] = hubs(cluster, &keeping(4), ["a", "b"]).await?;
        let ann = a.join("ann", "lobby").await;
        let mut bob = b.join("bob", "lobby").await;
        say(&ann, "lobby", 2).await;
        hear(&mut bob, 2).await;
        fault(cluster, Fault::Cut("b", Cut::FromBus))?;
        say(&ann, "lobby", 20).await;
        fault(cluster, Fault::Heal("b"))?;
        let Event::Gap { from, to, .. } = bob.next().await else { panic!("a gap was to come first") };
        assert_eq!((from, to), (3, 18), "what was lost, and is not kept");
        let offsets: Vec<_> = hear(&mut bob, 4).await.into_iter().map(|(offset, _)| offset).collect();
        assert_eq!(offsets, [19, 20, 21, 22]);
        bob.expect_nothing().await;
        Ok(end(vec![ann, bob], [a, b]).await)
    })
}

/// Who joins on a node where nobody was gets what others said elsewhere.
pub async fn a_newcomer_gets_the_history_of_the_other_nodes(cluster: &impl Cluster) -> Verdict {
    case!({
        history(cluster)?;
        let [a, b] = hubs(cluster, &keeping(100), ["a", "b"]).await?;
        let ann = a.join("ann", "lobby").await;
        let said = say(&ann, "lobby", 5).await;
        let mut bob = b.connect("bob").await;
        let joined = bob.join("lobby", Join::new().history(3)).await;
        assert_eq!(joined.position.offset, 5);
        assert_eq!(hear(&mut bob, 3).await, said[2..]);
        let (position, kept) = b.hub().history("lobby", 100, None).await.expect("it is there");
        assert_eq!((position, kept.len()), (joined.position, 5));
        Ok(end(vec![ann, bob], [a, b]).await)
    })
}

/// A position that one node has given is good on another: all that came after it follows, once.
pub async fn who_is_cut_off_from_one_node_resumes_on_another(cluster: &impl Cluster) -> Verdict {
    case!({
        sequences(cluster)?;
        let [a, b] = hubs(cluster, &keeping(100), ["a", "b"]).await?;
        let bob = b.join("bob", "lobby").await;
        let ann = a.join("ann", "lobby").await;
        let position = bob.publish("lobby", Line::from("one")).await.position;
        drop(ann);
        let missed = say(&bob, "lobby", 3).await;
        let mut ann = b.connect("ann").await;
        assert!(ann.join("lobby", Join::new().since(position)).await.recovered, "all of it is there");
        assert_eq!(hear(&mut ann, 3).await, missed);
        ann.expect_nothing().await;
        Ok(end(vec![ann, bob], [a, b]).await)
    })
}

/// A key that was used on one node publishes nothing on another.
pub async fn a_retry_is_published_once_whatever_node_it_comes_from(cluster: &impl Cluster) -> Verdict {
    case!({
        sequences(cluster)?;
        let [a, b] = hubs(cluster, &keeping(100), ["a", "b"]).await?;
        let mut ann = a.join("ann", "lobby").await;
        let also_ann = b.join("ann", "lobby").await;
        let first = ann.publish("lobby", Post::new(Line::from("hello")).key("k1")).await;
        let again = also_ann.publish("lobby", Post::new(Line::from("hello")).key("k1")).await;
        assert_eq!((first.position, again.position), (again.position, first.position));
        assert_eq!((first.duplicate, again.duplicate), (false, true));
        ann.expect("hello").await;
        ann.expect_nothing().await;
        Ok(end(vec![ann, also_ann], [a, b]).await)
    })
}

/// Except a client, except a user, with a tag: on all nodes alike.
pub async fn whom_a_message_is_for_holds_on_all_nodes(cluster: &impl Cluster) -> Verdict {
    case!({
        let [a, b] = hubs(cluster, &keeping(100), ["a", "b"]).await?;
        let name = |name| UserId::new(name).expect("a name");
        let staff = Tag::new("staff").expect("a tag");
        let mut ann = a.join("ann", "lobby").await;
        let mut also_ann = b.join("ann", "lobby").await;
        let mut bob = b.connect_as(Identity::user(name("bob")).tag(staff.clone())).await;
        bob.join("lobby", Join::new()).await;
        let client = ann.handle().id();
        a.hub()
            .publish("lobby", Post::new(Line::from("not this client")).except_client(client))
            .await
            .expect("it is taken");
        a.hub()
            .publish("lobby", Post::new(Line::from("not ann")).except_user(name("ann")))
            .await
            .expect("it is taken");
        a.hub().publish("lobby", Post::new(Line::from("staff")).tagged(staff)).await.expect("it is taken");
        for expected in ["not this client", "not ann", "staff"] {
            bob.expect(expected).await;
        }
        also_ann.expect("not this client").await;
        for member in [&mut ann, &mut also_ann, &mut bob] {
            member.expect_nothing().await;
        }
        Ok(end(vec![ann, also_ann, bob], [a, b]).await)
    })
}
