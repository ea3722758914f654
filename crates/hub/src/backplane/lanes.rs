//! The ways into a hub's loops, for the tasks that connect it with others. They do not keep the hub alive.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::command::Command;
use crate::error::Error;
use crate::name::TopicName;
use crate::stats::Counters;

pub(crate) struct Lanes<M> {
    pub(crate) hasher: RandomState,
    pub(crate) lanes: Vec<Lane<M>>,
}

pub(crate) struct Lane<M> {
    pub(crate) commands: mpsc::WeakSender<Command<M>>,
    pub(crate) arrivals: mpsc::Sender<Command<M>>,
    pub(crate) counters: Arc<Counters>,
}

impl<M> Lanes<M> {
    /// The loop that has this topic, or is this user's home.
    pub(crate) fn of(&self, name: &impl Hash) -> &Lane<M> {
        let index = self.hasher.hash_one(name) % self.lanes.len() as u64;
        &self.lanes[usize::try_from(index).expect("less than the number of loops")]
    }

    /// The loop with this number, of numbers that go on for ever.
    pub(crate) fn nth(&self, number: u64) -> &Lane<M> {
        let index = number % self.lanes.len() as u64;
        &self.lanes[usize::try_from(index).expect("less than the number of loops")]
    }

    /// Topics by the loops that have them.
    pub(crate) fn sort(
        &self,
        topics: impl IntoIterator<Item = TopicName>,
    ) -> Vec<(&Lane<M>, Vec<TopicName>)> {
        let mut sorted: Vec<_> = self.lanes.iter().map(|lane| (lane, Vec::new())).collect();
        for topic in topics {
            let index = self.hasher.hash_one(&topic) % self.lanes.len() as u64;
            sorted[usize::try_from(index).expect("less than the number of loops")].1.push(topic);
        }
        sorted.retain(|(_, topics)| !topics.is_empty());
        sorted
    }
}

impl<M> Lane<M> {
    /// Waits for a place in the loop's queue.
    pub(crate) async fn send(&self, command: Command<M>) -> Result<(), Error> {
        let commands = self.commands.upgrade().ok_or(Error::Closed)?;
        commands.send(command).await.map_err(|_| Error::Closed)
    }

    pub(crate) async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Command<M>,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.send(command(reply)).await?;
        answer.await.map_err(|_| Error::Closed)?
    }
}
