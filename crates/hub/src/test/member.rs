//! A member that a test plays.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::settle;
use crate::client::Client;
use crate::error::Evicted;
use crate::event::Event;
use crate::handle::Handle;
use crate::hub::Hub;
use crate::identity::Identity;
use crate::join::{Join, Joined};
use crate::message::Message;
use crate::name::TopicName;
use crate::post::Post;
use crate::receipt::{Position, Receipt};

/// A client that reads whatever comes, until it stalls, and says what it has heard.
///
/// It is connected until it is dropped, as if it were cut off, or [leaves](Self::goodbye).
pub struct Member<M: Message> {
    hub: Hub<M>,
    identity: Identity,
    line: Option<Line<M>>,
    heard: mpsc::UnboundedReceiver<Result<Event<M>, Evicted>>,
    /// How far it has heard each topic that it is in.
    positions: BTreeMap<TopicName, Position>,
    /// The last offset that it has heard in each since it joined.
    last: BTreeMap<TopicName, u64>,
}

/// A connection, and the task that reads it.
struct Line<M: Message> {
    handle: Handle<M>,
    stalled: watch::Sender<bool>,
    goodbye: watch::Sender<bool>,
    reader: JoinHandle<()>,
}

impl<M: Message + fmt::Debug> Member<M> {
    pub(super) async fn connect(hub: Hub<M>, identity: Identity) -> Self {
        let (line, heard) = open(&hub, identity.clone()).await;
        Self { hub, identity, line: Some(line), heard, positions: BTreeMap::new(), last: BTreeMap::new() }
    }

    /// Acts for this client as any code would, and gets errors instead of panics.
    ///
    /// # Panics
    ///
    /// If its plug is pulled.
    #[must_use]
    pub fn handle(&self) -> &Handle<M> {
        &self.line.as_ref().expect("the plug is not pulled").handle
    }

    /// Joins a topic.
    ///
    /// # Panics
    ///
    /// If the hub refuses that.
    pub async fn join(&mut self, topic: &str, join: Join) -> Joined {
        let (joined, seat) = self.handle().join(topic, join).await.expect("the hub lets it join");
        seat.take();
        let topic = TopicName::new(topic).expect("a topic's name");
        self.last.remove(&topic);
        self.positions.insert(topic, joined.position);
        joined
    }

    /// Publishes.
    ///
    /// # Panics
    ///
    /// If the hub refuses that.
    pub async fn publish(&self, topic: &str, post: impl Into<Post<M>>) -> Receipt {
        self.handle().publish(topic, post).await.expect("the hub takes it")
    }

    /// What it hears next: waits for it.
    ///
    /// # Panics
    ///
    /// If the hub has ended it, if nothing comes for a minute, or if something comes twice or out of order.
    pub async fn next(&mut self) -> Event<M> {
        let next = timeout(Duration::from_secs(60), self.heard.recv()).await;
        let event = next.expect("it hears something within a minute").expect("the hub is not closed");
        let event = event.expect("the hub has not ended it");
        let (topic, from, to) = match &event {
            Event::Message { topic, offset, .. } => (topic, *offset, *offset),
            Event::Gap { topic, from, to, .. } => (topic, *from, *to),
            Event::Reset { topic, position } => {
                self.last.remove(topic);
                self.positions.insert(topic.clone(), *position);
                return event;
            }
            _ => return event,
        };
        let last = self.last.entry(topic.clone()).or_default();
        assert!(from > *last, "{from} of {topic} comes after {last}");
        *last = to;
        if let Some(position) = self.positions.get_mut(topic) {
            position.offset = to;
        }
        event
    }

    /// The next thing that it hears is this message.
    ///
    /// # Panics
    ///
    /// If it hears something else, or nothing.
    pub async fn expect(&mut self, expected: impl Into<M>)
    where
        M: PartialEq,
    {
        let expected = expected.into();
        match self.next().await {
            Event::Message { message, .. } | Event::Direct(message) if message == expected => {}
            other => panic!("{:?} was to hear {expected:?}, and heard {other:?}", self.identity.user_id()),
        }
    }

    /// It hears nothing more, however long it waits for what has been asked for up to now.
    ///
    /// # Panics
    ///
    /// If it hears something.
    pub async fn expect_nothing(&mut self) {
        settle().await;
        if let Ok(heard) = self.heard.try_recv() {
            panic!("{:?} was to hear nothing, and heard {heard:?}", self.identity.user_id());
        }
    }

    /// The hub ends it; what it still hears before is skipped.
    ///
    /// # Panics
    ///
    /// If it does not within a minute.
    pub async fn expect_end(&mut self) -> Evicted {
        let end = async {
            loop {
                if let Err(evicted) = self.heard.recv().await.expect("the hub is not closed") {
                    return evicted;
                }
            }
        };
        timeout(Duration::from_secs(60), end).await.expect("it is ended within a minute")
    }

    /// Stops reading, as a client whose socket takes nothing.
    pub fn stall(&self) {
        if let Some(line) = &self.line {
            line.stalled.send_replace(true);
        }
    }

    /// Reads on.
    pub fn resume(&self) {
        if let Some(line) = &self.line {
            line.stalled.send_replace(false);
        }
    }

    /// Cuts it off: the hub hears no goodbye. What it had not heard by then it never hears.
    pub async fn pull_the_plug(&mut self) {
        if let Some(line) = self.line.take() {
            line.reader.abort();
            let _ = line.reader.await;
        }
        while self.heard.try_recv().is_ok() {}
    }

    /// Comes back as another connection of the same user, into the topics where it was, from where it had heard them. Returns
    /// whether it gets all that it missed.
    ///
    /// # Panics
    ///
    /// If the hub refuses it.
    pub async fn return_to_all(&mut self) -> bool {
        self.pull_the_plug().await;
        let (line, heard) = open(&self.hub, self.identity.clone()).await;
        (self.line, self.heard) = (Some(line), heard);
        let mut recovered = true;
        for (topic, position) in std::mem::take(&mut self.positions) {
            recovered &= self.join(topic.as_str(), Join::new().since(position)).await.recovered;
            self.positions.insert(topic, position);
        }
        recovered
    }

    /// Leaves for good.
    pub async fn goodbye(mut self) {
        if let Some(line) = self.line.take() {
            line.goodbye.send_replace(true);
            let _ = line.reader.await;
        }
    }
}

/// Connects, and reads from then on.
async fn open<M: Message>(
    hub: &Hub<M>,
    identity: Identity,
) -> (Line<M>, mpsc::UnboundedReceiver<Result<Event<M>, Evicted>>) {
    let client = hub.connect(identity).await.expect("the hub lets it connect");
    let (says, heard) = mpsc::unbounded_channel();
    let (stalled, stall) = watch::channel(false);
    let (goodbye, left) = watch::channel(false);
    let handle = client.handle();
    let reader = tokio::spawn(read(client, stall, left, says));
    (Line { handle, stalled, goodbye, reader }, heard)
}

async fn read<M: Message>(
    mut client: Client<M>,
    mut stalled: watch::Receiver<bool>,
    mut goodbye: watch::Receiver<bool>,
    says: mpsc::UnboundedSender<Result<Event<M>, Evicted>>,
) {
    loop {
        let next = async {
            loop {
                // An error is that the test is over, and then it does not matter.
                let _ = stalled.wait_for(|stalled| !stalled).await;
                tokio::select! {
                    biased;
                    Ok(_) = stalled.wait_for(|stalled| *stalled) => {}
                    next = client.next_event() => return next,
                }
            }
        };
        let next = tokio::select! {
            biased;
            _ = goodbye.wait_for(|goodbye| *goodbye) => return client.close(),
            next = next => next,
        };
        let is_over = !matches!(next, Ok(Some(_)));
        if let Some(heard) = next.transpose() {
            let _ = says.send(heard);
        }
        if is_over {
            return;
        }
    }
}

impl<M: Message> Drop for Member<M> {
    fn drop(&mut self) {
        if let Some(line) = &self.line {
            line.reader.abort();
        }
    }
}

impl<M: Message> fmt::Debug for Member<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("identity", &self.identity).finish_non_exhaustive()
    }
}
