//! What holds by an engine that cannot do everything: one that does not number messages, or does not keep them.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::time::sleep;

use super::play::{
    case, end, fault, hear, hubs, is_up, keeping, no_history, no_sequences, say, status, texts,
};
use super::{Cluster, Fault, Line, Verdict};
use crate::backplane::Status;
use crate::backplane::loopback::Faults;
use crate::event::Event;
use crate::join::Join;
use crate::post::Post;
use crate::test::{Member, TestHub};

/// What is said on a node is heard on all in the order in which it was said, once, also if deliveries come twice.
pub async fn each_node_is_heard_in_its_own_order_and_once(cluster: &impl Cluster) -> Verdict {
    case!({
        let [a, b, c] = hubs(cluster, &keeping(100), ["a", "b", "c"]).await?;
        let mut members =
            [a.join("ann", "lobby").await, b.join("bob", "lobby").await, c.join("cid", "lobby").await];
        cluster.fault(Fault::Deliveries(Faults { duplicate: 0.3, ..Faults::default() }));
        let talk = async |hub: &TestHub<Line>, name: &str| {
            for text in texts(20) {
                hub.hub().publish("lobby", Line::from(format!("{name}: {text}"))).await.expect("it is up");
            }
        };
        tokio::join!(talk(&a, "ann"), talk(&b, "bob"), talk(&c, "cid"));
        for member in &mut members {
            let mut heard = BTreeMap::<_, Vec<_>>::new();
            for (_, line) in hear(member, 60).await {
                let (name, text) = line.split_once(": ").expect("a name and a text");
                heard.entry(name.to_owned()).or_default().push(text.to_owned());
            }
            assert_eq!(heard, ["ann", "bob", "cid"].map(|name| (name.to_owned(), texts(20))).into());
            sleep(Duration::from_secs(10)).await;
            member.expect_nothing().await;
        }
        cluster.fault(Fault::Deliveries(Faults::default()));
        Ok(end(members.into(), [a, b, c]).await)
    })
}

/// What is lost on the way, and is kept by nobody, is announced with the next message: as a gap of just so many, and no more.
pub async fn what_is_lost_and_not_kept_is_a_gap_of_just_that(cluster: &impl Cluster) -> Verdict {
    case!({
        no_history(cluster)?;
        let [a, b] = hubs(cluster, &keeping(100), ["a", "b"]).await?;
        let ann = a.join("ann", "lobby").await;
        let mut bob = b.join("bob", "lobby").await;
        say(&ann, "lobby", 3).await;
        hear(&mut bob, 3).await;
        fault(cluster, Fault::Deliveries(Faults { lose: 1.0, ..Faults::default() }))?;
        say(&ann, "lobby", 2).await;
        fault(cluster, Fault::Deliveries(Faults::default()))?;
        say(&ann, "lobby", 2).await;
        let Event::Gap { from, to, .. } = bob.next().await else { panic!("a gap was to come first") };
        assert_eq!((from, to), (4, 5), "what was lost");
        let offsets: Vec<_> = hear(&mut bob, 2).await.into_iter().map(|(offset, _)| offset).collect();
        assert_eq!(offsets, [6, 7]);
        sleep(Duration::from_secs(20)).await;
        bob.expect_nothing().await;
        drop(ann);
        Ok(end(vec![bob], [a, b]).await)
    })
}

/// Where a node has its own numbers, who was cut off recovers all on this node, also if it was alone there; on another it is
/// told that it cannot.
pub async fn a_position_is_good_on_its_own_node_alone(cluster: &impl Cluster) -> Verdict {
    case!({
        no_sequences(cluster)?;
        let [a, b] = hubs(cluster, &keeping(100), ["a", "b"]).await?;
        let ann = a.join("ann", "lobby").await;
        let bob = b.join("bob", "lobby").await;
        let position = ann.publish("lobby", Line::from("one")).await.position;
        drop(ann);
        sleep(Duration::from_secs(10)).await;
        say(&bob, "lobby", 3).await;
        let mut elsewhere = b.connect("ann").await;
        assert!(!elsewhere.join("lobby", Join::new().since(position)).await.recovered, "b has other numbers");
        elsewhere.expect_nothing().await;
        let mut ann = a.connect("ann").await;
        assert!(ann.join("lobby", Join::new().since(position)).await.recovered, "all of it is there");
        let missed: Vec<_> = hear(&mut ann, 3).await.into_iter().map(|(_, text)| text).collect();
        assert_eq!(missed, texts(3));
        Ok(end(vec![ann, elsewhere, bob], [a, b]).await)
    })
}

/// Where nothing is numbered, all are told after an outage that something may be lost; old positions are good for nothing.
pub async fn members_are_told_when_the_connection_was_gone(cluster: &impl Cluster) -> Verdict {
    case!({
        no_sequences(cluster)?;
        let [a, b] = hubs(cluster, &keeping(0), ["a", "b"]).await?;
        let mut ann = a.join("ann", "lobby").await;
        let mut bob = b.join("bob", "lobby").await;
        let old = ann.publish("lobby", Line::from("before")).await.position;
        fault(cluster, Fault::Stop)?;
        status(&a, |status| matches!(status, Status::Down(_))).await;
        ann.publish("lobby", Line::from("alone")).await;
        fault(cluster, Fault::Start)?;
        is_up(&a).await;
        is_up(&b).await;
        bob.publish("lobby", Line::from("after")).await;
        for (member, known) in [(&mut ann, &["before", "alone"][..]), (&mut bob, &["before"])] {
            for text in known {
                member.expect(*text).await;
            }
            let Event::Reset { position, .. } = member.next().await else { panic!("it was to be told") };
            assert_ne!(position.epoch, old.epoch);
            member.expect("after").await;
            member.expect_nothing().await;
        }
        let mut again = a.connect("ann").await;
        assert!(!again.join("lobby", Join::new().since(old)).await.recovered);
        Ok(end(vec![ann, again, bob], [a, b]).await)
    })
}

/// Where nothing is numbered, members are told when a loop had no room for all that was delivered.
pub async fn members_are_told_when_a_loop_does_not_keep_up(cluster: &impl Cluster) -> Verdict {
    case!({
        no_sequences(cluster)?;
        let mut conf = keeping(500);
        conf.backplane.lane = NonZeroUsize::MIN;
        let [a, b] = hubs(cluster, &conf, ["a", "b"]).await?;
        let mut bob = b.join("bob", "lobby").await;
        for text in texts(300) {
            a.hub().try_publish("lobby", Line::from(text)).expect("there is room in the queue");
        }
        a.settle().await;
        let overflowed = b.hub().stats().overflowed;
        assert!(overflowed > 0, "the lane was full");
        let mut was_told = false;
        while !was_told {
            was_told = matches!(bob.next().await, Event::Reset { .. });
        }
        a.hub().publish("lobby", Line::from("the last")).await.expect("it is up");
        while !matches!(bob.next().await, Event::Message { message, .. } if message == "the last".into()) {}
        Ok(end(vec![bob], [a, b]).await)
    })
}

/// Where nodes look at keys themselves, what was heard on a node is not published there again.
pub async fn a_retry_is_heard_once_where_it_was_heard_before(cluster: &impl Cluster) -> Verdict {
    case!({
        let [a, b] = hubs(cluster, &keeping(100), ["a", "b"]).await?;
        let mut ann = a.join("ann", "lobby").await;
        let mut also_ann = b.join("ann", "lobby").await;
        let post = || Post::new(Line::from("hello")).key("k1");
        assert!(!ann.publish("lobby", post()).await.duplicate);
        a.settle().await;
        assert!(also_ann.publish("lobby", post()).await.duplicate);
        for member in [&mut ann, &mut also_ann] {
            member.expect("hello").await;
            member.expect_nothing().await;
        }
        Ok(end(vec![ann, also_ann], [a, b]).await)
    })
}

/// Who publishes where nobody of its node is, is heard on the others, and leaves nothing behind.
pub async fn a_topic_where_nobody_is_passes_on_what_is_published(cluster: &impl Cluster) -> Verdict {
    case!({
        let [a, b] = hubs(cluster, &keeping(100), ["a", "b"]).await?;
        let mut bob = b.join("bob", "lobby").await;
        let first = a.hub().publish("lobby", Line::from("one")).await.expect("it is up").position;
        a.hub().try_publish("lobby", Line::from("two")).expect("there is room");
        a.settle().await;
        let mut ann = a.connect("ann").await;
        let joined = ann.join("lobby", Join::new().since(first)).await;
        let is_kept = cluster.capabilities().history;
        assert_eq!(joined.recovered, is_kept, "on a nobody has listened");
        if joined.recovered {
            ann.expect("two").await;
        }
        bob.publish("lobby", Line::from("three")).await;
        ann.expect("three").await;
        for text in ["one", "two", "three"] {
            bob.expect(text).await;
        }
        nobody_hears_more(&mut [&mut ann, &mut bob]).await;
        Ok(end(vec![ann, bob], [a, b]).await)
    })
}

async fn nobody_hears_more(members: &mut [&mut Member<Line>]) {
    for member in members {
        member.expect_nothing().await;
    }
}
