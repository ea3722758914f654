//! What the cases have in common.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::{Cluster, Fault, Line, Verdict};
use crate::backplane::Status;
use crate::conf::{HistoryConf, HubConf, PresenceConf, TopicConf};
use crate::event::Event;
use crate::test::{Member, TestHub};

/// Topics that keep so many messages.
pub(super) fn keeping(messages: usize) -> HubConf {
    let max_age = Duration::from_secs(5 * 60);
    let history = HistoryConf { max_messages: messages, max_age, ..HistoryConf::default() };
    HubConf { topic: TopicConf { history, ..TopicConf::default() }, shards: 2, ..HubConf::default() }
}

/// The same, with presence.
pub(super) fn with_presence() -> HubConf {
    let mut conf = keeping(100);
    conf.topic.presence = PresenceConf { enabled: true, ..PresenceConf::default() };
    conf
}

/// Hubs on nodes with these names, of which each is connected; or why that cannot be.
pub(super) async fn hubs<const N: usize>(
    cluster: &impl Cluster,
    conf: &HubConf,
    names: [&str; N],
) -> Result<[TestHub<Line>; N], Verdict> {
    if N > cluster.nodes() {
        return Err(Verdict::DoesNotApply("it needs more nodes"));
    }
    let hubs = names.map(|name| TestHub::on(cluster.hub(name, conf.clone())));
    for hub in &hubs {
        is_up(hub).await;
    }
    Ok(hubs)
}

/// Has something happen, if it can.
pub(super) fn fault(cluster: &impl Cluster, fault: Fault) -> Result<(), Verdict> {
    if cluster.fault(fault) {
        Ok(())
    } else {
        Err(Verdict::DoesNotApply("the cluster cannot fail like that"))
    }
}

/// Goes on if the engine numbers messages.
pub(super) fn sequences(cluster: &impl Cluster) -> Result<(), Verdict> {
    needs(cluster.capabilities().sequences, "the engine does not number")
}

/// Goes on if it does not.
pub(super) fn no_sequences(cluster: &impl Cluster) -> Result<(), Verdict> {
    needs(!cluster.capabilities().sequences, "the engine numbers, which is more")
}

/// Goes on if it keeps messages.
pub(super) fn history(cluster: &impl Cluster) -> Result<(), Verdict> {
    needs(cluster.capabilities().history, "the engine keeps no history")
}

/// Goes on if it does not.
pub(super) fn no_history(cluster: &impl Cluster) -> Result<(), Verdict> {
    needs(!cluster.capabilities().history, "the engine keeps what is lost, which is more")
}

/// Goes on if it knows who is present.
pub(super) fn presence(cluster: &impl Cluster) -> Result<(), Verdict> {
    needs(cluster.capabilities().presence, "the engine does not keep presence")
}

fn needs(is_so: bool, else_because: &'static str) -> Result<(), Verdict> {
    if is_so { Ok(()) } else { Err(Verdict::DoesNotApply(else_because)) }
}

/// Waits until a hub is connected.
pub(super) async fn is_up(hub: &TestHub<Line>) {
    status(hub, |status| status == Status::Up).await;
}

/// Waits until the status is like that; a hub that is alone has none, and is always well.
pub(super) async fn status(hub: &TestHub<Line>, is_so: impl Fn(Status) -> bool) {
    if let Some(mut status) = hub.hub().status() {
        let waited = timeout(Duration::from_secs(60), status.wait_for(|status| is_so(*status))).await;
        waited.expect("its status changes within a minute").expect("the hub is not closed");
    }
}

/// The next things that it hears, as texts with their numbers.
pub(super) async fn hear(member: &mut Member<Line>, count: usize) -> Vec<(u64, String)> {
    let mut heard = Vec::new();
    while heard.len() < count {
        match member.next().await {
            Event::Message { offset, message, .. } => heard.push((offset, message.as_str().to_owned())),
            other => panic!("a message was to come, and this came: {other:?}"),
        }
    }
    heard
}

/// So many texts.
pub(super) fn texts(count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("message {number}")).collect()
}

/// Publishes so many, and returns them with their numbers.
pub(super) async fn say(member: &Member<Line>, topic: &str, count: usize) -> Vec<(u64, String)> {
    let mut said = Vec::new();
    for text in texts(count) {
        let receipt = member.publish(topic, Line::from(text.as_str())).await;
        said.push((receipt.position.offset, text));
    }
    said
}

/// The names of those who are present, sorted, with their devices.
pub(super) async fn present(hub: &TestHub<Line>, topic: &str) -> Vec<(String, usize)> {
    let snapshot = hub.hub().presence(topic).await.expect("the hub answers").unwrap_or_default();
    let users = snapshot.users.iter().map(|present| (present.user.to_string(), present.devices));
    let mut users: Vec<_> = users.collect();
    users.sort();
    users
}

/// Waits until it is so, and returns how long that took.
pub(super) async fn until(what: &str, is_so: impl AsyncFn() -> bool) -> Duration {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < Duration::from_secs(120), "{what}: not within two minutes");
        sleep(Duration::from_millis(10)).await;
    }
    began.elapsed()
}

/// Ends a case: everyone leaves, and nothing may be left.
pub(super) async fn end<const N: usize>(members: Vec<Member<Line>>, hubs: [TestHub<Line>; N]) -> Verdict {
    drop(members);
    for hub in hubs {
        hub.finish().await;
    }
    Verdict::Holds
}

/// Runs a case whose preconditions may fail.
macro_rules! case {
    ($body:block) => {{
        let played: Result<Verdict, Verdict> = async move $body.await;
        match played {
            Ok(verdict) | Err(verdict) => verdict,
        }
    }};
}

pub(super) use case;
