//! The engine loop: one owner of the topic, one `match`. What a command does to the topic is in `topic.rs`.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task;
use tokio_util::sync::CancellationToken;

use crate::log::Entry;
use crate::member::{Member, Membership};
use crate::topic::Topic;
use crate::{HubConf, Message};

/// Owns a topic, and alone changes it.
pub(crate) struct Shard<M> {
    commands: mpsc::Receiver<Command<M>>,
    /// Unbounded, because `Drop` cannot wait; one entry per client at most.
    leaves: mpsc::UnboundedReceiver<Arc<Member<M>>>,
    /// For the memberships to come.
    leaver: mpsc::UnboundedSender<Arc<Member<M>>>,
    closing: CancellationToken,
    topic: Topic<M>,
    /// Last, so that whoever waits for its end finds everything else ended.
    online: watch::Sender<usize>,
}

/// What a hub's handles ask of its loop. Leaving is not among it: it has a lane of its own.
pub(crate) enum Command<M> {
    Register(oneshot::Sender<Membership<M>>),
    Publish(Entry<M>),
}

impl<M: Message> Command<M> {
    /// Weighs the message here, so that a panic in user code hits the one who publishes, not the loop.
    pub(crate) fn publish(message: M) -> Self {
        Self::Publish(Entry { weight: message.weight(), message })
    }
}

impl<M: Message> Shard<M> {
    pub(crate) fn new(
        conf: &HubConf,
        commands: mpsc::Receiver<Command<M>>,
        online: watch::Sender<usize>,
        closing: CancellationToken,
    ) -> Self {
        let (leaver, leaves) = mpsc::unbounded_channel();
        Self { commands, leaves, leaver, closing, topic: Topic::new(conf), online }
    }

    /// Serves until the hub is closed, or the last handle is dropped.
    pub(crate) async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        // "Closed and empty", as the channel itself would wait for those who reserved a place and may never send.
        while !(self.commands.is_closed() && self.commands.is_empty()) {
            tokio::select! {
                biased;
                Some(member) = self.leaves.recv() => self.topic.leave(&member),
                () = self.closing.cancelled(), if !self.commands.is_closed() => self.commands.close(),
                _ = self.commands.recv_many(&mut batch, BATCH) => {}
            }
            for command in batch.drain(..) {
                self.handle(command);
                if self.topic.is_full() {
                    self.pass().await;
                    // A burst must not evict those who keep up, and on one thread they can read only now.
                    task::yield_now().await;
                }
            }
            self.pass().await;
            if !self.commands.is_empty() {
                task::yield_now().await;
            }
        }
    }

    fn handle(&mut self, command: Command<M>) {
        match command {
            Command::Register(reply) => {
                let (member, log) = self.topic.join();
                // Before the answer, so that whoever has registered is counted.
                self.count();
                // If nobody waits for it any more, the membership is dropped here, and that is a leave.
                let _ = reply.send(Membership::new(member, log, self.leaver.clone()));
            }
            Command::Publish(entry) => self.topic.publish(entry),
        }
    }

    /// Lets everyone know what is new, with pauses for the other tasks of the thread. Nothing else is handled in between,
    /// so that the order is everyone's.
    async fn pass(&mut self) {
        self.topic.begin_pass();
        while self.topic.advance(SLICE) {
            task::yield_now().await;
        }
        self.count();
    }

    fn count(&self) {
        let now = self.topic.len();
        self.online.send_if_modified(|online| std::mem::replace(online, now) != now);
    }
}

impl<M> Shard<M> {
    fn close(&mut self) {
        self.commands.close();
        self.topic.close();
        self.online.send_replace(0);
    }
}

/// Ends the hub, whatever ended the loop: that it was closed, a panic, or the runtime's end.
impl<M> Drop for Shard<M> {
    fn drop(&mut self) {
        self.close();
    }
}

/// So many commands are taken from the queue at once.
const BATCH: usize = 256;

/// So many members are told at once. Told directly, one takes some 5 µs.
const SLICE: usize = 256;

#[cfg(test)]
mod model;
