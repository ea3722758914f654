//! The hub: the handle that an application keeps. The loops behind it are in `shard.rs`.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backplane::Status;
use crate::backplane::node::LOCAL;
use crate::backplane::uplink::Uplink;
use crate::backplane::words::Ask;
use crate::client::Client;
use crate::command::Command;
use crate::conf::HubConf;
use crate::error::{Closed, Error};
use crate::event::Reason;
use crate::handle::{Connection, Handle};
use crate::identity::{ClientId, Identity};
use crate::inbox::Inbox;
use crate::keys::Key;
use crate::log::Entry;
use crate::member::Leave;
use crate::message::Message;
use crate::name::{NameError, TopicName};
use crate::post::Post;
use crate::presence::Snapshot;
use crate::publisher::Publisher;
use crate::receipt::{Position, Receipt};
use crate::stats::{Counters, Stats};
use crate::users::Whom;

/// Topics, and the clients who are in them.
///
/// A `Hub` is a handle: its clones are the same hub. The loops behind it end with [`Hub::close`], or when the last
/// `Hub`, [`Client`], [`Handle`] and [`Publisher`] is dropped.
///
/// # Examples
///
/// The least that there is: one topic, in which all are who register.
///
/// ```
/// use hub::{Closed, Hub, HubConf};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hub = Hub::spawn(HubConf::default());
/// let mut client = hub.register().await?;
///
/// hub.broadcast("the server restarts at noon").await?;
/// hub.close().await;
///
/// assert_eq!(client.recv().await?, Some("the server restarts at noon"));
/// assert_eq!(client.recv().await?, None);
/// assert_eq!(hub.broadcast("too late").await, Err(Closed));
/// # Ok(())
/// # }
/// ```
pub struct Hub<M> {
    pub(crate) shared: Arc<Shared<M>>,
}

/// What all handles of a hub share.
pub(crate) struct Shared<M> {
    pub(crate) conf: Arc<HubConf>,
    /// The one topic of those who only register.
    pub(crate) topic: TopicName,
    pub(crate) shards: Vec<Link<M>>,
    pub(crate) hasher: RandomState,
    /// What the numbers of clients begin with: other hubs of a cluster have other parts.
    pub(crate) part: u64,
    pub(crate) next_client: AtomicU64,
    pub(crate) online: watch::Receiver<usize>,
    pub(crate) closing: CancellationToken,
    pub(crate) loops: TaskTracker,
    /// After which time a newcomer may try another server, while this one is drained.
    pub(crate) draining: watch::Sender<Option<Duration>>,
    /// How many a drain that goes on has still to end.
    pub(crate) drain_remaining: AtomicU64,
    /// What it is one of several by; `None` for a hub that is alone.
    pub(crate) uplink: Option<Arc<Uplink<M>>>,
    /// The queue of what is published without a receipt, if it does not go into the loops' own.
    pub(crate) outbox: Option<mpsc::Sender<Command<M>>>,
}

/// The ways to a loop.
pub(crate) struct Link<M> {
    pub(crate) commands: mpsc::Sender<Command<M>>,
    pub(crate) leaver: mpsc::UnboundedSender<Leave<M>>,
    pub(crate) counters: Arc<Counters>,
}

impl<M: Message> Hub<M> {
    /// Registers a client in the hub's one shared topic. It gets everything that is published there from now on.
    ///
    /// It is counted, and its place in the order of messages is fixed, when this returns. Waits while the queue is
    /// full. Cancel safe: if the future is dropped, no client stays behind.
    ///
    /// # Errors
    ///
    /// Fails if the hub is closed, or being drained.
    pub async fn register(&self) -> Result<Client<M>, Closed> {
        let mut client = self.connect(Identity::default()).await.map_err(|_| Closed)?;
        client.join_shared().await.map_err(|_| Closed)?;
        Ok(client)
    }

    /// Connects a client, which is in no topic yet.
    ///
    /// Waits while the queue is full. Cancel safe: if the future is dropped, no client stays behind.
    ///
    /// # Errors
    ///
    /// Fails if the hub is closed or being drained, and if the user has as many clients as it may have, unless the oldest
    /// makes room.
    pub async fn connect(&self, identity: Identity) -> Result<Client<M>, Error> {
        if let Some(retry_after) = *self.shared.draining.borrow() {
            return Err(Error::Draining(retry_after));
        }
        let shared = &self.shared;
        let count = shared.next_client.fetch_add(1, Ordering::Relaxed);
        let shards = shared.shards.len() as u64;
        let home = identity.user_id().map_or(count % shards, |user| shared.hasher.hash_one(user) % shards);
        // A client's number says where its home is.
        let id = ClientId(shared.part | (count.wrapping_mul(shards).wrapping_add(home) & LOCAL));
        let (max_direct, counters) = (shared.conf.max_direct.get(), shared.home(id).counters.clone());
        let inbox = Arc::new(Inbox::new(id, identity, max_direct, counters));
        // Before the command, so that the client is let go however this ends.
        let connection = Connection::new(Handle::new(self.clone(), inbox.clone()));
        shared.ask(shared.home(id), |reply| Command::Connect(inbox, reply)).await?;
        Ok(Client::new(connection))
    }

    /// Sends a message to everyone who has registered.
    ///
    /// Returns when the message is in the hub's queue, and waits while that is full ([`HubConf::queue`]). Cancel safe:
    /// if the future is dropped before it is ready, nothing was sent, and the place in the line of waiters is lost.
    ///
    /// # Errors
    ///
    /// Fails if the hub is closed. A message that is accepted in the very moment of closing may still be lost.
    pub async fn broadcast(&self, message: M) -> Result<(), Closed> {
        let topic = &self.shared.topic;
        self.shared.publishing(topic).send(Command::publish(topic.clone(), message)).await.map_err(|_| Closed)
    }

    /// Publishes in a topic, in nobody's name, and returns its place there.
    ///
    /// Waits while the queue is full, and where publishing stalls. Cancel safe in that nothing is lost or torn, but not in
    /// that nothing is published: use a [key](Post::key) to try again.
    ///
    /// # Errors
    ///
    /// Fails if the hub is closed, if this is not a name for a topic, or if the message is too heavy; of several hubs also with
    /// [`Error::Unavailable`] and [`Error::Overloaded`].
    pub async fn publish<T>(&self, topic: T, post: impl Into<Post<M>>) -> Result<Receipt, Error>
    where
        T: TryInto<TopicName>,
        NameError: From<T::Error>,
    {
        let (topic, entry, key) = self.shared.entry(topic, post.into())?;
        self.shared.publish(topic, entry, key.map(|key| (None, key))).await
    }

    /// The same, but without waiting for anything: it is published later, unless the hub closes before.
    ///
    /// # Errors
    ///
    /// Those of [`publish`](Self::publish), and [`Error::Full`] while the queue is full.
    pub fn try_publish<T>(&self, topic: T, post: impl Into<Post<M>>) -> Result<(), Error>
    where
        T: TryInto<TopicName>,
        NameError: From<T::Error>,
    {
        let (topic, entry, key) = self.shared.entry(topic, post.into())?;
        let (queue, key) = (self.shared.publishing(&topic), key.map(|key| (None, key)));
        let command = Command::Publish { topic, entry, key, reply: None };
        queue.try_send(command).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Full,
            mpsc::error::TrySendError::Closed(_) => Error::Closed,
        })
    }

    /// Says something directly to one client, or to all of a user's, whatever topics they are in. Returns how many there are.
    ///
    /// It is not kept for those who are not there. A client that does not read what is said to it is given up
    /// ([`HubConf::max_direct`]).
    ///
    /// # Errors
    ///
    /// Fails if the hub is closed; of several hubs also with [`Error::Unanswered`], when it is done on those that answered.
    pub async fn send(&self, whom: impl Into<Whom>, message: M) -> Result<usize, Error> {
        let whom = whom.into();
        let (home, uplink) = (self.shared.home_of(&whom), self.shared.uplink.as_ref());
        let bytes = uplink.map(|uplink| uplink.codec.encode(&message)).unwrap_or_default();
        let here = self.shared.ask(home, |reply| Command::Send(whom.clone(), message, reply)).await?;
        self.shared.and_elsewhere(here, &whom, Ask::send, &bytes).await
    }

    /// Ends one client, or all of a user's, with [`Cause::Kicked`](crate::Cause::Kicked). Returns how many there were.
    ///
    /// # Errors
    ///
    /// Fails if the hub is closed; of several hubs also with [`Error::Unanswered`], when it is done on those that answered.
    pub async fn kick(&self, whom: impl Into<Whom>) -> Result<usize, Error> {
        let whom = whom.into();
        let home = self.shared.home_of(&whom);
        let here = self.shared.ask(home, |reply| Command::Kick(whom.clone(), reply)).await?;
        self.shared.and_elsewhere(here, &whom, Ask::kick, &[]).await
    }

    /// Takes one client, or all of a user's, out of a topic; they are told. Returns how many were in it.
    ///
    /// # Errors
    ///
    /// Fails if the hub is closed, or this is not a name for a topic; of several hubs also with [`Error::Unanswered`].
    pub async fn unsubscribe<T>(&self, whom: impl Into<Whom>, topic: T) -> Result<usize, Error>
    where
        T: TryInto<TopicName>,
        NameError: From<T::Error>,
    {
        let (whom, topic) = (whom.into(), topic.try_into().map_err(NameError::from)?);
        let (home, reason) = (self.shared.home_of(&whom), Reason::Unsubscribed);
        let command = |reply| Command::Unsubscribe(whom.clone(), topic.clone(), reason, reply);
        let here = self.shared.ask(home, command).await?;
        self.shared.and_elsewhere(here, &whom, |whom| Ask::unsubscribe(whom, &topic), &[]).await
    }

    /// Who is in a topic; `None` where presence is not kept, or nobody is there.
    ///
    /// # Errors
    ///
    /// Fails if the hub is closed, or this is not a name for a topic.
    pub async fn presence<T>(&self, topic: T) -> Result<Option<Snapshot>, Error>
    where
        T: TryInto<TopicName>,
        NameError: From<T::Error>,
    {
        let topic = topic.try_into().map_err(NameError::from)?;
        self.shared.open(&topic).await?;
        self.shared.ask(self.shared.of(&topic), |reply| Command::Presence(topic, reply)).await
    }

    /// Up to `limit` messages that a topic has kept, with their offsets: the last ones, or those after a position. Only what
    /// was for everyone is among them.
    ///
    /// # Errors
    ///
    /// [`Error::Insufficient`] if the topic no longer has all that came after the position. Fails if the hub is closed, or
    /// this is not a name for a topic.
    pub async fn history<T>(
        &self,
        topic: T,
        limit: usize,
        since: Option<Position>,
    ) -> Result<(Position, Vec<(u64, M)>), Error>
    where
        T: TryInto<TopicName>,
        NameError: From<T::Error>,
    {
        let topic = topic.try_into().map_err(NameError::from)?;
        self.shared.open(&topic).await?;
        self.shared.ask(self.shared.of(&topic), |reply| Command::History { topic, limit, since, reply }).await
    }

    /// What the hub has counted, and what it holds, as of a moment ago. Cheap: it disturbs nobody.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        for link in &self.shared.shards {
            stats.add(&link.counters, link.commands.max_capacity() - link.commands.capacity());
        }
        stats.drain_remaining = self.shared.drain_remaining.load(Ordering::Relaxed);
        stats.backplane = self.shared.uplink.as_ref().map(|uplink| {
            let is_up = *uplink.status.borrow() == Status::Up;
            uplink.counters.read(is_up)
        });
        stats
    }

    /// Closes the hub, and waits until its loops have ended.
    ///
    /// What is in the queues is published first. Clients read what they have not read yet, then their stream ends.
    /// Closing twice is the same as closing once. Cancel safe: the hub closes even if nobody waits for it.
    pub async fn close(&self) {
        self.shared.closing.cancel();
        self.shared.loops.wait().await;
    }

    /// The number of clients who have registered; 0 when the hub is closed.
    #[must_use]
    pub fn len(&self) -> usize {
        *self.shared.online.borrow()
    }

    /// Whether no client has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of clients who have registered, for whoever wants to wait for a change.
    #[must_use]
    pub fn online(&self) -> watch::Receiver<usize> {
        self.shared.online.clone()
    }

    pub(crate) fn publisher(&self) -> Publisher<M> {
        let topic = self.shared.topic.clone();
        Publisher::new(self.shared.publishing(&topic).clone(), topic)
    }
}

impl<M: Message> Shared<M> {
    /// What a post is in its topic's log, and its key.
    pub(crate) fn entry<T>(
        &self,
        topic: T,
        mut post: Post<M>,
    ) -> Result<(TopicName, Entry<M>, Option<Arc<str>>), Error>
    where
        T: TryInto<TopicName>,
        NameError: From<T::Error>,
    {
        let topic = topic.try_into().map_err(NameError::from)?;
        let key = post.key.take();
        let words = [&key, &post.replaces];
        if words.into_iter().flatten().any(|word| word.len() > MAX_WORD) {
            return Err(Error::TooHeavy);
        }
        let entry = Entry::new(post);
        if entry.weight > self.conf.max_message_bytes.get() {
            return Err(Error::TooHeavy);
        }
        Ok((topic, entry, key))
    }

    /// Asks a loop for something, and waits for the answer.
    pub(crate) async fn ask<T>(
        &self,
        link: &Link<M>,
        command: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Command<M>,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        link.commands.send(command(reply)).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// Publishes, and waits for the receipt.
    pub(crate) async fn publish(
        &self,
        topic: TopicName,
        entry: Entry<M>,
        key: Option<Key>,
    ) -> Result<Receipt, Error> {
        if let Some(uplink) = &self.uplink {
            return uplink.publish(topic, entry, key).await;
        }
        let link = self.of(&topic);
        self.ask(link, |reply| Command::Publish { topic, entry, key, reply: Some(reply) }).await
    }

    /// Where to put what is published without a receipt.
    fn publishing(&self, topic: &TopicName) -> &mpsc::Sender<Command<M>> {
        self.outbox.as_ref().unwrap_or_else(|| &self.of(topic).commands)
    }

    pub(crate) fn links(&self) -> &[Link<M>] {
        &self.shards
    }

    /// The loop that has this topic.
    pub(crate) fn of(&self, topic: &TopicName) -> &Link<M> {
        &self.shards[self.index(topic)]
    }

    /// The loop that is this client's home.
    pub(crate) fn home(&self, client: ClientId) -> &Link<M> {
        let index = client.local() % self.shards.len() as u64;
        &self.shards[usize::try_from(index).expect("less than the number of loops")]
    }

    fn home_of(&self, whom: &Whom) -> &Link<M> {
        match whom {
            Whom::Client(client) => self.home(*client),
            Whom::User(user) => &self.shards[self.index(user)],
        }
    }

    fn index(&self, name: &impl Hash) -> usize {
        let index = self.hasher.hash_one(name) % self.shards.len() as u64;
        usize::try_from(index).expect("less than the number of loops")
    }

    pub(crate) fn depart(&self, inbox: &Arc<Inbox<M>>) {
        // Fails if the loop has ended, and there is nothing left to leave.
        let _ = self.home(inbox.id).leaver.send(Leave::Hub(inbox.clone()));
    }
}

impl<M> Clone for Hub<M> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<M> fmt::Debug for Hub<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("online", &*self.shared.online.borrow()).finish_non_exhaustive()
    }
}

/// So many bytes a key may have, or a word that says what a message replaces.
const MAX_WORD: usize = 255;
