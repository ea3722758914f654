//! What happens while the engine is away, in whole or for one node, and after.

use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::play::{
    case, end, fault, hear, history, hubs, is_up, keeping, presence, present, say, sequences, status, texts,
    until, with_presence,
};
use super::{Cluster, Fault, Line, Verdict};
use crate::backplane::Status;
use crate::backplane::loopback::Cut;
use crate::error::Error;
use crate::event::Event;
use crate::join::Join;
use crate::receipt::Position;
use crate::test::Member;

/// How long it may take, after all is well again, until everyone has everything: the time between two probes.
const PROBE: Duration = Duration::from_secs(5);

/// After an outage of a minute everyone hears within one probe what is said after it.
pub async fn nobody_stays_behind_after_an_outage(cluster: &impl Cluster) -> Verdict {
    case!({
        history(cluster)?;
        let [a, b] = hubs(cluster, &keeping(100), ["a", "b"]).await?;
        let mut ann = a.join("ann", "lobby").await;
        let mut bob = b.join("bob", "lobby").await;
        let before = say(&ann, "lobby", 3).await;
        fault(cluster, Fault::Stop)?;
        sleep(Duration::from_secs(60)).await;
        fault(cluster, Fault::Start)?;
        let began = Instant::now();
        is_up(&a).await;
        let after = say(&ann, "lobby", 3).await;
        for member in [&mut ann, &mut bob] {
            assert_eq!(hear(member, 6).await, [before.clone(), after.clone()].concat());
        }
        assert!(began.elapsed() <= PROBE, "after {:?}", began.elapsed());
        Ok(end(vec![ann, bob], [a, b]).await)
    })
}

/// An engine that comes back empty has another epoch: members are told, old positions are good for nothing, presence is whole.
pub async fn an_engine_that_forgot_everything_is_noticed_by_all(cluster: &impl Cluster) -> Verdict {
    case!({
        presence(cluster)?;
        let [a, b] = hubs(cluster, &with_presence(), ["a", "b"]).await?;
        let mut ann = a.join("ann", "lobby").await;
        let mut bob = b.join("bob", "lobby").await;
        let old = ann.publish("lobby", Line::from("before")).await.position;
        fault(cluster, Fault::Stop)?;
        sleep(Duration::from_secs(10)).await;
        fault(cluster, Fault::StartEmpty)?;
        let began = Instant::now();
        is_up(&a).await;
        is_up(&b).await;
        let new = ann.publish("lobby", Line::from("after")).await.position;
        assert_ne!(new.epoch, old.epoch, "another epoch");
        for member in [&mut ann, &mut bob] {
            let position = reset(member).await;
            assert_eq!(position.epoch, new.epoch);
            while !matches!(member.next().await, Event::Message { offset, message, .. }
                if message == "after".into() && offset == new.offset)
            {}
        }
        assert!(began.elapsed() <= PROBE, "after {:?}", began.elapsed());
        let mut cid = b.connect("cid").await;
        assert!(!cid.join("lobby", Join::new().since(old)).await.recovered, "nothing of that epoch is there");
        until("presence is whole", async || {
            present(&a, "lobby").await.len() == 3 && present(&b, "lobby").await.len() == 3
        })
        .await;
        Ok(end(vec![ann, bob, cid], [a, b]).await)
    })
}

/// An engine that answers and delivers nothing is found out within two probes; nobody misses anything for longer than one.
pub async fn an_engine_that_delivers_nothing_is_found_out(cluster: &impl Cluster) -> Verdict {
    case!({
        history(cluster)?;
        let [a, b] = hubs(cluster, &keeping(100), ["a", "b"]).await?;
        let ann = a.join("ann", "lobby").await;
        let mut bob = b.join("bob", "lobby").await;
        fault(cluster, Fault::Wedge("b"))?;
        let began = Instant::now();
        let said = say(&ann, "lobby", 3).await;
        assert_eq!(hear(&mut bob, 3).await, said);
        assert!(began.elapsed() <= PROBE, "heard after {:?}", began.elapsed());
        status(&b, |status| matches!(status, Status::Degraded(..))).await;
        assert!(began.elapsed() <= 2 * PROBE, "found out after {:?}", began.elapsed());
        is_up(&b).await;
        let again = Instant::now();
        ann.publish("lobby", Line::from("and on")).await;
        bob.expect("and on").await;
        assert!(again.elapsed() < Duration::from_secs(1), "delivered, not fetched");
        Ok(end(vec![ann, bob], [a, b]).await)
    })
}

/// A node that is heard and hears nothing has everything within one probe after it hears again.
pub async fn a_node_that_hears_nothing_catches_up(cluster: &impl Cluster) -> Verdict {
    case!({
        history(cluster)?;
        let [a, b] = hubs(cluster, &keeping(100), ["a", "b"]).await?;
        let ann = a.join("ann", "lobby").await;
        let mut bob = b.join("bob", "lobby").await;
        fault(cluster, Fault::Cut("b", Cut::FromBus))?;
        let said = say(&ann, "lobby", 5).await;
        let unknown = b.hub().publish("lobby", Line::from("a call without an answer")).await;
        assert_eq!(unknown, Err(Error::Unavailable));
        sleep(Duration::from_secs(30)).await;
        bob.expect_nothing().await;
        fault(cluster, Fault::Heal("b"))?;
        let began = Instant::now();
        assert_eq!(hear(&mut bob, 6).await[..5], said, "and the one of which it did not know");
        assert!(began.elapsed() <= PROBE, "after {:?}", began.elapsed());
        Ok(end(vec![ann, bob], [a, b]).await)
    })
}

/// A node that hears and is not heard knows that it is cut off, and is whole again within one probe.
pub async fn a_node_that_is_not_heard_catches_up(cluster: &impl Cluster) -> Verdict {
    case!({
        history(cluster)?;
        let [a, b] = hubs(cluster, &keeping(100), ["a", "b"]).await?;
        let mut ann = a.join("ann", "lobby").await;
        let mut bob = b.join("bob", "lobby").await;
        fault(cluster, Fault::Cut("b", Cut::ToBus))?;
        let refused = b.hub().publish("lobby", Line::from("not heard")).await;
        assert_eq!(refused, Err(Error::Unavailable));
        status(&b, |status| matches!(status, Status::Down(_))).await;
        sleep(Duration::from_secs(30)).await;
        let said = say(&ann, "lobby", 5).await;
        fault(cluster, Fault::Heal("b"))?;
        let began = Instant::now();
        for member in [&mut ann, &mut bob] {
            assert_eq!(hear(member, 5).await, said);
        }
        is_up(&b).await;
        bob.publish("lobby", Line::from("back")).await;
        ann.expect("back").await;
        assert!(began.elapsed() <= PROBE, "after {:?}", began.elapsed());
        Ok(end(vec![ann, bob], [a, b]).await)
    })
}

/// By default a topic with history refuses what would get lost for others: publishing, and joining where nobody is.
pub async fn a_topic_with_history_takes_nothing_without_the_engine(cluster: &impl Cluster) -> Verdict {
    case!({
        sequences(cluster)?;
        let [a, b] = hubs(cluster, &keeping(100), ["a", "b"]).await?;
        let mut ann = a.join("ann", "lobby").await;
        let mut bob = b.join("bob", "lobby").await;
        fault(cluster, Fault::Stop)?;
        status(&a, |status| matches!(status, Status::Down(_))).await;
        let refused = a.hub().publish("lobby", Line::from("lost")).await;
        assert_eq!(refused, Err(Error::Unavailable));
        let amy = a.connect("amy").await;
        let refused = amy.handle().join("elsewhere", Join::new()).await;
        assert_eq!(refused.map(|_| ()).expect_err("nobody is there"), Error::Unavailable);
        fault(cluster, Fault::Start)?;
        is_up(&a).await;
        is_up(&b).await;
        ann.publish("lobby", Line::from("back")).await;
        for member in [&mut ann, &mut bob] {
            member.expect("back").await;
            member.expect_nothing().await;
        }
        Ok(end(vec![ann, amy, bob], [a, b]).await)
    })
}

/// By default a topic without history goes on among those of one node; they are told when that begins, and when it ends.
pub async fn a_topic_without_history_goes_on_alone_and_says_so(cluster: &impl Cluster) -> Verdict {
    case!({
        sequences(cluster)?;
        let [a, b] = hubs(cluster, &keeping(0), ["a", "b"]).await?;
        let ann = a.join("ann", "lobby").await;
        let mut amy = a.join("amy", "lobby").await;
        let mut bob = b.join("bob", "lobby").await;
        fault(cluster, Fault::Stop)?;
        status(&a, |status| matches!(status, Status::Down(_))).await;
        let alone = ann.publish("lobby", Line::from("are we alone?")).await.position;
        assert_eq!(reset(&mut amy).await, Position { offset: 0, ..alone });
        amy.expect("are we alone?").await;
        let mut abe = a.connect("abe").await;
        abe.join("new", Join::new()).await;
        abe.publish("new", Line::from("a topic of this node")).await;
        abe.expect("a topic of this node").await;
        bob.expect_nothing().await;
        fault(cluster, Fault::Start)?;
        is_up(&a).await;
        is_up(&b).await;
        let together = bob.publish("lobby", Line::from("no")).await.position;
        assert_eq!(reset(&mut amy).await.epoch, together.epoch);
        amy.expect("no").await;
        bob.expect("no").await;
        Ok(end(vec![ann, amy, abe, bob], [a, b]).await)
    })
}

/// An engine that takes two seconds for each call is slow, and not away.
pub async fn a_slow_engine_is_waited_for(cluster: &impl Cluster) -> Verdict {
    case!({
        let [a, b] = hubs(cluster, &keeping(100), ["a", "b"]).await?;
        fault(cluster, Fault::Slow(Duration::from_secs(2)))?;
        let ann = a.join("ann", "lobby").await;
        let mut bob = b.join("bob", "lobby").await;
        let changes = [&a, &b].map(|hub| hub.hub().status());
        let said = say(&ann, "lobby", 10).await;
        assert_eq!(hear(&mut bob, 10).await, said);
        sleep(Duration::from_secs(60)).await;
        for status in changes.into_iter().flatten() {
            let has_changed = status.has_changed().expect("the hub is not closed");
            assert_eq!((*status.borrow(), has_changed), (Status::Up, false), "all the time");
        }
        fault(cluster, Fault::Slow(Duration::ZERO))?;
        Ok(end(vec![ann, bob], [a, b]).await)
    })
}

/// What is published while nodes open many topics again is heard by all, once and in order.
pub async fn a_storm_while_topics_are_opened_again_loses_nothing(cluster: &impl Cluster) -> Verdict {
    const TOPICS: usize = 1_200;
    const MESSAGES: usize = 5;
    case!({
        history(cluster)?;
        let conf = crate::HubConf {
            max_topics_per_client: NonZeroUsize::new(TOPICS).expect("not zero"),
            ..keeping(50)
        };
        let [a, b] = hubs(cluster, &conf, ["a", "b"]).await?;
        let mut bob = b.connect("bob").await;
        for topic in 0..TOPICS {
            bob.join(&format!("topic {topic}"), Join::new()).await;
        }
        fault(cluster, Fault::Stop)?;
        status(&b, |status| matches!(status, Status::Down(_))).await;
        fault(cluster, Fault::Start)?;
        is_up(&a).await;
        for text in texts(MESSAGES) {
            for topic in 0..TOPICS {
                let post = Line::from(text.as_str());
                a.hub().publish(format!("topic {topic}"), post).await.expect("it is up");
            }
        }
        let mut next = vec![1; TOPICS];
        for _ in 0..TOPICS * MESSAGES {
            let Event::Message { topic, offset, message } = bob.next().await else {
                panic!("only messages were to come")
            };
            let index: usize = topic.as_str()[6..].parse().expect("a number");
            assert_eq!((offset, message.as_str()), (next[index], &*format!("message {offset}")));
            next[index] += 1;
        }
        bob.expect_nothing().await;
        Ok(end(vec![bob], [a, b]).await)
    })
}

/// Skips messages until it hears of new numbers.
async fn reset(member: &mut Member<Line>) -> Position {
    loop {
        if let Event::Reset { position, .. } = member.next().await {
            return position;
        }
    }
}
