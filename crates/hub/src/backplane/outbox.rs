//! Publishes for those who do not wait for a receipt, in their order.

use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::error::EngineError;
use super::uplink::Uplink;
use crate::command::Command;
use crate::message::Message;
use crate::name::TopicName;

/// Ends when nobody can publish any more, or the hub is being closed, and everything that was taken has been published or
/// has failed.
pub(crate) async fn publish_all<M: Message>(mut queue: mpsc::Receiver<Command<M>>, uplink: Arc<Uplink<M>>) {
    let mut flying = JoinSet::new();
    let window = uplink.conf.backplane.window.get();
    let mut is_over = false;
    while !(is_over && flying.is_empty()) {
        tokio::select! {
            biased;
            Some(landed) = flying.join_next() => {
                if let Ok((topic, Err(error))) = landed {
                    lose(&uplink, &topic, error);
                }
            }
            () = uplink.closing.cancelled(), if !queue.is_closed() => queue.close(),
            command = queue.recv(), if !is_over && flying.len() < window => match command {
                Some(command) => publish(command, &uplink, &mut flying).await,
                None => is_over = true,
            },
        }
    }
}

async fn publish<M: Message>(
    command: Command<M>,
    uplink: &Arc<Uplink<M>>,
    flying: &mut JoinSet<(TopicName, Result<(), EngineError>)>,
) {
    let Command::Publish { topic, entry, key, reply } = command else { return };
    match uplink.reach(&topic).await {
        Ok(true) => {
            // Called here and not in its task, so that its place is fixed.
            let parcel = panic::catch_unwind(AssertUnwindSafe(|| uplink.codec.parcel(&entry, key.clone())));
            let Ok(parcel) = parcel else { return lose(uplink, &topic, "encoding it panicked") };
            let published = if uplink.sequences() {
                uplink.engine.publish(&topic, uplink.conf.of(&topic), parcel)
            } else {
                let (topic, lane) = (topic.clone(), uplink.lanes.of(&topic));
                let passing = topic.clone();
                let _ = lane.send(Command::Publish { topic, entry, key, reply }).await; // fails if the hub is ending
                uplink.pass_on(&passing, parcel)
            };
            let uplink = uplink.clone();
            flying.spawn(async move { (topic, uplink.call(published).await.map(|_| ())) });
        }
        Ok(false) => {
            let lane = uplink.lanes.of(&topic);
            let _ = lane.send(Command::Publish { topic, entry, key, reply }).await; // fails if the hub is ending
        }
        Err(_) => lose(uplink, &topic, EngineError::Unavailable),
    }
}

fn lose<M>(uplink: &Uplink<M>, topic: &TopicName, error: impl fmt::Display) {
    tracing::warn!(%topic, %error, "a message for which no receipt was wanted may be lost");
    uplink.lanes.of(topic).counters.of_tasks.unpublished.add(1);
}
