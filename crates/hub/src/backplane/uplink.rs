//! What a hub that is not alone knows of its cluster, and what its callers do there.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as Turns, Notify, oneshot, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::codec::Codec;
use super::engine::{Answer, Engine, Interest, Peer, Subscribed};
use super::error::EngineError;
use super::lanes::Lanes;
use super::numbers::Numbers;
use super::parcel::Parcel;
use super::questions::Questions;
use super::status::Status;
use crate::command::Command;
use crate::conf::HubConf;
use crate::error::Error;
use crate::keys::Key;
use crate::log::Entry;
use crate::message::Message;
use crate::name::TopicName;
use crate::receipt::Receipt;
use crate::stats::LinkCounters;
use crate::topic::Standing;

/// A hub's end of its engine, shared by its callers and by the tasks that keep it.
pub(crate) struct Uplink<M> {
    pub(crate) conf: Arc<HubConf>,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) codec: Codec<M>,
    pub(crate) lanes: Lanes<M>,
    pub(crate) status: watch::Sender<Status>,
    pub(crate) counters: LinkCounters,
    /// The other nodes, as of the last sign of life.
    pub(crate) peers: Mutex<Vec<Peer>>,
    pub(crate) questions: Questions,
    /// What this node has published, if the engine does not number.
    pub(crate) numbers: Numbers,
    /// Topics that have missed something.
    pub(crate) missing: Missing,
    pub(crate) closing: CancellationToken,
    /// Whether changes of presence have numbers.
    pub(crate) notices: bool,
    /// One opens a topic, the others wait.
    pub(crate) turns: Mutex<HashMap<TopicName, Arc<Turns<()>>>>,
    pub(crate) tasks: TaskTracker,
}

/// Topics of which something is missing, each once.
#[derive(Default)]
pub(crate) struct Missing {
    topics: Mutex<HashSet<TopicName>>,
    changed: Notify,
}

impl<M: Message> Uplink<M> {
    /// Publishes for all nodes, or for this one, if the engine is away and the topic's conf says so.
    pub(crate) async fn publish(
        &self,
        topic: TopicName,
        entry: Entry<M>,
        key: Option<Key>,
    ) -> Result<Receipt, Error> {
        if !self.sequences() {
            return self.publish_here(topic, entry, key).await;
        }
        if self.reach(&topic).await? {
            let published = self.engine.publish(&topic, self.conf.of(&topic), self.codec.parcel(&entry, key));
            return self.call(published).await?.ok_or(Error::Unavailable);
        }
        let lane = self.lanes.of(&topic);
        lane.ask(|reply| Command::Publish { topic, entry, key, reply: Some(reply) }).await
    }

    /// Publishes here, where the message has its number, and passes it on to the other nodes.
    async fn publish_here(
        &self,
        topic: TopicName,
        entry: Entry<M>,
        key: Option<Key>,
    ) -> Result<Receipt, Error> {
        let parcel = match self.reach(&topic).await? {
            true => Some(self.codec.parcel(&entry, key.clone())),
            false => None,
        };
        let most = self.engine.capabilities().max_bytes;
        if parcel.as_ref().is_some_and(|parcel| parcel.payload.len() > most) {
            return Err(Error::TooHeavy); // before it is heard here
        }
        let (reply, receipt) = oneshot::channel();
        let of = topic.clone();
        self.lanes.of(&topic).send(Command::Publish { topic, entry, key, reply: Some(reply) }).await?;
        // Called before anything is waited for, so that it is not heard here alone if nobody waits any more.
        let passed = parcel.map(|parcel| self.pass_on(&of, parcel));
        let receipt = receipt.await.map_err(|_| Error::Closed)??;
        if let Some(passed) = passed {
            self.call(passed).await?;
        }
        Ok(receipt)
    }

    /// Gives a message this node's number, and to the engine.
    pub(crate) fn pass_on(&self, topic: &TopicName, mut parcel: Parcel) -> Answer<Option<Receipt>> {
        // Held until the engine has been called, so that the numbers are in that order.
        let mut numbers = self.numbers.lock();
        parcel.origin = Some(numbers.next(topic, Instant::now()));
        self.engine.publish(topic, self.conf.of(topic), parcel)
    }

    pub(crate) fn sequences(&self) -> bool {
        self.engine.capabilities().sequences
    }

    /// Whether what is about to happen in a topic is the engine's affair; else it is this node's alone. Waits for the first
    /// connection.
    pub(crate) async fn reach(&self, topic: &TopicName) -> Result<bool, Error> {
        let mut status = self.status.subscribe();
        let decided = status.wait_for(|status| *status != Status::Connecting);
        let status = match timeout(self.conf.backplane.timeout, decided).await {
            Ok(Ok(status)) => *status,
            Ok(Err(_)) => return Err(Error::Closed),
            Err(_) => Status::Connecting,
        };
        match status.is_connected() {
            true => Ok(true),
            false if self.conf.of(topic).is_local_in_an_outage() => Ok(false),
            false => Err(Error::Unavailable),
        }
    }

    /// Has a topic opened on this node, if it is not.
    ///
    /// In a task of its own, as half an opening must not stay behind if nobody waits for it any more.
    pub(crate) async fn open(self: &Arc<Self>, topic: &TopicName) -> Result<(), Error> {
        let (uplink, topic) = (self.clone(), topic.clone());
        let opened = self.tasks.spawn(async move {
            let closing = uplink.closing.clone();
            tokio::select! {
                () = closing.cancelled() => Err(Error::Closed),
                opened = uplink.in_turn(&topic, uplink.open_now(&topic)) => opened,
            }
        });
        opened.await.map_err(|_| Error::Closed)?
    }

    async fn open_now(&self, topic: &TopicName) -> Result<(), Error> {
        let lane = self.lanes.of(topic);
        if !lane.ask(|reply| Command::Open(topic.clone(), reply)).await? {
            return Ok(());
        }
        let opened = match self.reach(topic).await {
            Ok(true) => self.subscribe(vec![self.interest(topic)]).await,
            Ok(false) | Err(Error::Unavailable) => Err(EngineError::Unavailable),
            Err(error) => return Err(error),
        };
        match opened {
            Ok(()) => Ok(()),
            // Also if it has only just turned out to be away.
            Err(EngineError::Unavailable) if self.conf.of(topic).is_local_in_an_outage() => {
                lane.send(Command::GoLocal(topic.clone())).await
            }
            Err(error) => {
                lane.send(Command::Abandon(topic.clone())).await?;
                Err(error.into())
            }
        }
    }

    /// Lets a topic go in which nobody is, unless somebody has come meanwhile.
    pub(crate) async fn close(&self, topic: TopicName) {
        let closed = self.in_turn(&topic, async {
            let topics = Some(vec![topic.clone()]);
            let command = |reply| Command::Standings { topics, with_attendees: false, reply };
            let found = self.lanes.of(&topic).ask(command).await;
            if found.is_ok_and(|found| found.is_empty()) {
                // If that fails what is delivered finds nobody, until the next connection.
                let _ = self.call(self.engine.unsubscribe(vec![topic.clone()])).await;
            }
        });
        closed.await;
    }

    /// Finds out what these topics, or all, have missed, and has their loops take it over.
    pub(crate) async fn sync(
        &self,
        topics: Option<HashSet<TopicName>>,
        with_attendees: bool,
    ) -> Result<(), EngineError> {
        let mut standings = Vec::new();
        let asked: Vec<_> = match topics {
            Some(topics) => {
                let sorted = self.lanes.sort(topics);
                sorted.into_iter().map(|(lane, topics)| (lane, Some(topics))).collect()
            }
            None => self.lanes.lanes.iter().map(|lane| (lane, None)).collect(),
        };
        for (lane, topics) in asked {
            // Fails if the hub is ending, and then there is nothing to do.
            let command = |reply| Command::Standings { topics, with_attendees, reply };
            standings.extend(lane.ask(command).await.unwrap_or_default());
        }
        let mut standings = standings.into_iter().peekable();
        while standings.peek().is_some() {
            let (mut batch, mut attending) = (Vec::new(), 0);
            while batch.len() < BATCH
                && attending < ATTENDING
                && let Some((topic, Standing { after, seen, attendees })) = standings.next()
            {
                attending += attendees.as_ref().map_or(0, Vec::len);
                batch.push(Interest { after, seen, attendees, ..self.interest(&topic) });
            }
            self.subscribe(batch).await?;
        }
        Ok(())
    }

    async fn subscribe(&self, interests: Vec<Interest>) -> Result<(), EngineError> {
        let topics: Vec<_> = interests.iter().map(|interest| interest.topic.clone()).collect();
        let subscribed: Vec<Subscribed> = self.call(self.engine.subscribe(interests)).await?;
        if !self.sequences() {
            for topic in topics {
                let _ = self.lanes.of(&topic).send(Command::Hear(topic)).await; // fails if the hub is ending
            }
            return Ok(());
        }
        for (topic, subscribed) in topics.into_iter().zip(subscribed) {
            let caught = Box::new(self.codec.caught(&topic, subscribed));
            let lane = self.lanes.of(&topic);
            let _ = lane.send(Command::CatchUp(topic, caught)).await; // fails if the hub is ending
        }
        Ok(())
    }

    /// In a topic of which the node has nothing.
    fn interest(&self, topic: &TopicName) -> Interest {
        let (topic, conf) = (topic.clone(), self.conf.of(topic).clone());
        Interest { topic, conf, notices: self.notices, after: None, seen: None, attendees: None }
    }

    /// Waits for an engine's answer, not for ever.
    pub(crate) async fn call<T>(&self, answer: Answer<T>) -> Result<T, EngineError> {
        timeout(self.conf.backplane.timeout, answer).await.unwrap_or(Err(EngineError::Unavailable))
    }

    /// Does something with a topic while nobody else does who asks this way.
    async fn in_turn<T>(&self, topic: &TopicName, work: impl Future<Output = T>) -> T {
        let turns = self.turns().entry(topic.clone()).or_default().clone();
        let turn = turns.lock().await;
        let done = work.await;
        drop(turn);
        let mut all = self.turns();
        // This one's, and the map's.
        if Arc::strong_count(&turns) == 2 {
            all.remove(topic);
        }
        done
    }

    fn turns(&self) -> MutexGuard<'_, HashMap<TopicName, Arc<Turns<()>>>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M> Uplink<M> {
    /// Notes that something of a topic is missing.
    pub(crate) fn miss(&self, topic: TopicName) {
        if self.missing.lock().insert(topic) {
            self.missing.changed.notify_one();
        }
    }

    pub(crate) fn peers(&self) -> MutexGuard<'_, Vec<Peer>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Missing {
    /// Takes them all.
    pub(crate) fn take(&self) -> HashSet<TopicName> {
        mem::take(&mut *self.lock())
    }

    /// Waits until there may be some.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<TopicName>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So many topics are asked for at once.
const BATCH: usize = 512;

/// Fewer, if so many clients are present in them.
const ATTENDING: usize = 4096;
