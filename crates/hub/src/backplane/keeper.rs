//! Keeps a hub connected with its engine: connects, makes sure that nothing was missed, watches who lives.

use std::collections::HashSet;
use std::convert::Infallible;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{self, Instant, MissedTickBehavior, interval, interval_at, sleep_until};

use super::engine::Beat;
use super::error::EngineError;
use super::intake::Intake;
use super::sink::Sink;
use super::status::{Status, Trouble};
use super::uplink::Uplink;
use super::wish::Wish;
use crate::message::Message;
use crate::mix::mix;
use crate::name::TopicName;

pub(crate) struct Keeper<M> {
    uplink: Arc<Uplink<M>>,
    intake: Arc<Intake<M>>,
    /// Unbounded, because loops do not wait. While it connects, which has a deadline, a few may pile up per client that comes or
    /// goes; else it is emptied at once.
    wishes: mpsc::UnboundedReceiver<Wish>,
    /// What is under way; all of it ends within the deadline of a call.
    calls: JoinSet<Done>,
    /// Topics where something is missing, and whether all may be such.
    missing: HashSet<TopicName>,
    all_missing: bool,
    /// Whether the engine may have wrong ideas of who of this node is present.
    attendees_unsure: bool,
    is_syncing: bool,
    is_beating: bool,
    /// The probe that has not come back, and when it has to be.
    probe: Option<Instant>,
    probes: u64,
}

/// What a call came to.
enum Done {
    Beat(Result<Beat, EngineError>),
    Synced(Result<(), EngineError>),
    Moved(TopicName, Result<(), EngineError>),
    Nothing,
}

/// Why a connection is given up.
enum Loss {
    Gone,
    Silent,
}

impl<M: Message> Keeper<M> {
    pub(crate) fn new(intake: Arc<Intake<M>>, wishes: mpsc::UnboundedReceiver<Wish>) -> Self {
        Self {
            uplink: intake.uplink.clone(),
            intake,
            wishes,
            calls: JoinSet::new(),
            missing: HashSet::new(),
            all_missing: false,
            attendees_unsure: false,
            is_syncing: false,
            is_beating: false,
            probe: None,
            probes: 0,
        }
    }

    /// Ends with the hub: when everything that it still had to publish is gone, it leaves the cluster.
    pub(crate) async fn run(mut self, outbox: impl Future<Output = ()>) {
        let closing = self.uplink.closing.clone();
        tokio::select! {
            biased;
            () = closing.cancelled() => {}
            never = self.keep() => match never {},
        }
        outbox.await;
        let _ = self.uplink.call(self.uplink.engine.close()).await; // if it fails others will find out
        self.intake.session.store(u64::MAX, Ordering::Release);
        self.uplink.status.send_replace(Status::Down(Instant::now()));
    }

    async fn keep(&mut self) -> Infallible {
        let mut attempts = 0;
        loop {
            if self.connect().await.is_ok() {
                attempts = 0;
                self.uplink.counters.connections.add(1);
                self.uplink.status.send_replace(Status::Up);
                match self.serve().await {
                    Loss::Gone => self.down(),
                    Loss::Silent => {
                        let silent = Status::Degraded(Trouble::Silent, Instant::now());
                        self.uplink.status.send_replace(silent);
                        tracing::warn!("the backplane delivers nothing: connecting anew");
                    }
                }
            } else {
                self.down();
            }
            self.pause(attempts).await;
            attempts += 1;
        }
    }

    /// Connects, and catches up with all topics before anybody is told.
    async fn connect(&mut self) -> Result<(), EngineError> {
        (self.calls, self.is_syncing, self.is_beating, self.probe) = (JoinSet::new(), false, false, None);
        let session = self.intake.session.fetch_add(1, Ordering::AcqRel) + 1;
        let sink = Sink::new(session, self.intake.clone());
        self.uplink.call(self.uplink.engine.connect(sink)).await?;
        // What is in them is in what follows.
        while self.wishes.try_recv().is_ok() {}
        self.uplink.missing.take();
        self.missing.clear();
        (self.all_missing, self.attendees_unsure) = (false, false);
        self.uplink.sync(None, true).await
    }

    fn down(&self) {
        self.uplink.status.send_if_modified(|status| {
            let was_down = matches!(status, Status::Down(_));
            if !was_down {
                tracing::warn!("the backplane cannot be reached");
                *status = Status::Down(Instant::now());
            }
            !was_down
        });
    }

    /// Waits before the next attempt, longer each time, up to a fifth of the time between probes.
    async fn pause(&mut self, attempts: u32) {
        let longest = self.uplink.conf.backplane.probe / 5;
        let pause = FIRST_PAUSE.saturating_mul(1 << attempts.min(16)).min(longest);
        // Not all nodes at once.
        let chance = mix(self.uplink.engine.node().id.0.wrapping_add(attempts.into())) % 512 + 512;
        let pause = pause.mul_f64(f64::from(u32::try_from(chance).unwrap_or(1024)) / 1024.0);
        let until = time::sleep(pause);
        tokio::pin!(until);
        loop {
            tokio::select! {
                () = &mut until => return,
                // What it says will be found out when there is a connection.
                Some(_) = self.wishes.recv() => {}
            }
        }
    }

    async fn serve(&mut self) -> Loss {
        let conf = self.uplink.conf.clone();
        let mut beats = interval(conf.backplane.heartbeat.max(SHORTEST));
        let period = conf.backplane.probe.max(SHORTEST);
        let mut probes = interval_at(Instant::now() + period, period);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        probes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.sync();
            let probe = self.probe;
            tokio::select! {
                Some(done) = self.calls.join_next() => {
                    if let Ok(done) = done && let Err(EngineError::Unavailable) = self.done(done) {
                        return Loss::Gone;
                    }
                }
                Some(wish) = self.wishes.recv() => match wish {
                    Wish::Lost(session) if session == self.intake.session.load(Ordering::Acquire) => {
                        return Loss::Gone;
                    }
                    Wish::Echo(number) if number == self.probes => self.came_back(),
                    wish => self.grant(wish),
                },
                () = self.uplink.missing.changed() => self.missing.extend(self.uplink.missing.take()),
                _ = beats.tick(), if !self.is_beating => self.beat(),
                _ = probes.tick() => {
                    // Where nothing is numbered, asking would not tell what is missing.
                    self.all_missing |= self.uplink.sequences();
                    self.send_probe();
                }
                () = sleep_until(probe.unwrap_or_else(Instant::now)), if probe.is_some() => return Loss::Silent,
            }
        }
    }

    fn grant(&mut self, wish: Wish) {
        match wish {
            Wish::Moved(topic, moved) => {
                // Called here and not in its task, so that moves keep their order.
                let answer = self.uplink.engine.presence(&topic, moved);
                let uplink = self.uplink.clone();
                self.calls.spawn(async move { Done::Moved(topic, uplink.call(answer).await) });
            }
            Wish::Missing(topic) => {
                self.missing.insert(topic);
            }
            Wish::Idle(topic) => {
                let uplink = self.uplink.clone();
                self.spawn(async move { uplink.close(topic).await });
            }
            Wish::Words(words) => {
                let uplink = self.uplink.clone();
                self.spawn(async move { uplink.hear(words).await });
            }
            Wish::Echo(_) | Wish::Lost(_) => {} // of a former probe, of a former connection
        }
    }

    fn done(&mut self, done: Done) -> Result<(), EngineError> {
        match done {
            Done::Nothing => Ok(()),
            Done::Synced(synced) => {
                self.is_syncing = false;
                synced
            }
            Done::Moved(topic, moved) => {
                if moved.is_err() {
                    self.attendees_unsure = true;
                    self.missing.insert(topic);
                }
                moved
            }
            Done::Beat(beat) => {
                self.is_beating = false;
                self.watch(beat?);
                Ok(())
            }
        }
    }

    /// Looks who lives, and buries who does not.
    fn watch(&mut self, beat: Beat) {
        if !beat.is_known {
            (self.all_missing, self.attendees_unsure) = (true, true);
        }
        let dead_after = self.uplink.conf.backplane.dead;
        let (dead, alive): (Vec<_>, Vec<_>) =
            beat.peers.into_iter().partition(|peer| peer.silent_for >= dead_after);
        *self.uplink.peers() = alive;
        for peer in dead {
            tracing::warn!(node = %peer.node.id, name = %peer.node.name, "a node of the cluster is dead");
            let (uplink, buried) = (self.uplink.clone(), self.uplink.engine.bury(peer.node.id));
            // If it fails it is said again with the next sign of life.
            self.spawn(async move { uplink.call(buried).await.unwrap_or_default() });
        }
    }

    fn beat(&mut self) {
        self.is_beating = true;
        let (uplink, beat) = (self.uplink.clone(), self.uplink.engine.beat());
        self.calls.spawn(async move { Done::Beat(uplink.call(beat).await) });
    }

    fn send_probe(&mut self) {
        if self.probe.is_some() {
            return;
        }
        self.probes += 1;
        self.probe = Some(Instant::now() + self.uplink.conf.backplane.probe / 2);
        let (uplink, probed) = (self.uplink.clone(), self.uplink.engine.probe(self.probes));
        // What counts is that it comes back.
        self.spawn(async move { uplink.call(probed).await.unwrap_or_default() });
    }

    /// The probe has come back.
    fn came_back(&mut self) {
        let Some(until) = self.probe.take() else { return };
        let took = (Instant::now() + self.uplink.conf.backplane.probe / 2).saturating_duration_since(until);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.uplink.counters.lag_nanos.set(nanos);
    }

    /// Fetches what is missing, once at a time.
    fn sync(&mut self) {
        if self.is_syncing || !self.all_missing && self.missing.is_empty() {
            return;
        }
        self.is_syncing = true;
        let missing = mem::take(&mut self.missing);
        let topics = if mem::take(&mut self.all_missing) { None } else { Some(missing) };
        let with_attendees = mem::take(&mut self.attendees_unsure);
        let uplink = self.uplink.clone();
        self.calls.spawn(async move { Done::Synced(uplink.sync(topics, with_attendees).await) });
    }

    fn spawn(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.calls.spawn(async move {
            work.await;
            Done::Nothing
        });
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// No time between two signs of life, or probes, is shorter.
const SHORTEST: Duration = Duration::from_millis(10);
