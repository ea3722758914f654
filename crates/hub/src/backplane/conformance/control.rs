//! Reaching clients wherever they are.

use super::play::{case, end, fault, hubs, keeping};
use super::{Cluster, Fault, Line, Verdict};
use crate::backplane::loopback::Cut;
use crate::error::{Cause, Error};
use crate::event::{Event, Reason};
use crate::name::UserId;

/// What is said to a user, or done with one, reaches its clients on all nodes, and they are counted.
pub async fn a_user_is_reached_on_all_nodes(cluster: &impl Cluster) -> Verdict {
    case!({
        let [a, b, c] = hubs(cluster, &keeping(100), ["a", "b", "c"]).await?;
        let ann = UserId::new("ann").expect("a name");
        let mut here = a.join("ann", "lobby").await;
        let mut there = b.join("ann", "lobby").await;
        let mut bob = c.join("bob", "lobby").await;
        super::play::until("all know each other", async || {
            [&a, &b, &c].iter().all(|hub| hub.hub().nodes().is_empty() || hub.hub().nodes().len() == 3)
        })
        .await;
        assert_eq!(c.hub().send(&ann, Line::from("to ann")).await, Ok(2));
        here.expect("to ann").await;
        there.expect("to ann").await;
        assert_eq!(c.hub().unsubscribe(&ann, "lobby").await, Ok(2));
        for member in [&mut here, &mut there] {
            assert!(matches!(member.next().await, Event::Left { reason: Reason::Unsubscribed, .. }));
        }
        assert_eq!(a.hub().kick(&ann).await, Ok(2));
        for member in [&mut here, &mut there] {
            assert_eq!(member.expect_end().await.cause(), Cause::Kicked);
        }
        bob.expect_nothing().await;
        Ok(end(vec![here, there, bob], [a, b, c]).await)
    })
}

/// What is said to everyone is heard by all clients of all nodes, in whatever topics, and they are counted.
pub async fn everyone_is_reached_on_all_nodes(cluster: &impl Cluster) -> Verdict {
    case!({
        let [a, b, c] = hubs(cluster, &keeping(100), ["a", "b", "c"]).await?;
        let mut members =
            [a.join("ann", "lobby").await, b.connect("bob").await, b.join("cid", "attic").await];
        super::play::until("all know each other", async || c.hub().nodes().len() == 3).await;
        assert_eq!(c.hub().send_to_all(Line::from("it is noon")).await, Ok(3));
        for member in &mut members {
            member.expect("it is noon").await;
            member.expect_nothing().await;
        }
        Ok(end(members.into(), [a, b, c]).await)
    })
}

/// A client's number is good on all nodes.
pub async fn a_client_is_reached_on_whatever_node_it_is(cluster: &impl Cluster) -> Verdict {
    case!({
        let [a, b] = hubs(cluster, &keeping(100), ["a", "b"]).await?;
        let mut ann = a.join("ann", "lobby").await;
        let mut bob = b.join("bob", "lobby").await;
        assert_ne!(ann.handle().id(), bob.handle().id());
        super::play::until("they know each other", async || {
            [&a, &b].iter().all(|hub| hub.hub().nodes().len() == 2)
        })
        .await;
        let client = bob.handle().id();
        assert_eq!(a.hub().send(client, Line::from("to bob")).await, Ok(1));
        bob.expect("to bob").await;
        assert_eq!(a.hub().kick(client).await, Ok(1));
        assert_eq!(bob.expect_end().await.cause(), Cause::Kicked);
        assert_eq!(a.hub().kick(client).await, Ok(0), "it is gone");
        ann.expect_nothing().await;
        Ok(end(vec![ann, bob], [a, b]).await)
    })
}

/// When a node does not answer, those who asked are told so, with how many did.
pub async fn a_survey_says_who_did_not_answer(cluster: &impl Cluster) -> Verdict {
    case!({
        let [a, b, c] = hubs(cluster, &keeping(100), ["a", "b", "c"]).await?;
        let members =
            [a.join("ann", "lobby").await, b.join("bob", "lobby").await, b.join("cid", "lobby").await];
        super::play::until("all know each other", async || a.hub().nodes().len() == 3).await;
        a.settle().await;
        let survey = a.hub().survey().await.expect("it is not alone");
        assert!(survey.is_complete(), "{survey:?}");
        let mut clients: Vec<_> =
            survey.answers.iter().map(|(node, counts)| (&*node.name, counts.clients)).collect();
        clients.sort_unstable();
        assert_eq!(clients, [("a", 1), ("b", 2), ("c", 0)]);
        fault(cluster, Fault::Cut("c", Cut::Both))?;
        let survey = a.hub().survey().await.expect("it is not alone");
        assert_eq!((survey.answers.len(), survey.asked), (2, 3));
        let bob = UserId::new("bob").expect("a name");
        let kicked = a.hub().kick(&bob).await;
        assert_eq!(kicked, Err(Error::Unanswered { answered: 2, asked: 3 }));
        fault(cluster, Fault::Heal("c"))?;
        Ok(end(members.into(), [a, b, c]).await)
    })
}
