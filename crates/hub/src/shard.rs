//! The engine loop: one owner of its topics. What a command does to them is in `state.rs`.

use std::future::{pending, ready};
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task;
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;

use crate::command::Command;
use crate::member::Leave;
use crate::message::Message;
use crate::state::State;
use crate::stats::Counters;

/// Owns some of a hub's topics, and alone changes them.
pub(crate) struct Shard<M> {
    commands: mpsc::Receiver<Command<M>>,
    /// What an engine delivers, if there is one.
    arrivals: Option<mpsc::Receiver<Command<M>>>,
    /// Unbounded, because `Drop` cannot wait; a few entries per client and topic at most.
    leaves: mpsc::UnboundedReceiver<Leave<M>>,
    closing: CancellationToken,
    counters: Arc<Counters>,
    state: State<M>,
}

impl<M: Message> Shard<M> {
    pub(crate) fn new(
        commands: mpsc::Receiver<Command<M>>,
        arrivals: Option<mpsc::Receiver<Command<M>>>,
        leaves: mpsc::UnboundedReceiver<Leave<M>>,
        closing: CancellationToken,
        counters: Arc<Counters>,
        state: State<M>,
    ) -> Self {
        Self { commands, arrivals, leaves, closing, counters, state }
    }

    /// Serves until the hub is closed, or the last handle is dropped.
    pub(crate) async fn run(mut self) {
        let (mut leaves, mut batch) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        let mut alarm = pin!(time::sleep(Duration::ZERO));
        let mut has_waited = false;
        // "Closed and empty", as the channel itself would wait for those who reserved a place and may never send.
        while !(self.commands.is_closed() && self.commands.is_empty()) {
            let deadline = self.state.deadline();
            if let Some(deadline) = deadline
                && deadline != alarm.deadline()
            {
                alarm.as_mut().reset(deadline);
            }
            tokio::select! {
                biased;
                1.. = self.leaves.recv_many(&mut leaves, BATCH) => {}
                () = self.closing.cancelled(), if !self.commands.is_closed() => self.commands.close(),
                () = &mut alarm, if deadline.is_some() => self.state.tick(Instant::now()),
                _ = self.commands.recv_many(&mut batch, BATCH) => {}
                arrived = delivered(&mut self.arrivals) => batch.push(arrived),
                () = ready(()), if self.state.has_passes() => {}
            }
            // Those who ask do not keep what is delivered waiting.
            for _ in 0..self.arrivals.as_ref().map_or(0, |arrivals| arrivals.len().min(BATCH)) {
                batch.extend(self.arrivals.as_mut().and_then(|arrivals| arrivals.try_recv().ok()));
            }
            let now = Instant::now();
            for leave in leaves.drain(..) {
                self.state.leave(&leave, now);
            }
            if let Some(at) = batch.iter().find_map(Command::published_at) {
                self.counters.of_loop.loop_lag_nanos.record_time(now.saturating_duration_since(at));
            }
            let are_several = batch.len() > 1;
            for command in batch.drain(..) {
                if self.state.handle(command, now) {
                    while self.pass() {
                        task::yield_now().await;
                    }
                    // A burst must not evict those who keep up, and on one thread they can read only now.
                    task::yield_now().await;
                }
            }
            // Where several speak at once, others are about to: what they say goes out in the same writes. Once, so that those
            // who speak all the time do not put it off.
            if are_several && self.state.has_passes() && !mem::replace(&mut has_waited, true) {
                task::yield_now().await;
                continue;
            }
            has_waited = false;
            let more = self.pass();
            self.state.gauge();
            if more || !self.commands.is_empty() {
                task::yield_now().await;
            }
        }
        self.state.finish(Instant::now() + LATER);
    }

    /// Tells some members what is new, and returns whether there are more. Between two slices other topics have their turn.
    fn pass(&mut self) -> bool {
        if !self.state.has_passes() {
            return false;
        }
        let start = Instant::now();
        let more = self.state.advance(SLICE, start);
        let (now, counts) = (Instant::now(), &self.counters.of_loop);
        let busy = u64::try_from((now - start).as_nanos()).unwrap_or(u64::MAX);
        counts.busy_nanos.add_alone(busy);
        if let Some(began) = self.state.take_began() {
            counts.fanout_nanos.record_time(now.saturating_duration_since(began));
        }
        more
    }
}

/// Ends the hub, whatever ended the loop: that it was closed, a panic, or the runtime's end. One loop does not outlive
/// another, as what is left would be a hub that has forgotten some of its topics.
impl<M> Drop for Shard<M> {
    fn drop(&mut self) {
        self.closing.cancel();
        self.commands.close();
        self.state.close();
    }
}

/// Takes what has been delivered; waits for ever if there is no engine.
async fn delivered<M>(arrivals: &mut Option<mpsc::Receiver<Command<M>>>) -> Command<M> {
    match arrivals {
        Some(arrivals) => match arrivals.recv().await {
            Some(arrived) => arrived,
            None => pending().await,
        },
        None => pending().await,
    }
}

/// So many commands are taken from the queue at once, and so many leaves.
const BATCH: usize = 256;

/// So many members are told at once. Told directly, one takes some 5 µs.
const SLICE: usize = 256;

/// After any stall.
const LATER: Duration = Duration::from_secs(1);
