//! Asking other nodes, and answering them.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::node::{Node, NodeId};
use super::uplink::Uplink;
use super::words::{Address, Ask, Counts, Words, topic};
use crate::command::Command;
use crate::error::Error;
use crate::event::Reason;
use crate::everyone::say;
use crate::message::Message;
use crate::users::Whom;

/// What the nodes of a cluster have: those that answered in time.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Survey {
    /// Each node that answered, and what it has.
    pub answers: Vec<(Node, Counts)>,
    /// How many nodes there are, by what is known of signs of life.
    pub asked: usize,
}

impl Survey {
    /// Whether all have answered.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.answers.len() == self.asked
    }
}

/// Questions that wait for answers.
#[derive(Default)]
pub(crate) struct Questions {
    open: Mutex<HashMap<u64, mpsc::UnboundedSender<(NodeId, Counts)>>>,
    next: std::sync::atomic::AtomicU64,
}

impl Questions {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, mpsc::UnboundedSender<(NodeId, Counts)>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A question that waits; dropping it is no longer waiting.
struct Open<'a> {
    questions: &'a Questions,
    number: u64,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.questions.lock().remove(&self.number);
    }
}

impl<M: Message> Uplink<M> {
    /// Has the other nodes do something with clients, or with all, and adds what they did to what was done here.
    pub(crate) async fn elsewhere(
        &self,
        here: usize,
        whom: Option<&Whom>,
        ask: Ask,
        message: &[u8],
    ) -> Result<usize, Error> {
        let peers: Vec<Node> = match whom {
            Some(Whom::Client(client)) => {
                self.others().into_iter().filter(|node| node.id.has(*client)).collect()
            }
            Some(Whom::User(_)) | None => self.others(),
        };
        let answers = self.question(&peers, ask, message).await;
        if answers.len() < peers.len() {
            return Err(Error::Unanswered { answered: answers.len() + 1, asked: peers.len() + 1 });
        }
        let there: u64 = answers.values().map(|counts| counts.clients).sum();
        Ok(here + usize::try_from(there).unwrap_or(usize::MAX))
    }

    /// Asks all nodes what they have.
    pub(crate) async fn survey(&self) -> Survey {
        let peers = self.others();
        let mut answers = vec![(self.engine.node(), self.counts())];
        let found = self.question(&peers, Ask::Count, &[]).await;
        let asked = peers.len() + 1;
        answers.extend(peers.into_iter().filter_map(|node| Some((node.clone(), *found.get(&node.id)?))));
        Survey { answers, asked }
    }

    async fn question(&self, peers: &[Node], ask: Ask, message: &[u8]) -> HashMap<NodeId, Counts> {
        let mut answers = HashMap::new();
        let to = match peers {
            [] => return answers,
            [one] => Some(one.id),
            _ => None,
        };
        let wanted: HashSet<_> = peers.iter().map(|node| node.id).collect();
        let number = self.questions.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (sender, mut received) = mpsc::unbounded_channel();
        self.questions.lock().insert(number, sender);
        let _open = Open { questions: &self.questions, number };
        let deadline = Instant::now() + self.conf.backplane.survey;
        let words = Words::Ask { number, from: self.engine.node().id, ask }.encode(message);
        let asked = async {
            if self.call(self.engine.tell(to, words)).await.is_err() {
                return;
            }
            while answers.len() < wanted.len()
                && let Some((node, counts)) = received.recv().await
            {
                if wanted.contains(&node) {
                    answers.insert(node, counts);
                }
            }
        };
        let _ = timeout_at(deadline, asked).await; // then these are the answers
        answers
    }

    /// Does what another node asks for, and takes its answers.
    pub(crate) async fn hear(&self, bytes: Vec<u8>) {
        let Some((words, message)) = Words::decode(&bytes) else {
            tracing::warn!("another node said something that is not understood");
            return;
        };
        let me = self.engine.node().id;
        match words {
            Words::Answer { to, .. } if to != me => {}
            Words::Answer { number, from, counts, .. } => {
                if let Some(waiting) = self.questions.lock().get(&number) {
                    let _ = waiting.send((from, counts)); // fails if nobody waits any more
                }
            }
            Words::Ask { number, from, ask } => {
                // No answer to what cannot be done: the other node then knows as much.
                let Some(counts) = self.obey(ask, message).await else { return };
                let answer = Words::Answer { number, from: me, to: from, counts }.encode(&[]);
                let _ = self.call(self.engine.tell(Some(from), answer)).await; // no answer either
            }
        }
    }

    async fn obey(&self, ask: Ask, message: &[u8]) -> Option<Counts> {
        let done = match ask {
            Ask::Count => return Some(self.counts()),
            Ask::Send(address) => {
                let (whom, message) = (address.whom()?, self.codec.decode(message)?);
                self.home(&whom).ask(|reply| Command::Send(whom, message, reply)).await
            }
            Ask::Everyone => {
                let (message, mut count) = (self.codec.decode(message)?, 0);
                for lane in &self.lanes.lanes {
                    let clients = lane.ask(Command::Clients).await.ok()?;
                    count += clients.len();
                    say(&clients, &message).await;
                }
                Ok(count)
            }
            Ask::Kick(address) => {
                let whom = address.whom()?;
                self.home(&whom).ask(|reply| Command::Kick(whom, reply)).await
            }
            Ask::Unsubscribe(address, name) => {
                let (whom, topic) = (address.whom()?, topic(&name)?);
                let command = |reply| Command::Unsubscribe(whom.clone(), topic, Reason::Unsubscribed, reply);
                self.home(&whom).ask(command).await
            }
        };
        Some(Counts { clients: done.ok()? as u64, ..Counts::default() })
    }

    fn home(&self, whom: &Whom) -> &super::lanes::Lane<M> {
        match whom {
            Whom::Client(client) => self.lanes.nth(client.local()),
            Whom::User(user) => self.lanes.of(user),
        }
    }

    fn others(&self) -> Vec<Node> {
        self.peers().iter().map(|peer| peer.node.clone()).collect()
    }

    fn counts(&self) -> Counts {
        let mut stats = crate::Stats::default();
        for lane in &self.lanes.lanes {
            stats.add(&lane.counters, 0);
        }
        let crate::Stats { clients, users, topics, members, .. } = stats;
        Counts { clients, users, topics, members }
    }
}

impl Ask {
    pub(crate) fn send(whom: &Whom) -> Self {
        Self::Send(Address::from(whom))
    }

    pub(crate) fn kick(whom: &Whom) -> Self {
        Self::Kick(Address::from(whom))
    }

    pub(crate) fn unsubscribe(whom: &Whom, topic: &crate::TopicName) -> Self {
        Self::Unsubscribe(Address::from(whom), topic.as_str().to_owned())
    }
}
