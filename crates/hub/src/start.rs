//! Starting a hub: its loops, and what connects it with others.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::mem;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::announcer::announce;
use crate::backplane::intake::Intake;
use crate::backplane::keeper::Keeper;
use crate::backplane::lanes::{Lane, Lanes};
use crate::backplane::numbers::Numbers;
use crate::backplane::outbox::publish_all;
use crate::backplane::uplink::{Missing, Uplink};
use crate::backplane::wish::Wishes;
use crate::backplane::{Carried, Codec, Engine, Status};
use crate::command::Command;
use crate::conf::HubConf;
use crate::hub::{Hub, Link, Shared};
use crate::message::Message;
use crate::name::TopicName;
use crate::shard::Shard;
use crate::state::State;
use crate::stats::Counters;

impl<M: Message> Hub<M> {
    /// Starts a hub on the current runtime: one loop per core, unless its conf says otherwise.
    ///
    /// # Panics
    ///
    /// Panics if called outside of a tokio runtime.
    #[must_use]
    pub fn spawn(conf: HubConf) -> Self {
        let loops = Loops::spawn(conf, None, |_| None);
        Self { shared: Arc::new(loops.into_shared(0)) }
    }

    /// Starts a hub that is one of several: what is published in a topic on one is heard on all, who is present on one is seen
    /// on all, and a client that was cut off from one resumes on another.
    ///
    /// It connects by itself, again and again; see [`status`](Self::status). Who joins or publishes before waits for a while.
    /// What the engine [cannot do](crate::backplane::Capabilities) there is not: without presence, for one, nobody is told of anybody,
    /// whatever the conf says. Limits, such as
    /// [`HubConf::max_clients_per_user`] and those of the [protocol](crate::protocol::ProtocolConf) for a user, hold for each hub. Where publishing may stall
    /// ([`TopicConf::stall`](field@crate::TopicConf::stall)) it does so for members alone, not for publishers.
    ///
    /// # Panics
    ///
    /// Panics if called outside of a tokio runtime.
    #[must_use]
    pub fn spawn_on(mut conf: HubConf, engine: impl Engine) -> Self
    where
        M: Carried,
    {
        let can = engine.capabilities();
        if !(can.presence && can.sequences) {
            for topic in [&mut conf.topic].into_iter().chain(conf.topics.values_mut()) {
                topic.presence.enabled = false;
            }
        }
        let part = engine.node().id.part();
        let (wishes, wished) = mpsc::unbounded_channel();
        let lane = conf.backplane.lane.get().min(Semaphore::MAX_PERMITS);
        let mut arrivals = Vec::new();
        let ways = Wishes { sender: wishes.clone(), sequences: can.sequences };
        let mut loops = Loops::spawn(conf, Some(&ways), |_| {
            let (sender, receiver) = mpsc::channel(lane);
            arrivals.push(sender);
            Some(receiver)
        });
        let lanes = loops.shards.iter().zip(arrivals).map(|(link, arrivals)| Lane {
            commands: link.commands.downgrade(),
            arrivals,
            counters: link.counters.clone(),
        });
        let uplink = Arc::new(Uplink {
            conf: loops.conf.clone(),
            numbers: Numbers::new(engine.node().id),
            engine: Arc::new(engine),
            codec: Codec::new(),
            lanes: Lanes { hasher: loops.hasher.clone(), lanes: lanes.collect() },
            status: watch::Sender::new(Status::Connecting),
            counters: Default::default(),
            peers: Mutex::default(),
            questions: Default::default(),
            missing: Missing::default(),
            closing: loops.closing.clone(),
            notices: Codec::<M>::has_notices(),
            turns: Mutex::new(HashMap::new()),
            tasks: loops.tracker.clone(),
        });
        let (outbox, queue) = mpsc::channel(loops.conf.queue.get().min(Semaphore::MAX_PERMITS));
        let published = loops.tracker.spawn(publish_all(queue, uplink.clone()));
        let intake = Arc::new(Intake { uplink: uplink.clone(), wishes, session: AtomicU64::new(0) });
        let keeper = Keeper::new(intake, wished);
        let span = tracing::debug_span!("backplane", node = %uplink.engine.node().name);
        loops.tracker.spawn(keeper.run(async { drop(published.await) }).instrument(span));
        (loops.uplink, loops.outbox) = (Some(uplink), Some(outbox));
        Self { shared: Arc::new(loops.into_shared(part)) }
    }
}

/// A hub's loops, which run.
struct Loops<M> {
    conf: Arc<HubConf>,
    shards: Vec<Link<M>>,
    hasher: RandomState,
    online: watch::Receiver<usize>,
    closing: CancellationToken,
    tracker: TaskTracker,
    uplink: Option<Arc<Uplink<M>>>,
    outbox: Option<mpsc::Sender<Command<M>>>,
}

impl<M: Message> Loops<M> {
    fn spawn(
        conf: HubConf,
        wishes: Option<&Wishes>,
        mut arrivals: impl FnMut(usize) -> Option<mpsc::Receiver<Command<M>>>,
    ) -> Self {
        let conf = Arc::new(conf);
        let (count, online) = watch::channel(0);
        let (closing, tracker, hasher) = (CancellationToken::new(), TaskTracker::new(), RandomState::new());
        let spawn = |number: usize| {
            let (commands, received) = mpsc::channel(conf.queue.get().min(Semaphore::MAX_PERMITS));
            let (leaver, leaves) = mpsc::unbounded_channel();
            // Unbounded, because the loop does not wait; one entry per topic at most.
            let (announcer, announcements) = mpsc::unbounded_channel();
            let (counters, seed) = (Arc::<Counters>::default(), hasher.hash_one(number));
            let (leave, count, wishes) = (leaver.clone(), count.clone(), wishes.cloned());
            let state = State::new(conf.clone(), seed, leave, announcer, wishes, count, counters.clone());
            let arrivals = arrivals(number);
            let shard = Shard::new(received, arrivals, leaves, closing.clone(), counters.clone(), state);
            // Their owner is the tracker; they end with the handles, and `close` waits for them. Unconstrained, as
            // tokio's budget of a task would make outlets look full; the loop pauses by itself.
            let span = tracing::debug_span!("hub_loop", number);
            tracker.spawn(task::coop::unconstrained(shard.run()).instrument(span));
            tracker.spawn(announce(announcements, commands.downgrade()));
            Link { commands, leaver, counters }
        };
        let shards = (0..conf.shards()).map(spawn).collect();
        tracker.close();
        Self { conf, shards, hasher, online, closing, tracker, uplink: None, outbox: None }
    }

    fn into_shared(mut self, part: u64) -> Shared<M> {
        Shared {
            conf: self.conf,
            topic: TopicName::shared(),
            shards: mem::take(&mut self.shards),
            hasher: self.hasher,
            part,
            next_client: AtomicU64::new(0),
            online: self.online,
            closing: self.closing,
            loops: self.tracker,
            draining: watch::Sender::new(None),
            drain_remaining: AtomicU64::new(0),
            uplink: self.uplink,
            outbox: self.outbox,
        }
    }
}
