//! The hub: the handle that an application keeps. The loop behind it is in `shard.rs`.

use std::fmt;

use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task;
use tokio_util::sync::CancellationToken;

use crate::shard::{Command, Shard};
use crate::{Client, Closed, HubConf, Message, Publisher};

/// Broadcasts each message to every client registered at that moment.
///
/// A `Hub` is a handle: its clones are the same hub. The loop behind it ends with [`Hub::close`], or when the last
/// `Hub`, [`Client`] and [`Publisher`] is dropped.
///
/// # Examples
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
    commands: mpsc::Sender<Command<M>>,
    online: watch::Receiver<usize>,
    closing: CancellationToken,
}

impl<M: Message> Hub<M> {
    /// Starts a hub on the current runtime.
    ///
    /// # Panics
    ///
    /// Panics if called outside of a tokio runtime.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "taken as an engine takes its conf")]
    pub fn spawn(conf: HubConf) -> Self {
        let (commands, received) = mpsc::channel(conf.queue.get().min(Semaphore::MAX_PERMITS));
        let (count, online) = watch::channel(0);
        let closing = CancellationToken::new();
        let shard = Shard::new(&conf, received, count, closing.clone());
        // Its owners are the handles: it ends with the last of them, and `close` waits for it. Unconstrained, as tokio's
        // budget of a task would make outlets look full; it pauses by itself.
        tokio::spawn(task::coop::unconstrained(shard.run()));
        Self { commands, online, closing }
    }

    /// Registers a client, which gets everything that is published from now on.
    ///
    /// It is counted, and its place in the order of messages is fixed, when this returns. Waits while the queue is
    /// full. Cancel safe: if the future is dropped, no client stays behind.
    ///
    /// # Errors
    ///
    /// Fails if the hub is closed.
    pub async fn register(&self) -> Result<Client<M>, Closed> {
        let (reply, membership) = oneshot::channel();
        self.commands.send(Command::Register(reply)).await.map_err(|_| Closed)?;
        let membership = membership.await.map_err(|_| Closed)?;
        Ok(Client::new(membership, Publisher::new(self.commands.clone())))
    }

    /// Sends a message to every client.
    ///
    /// Returns when the message is in the hub's queue, and waits while that is full ([`HubConf::queue`]). Cancel safe:
    /// if the future is dropped before it is ready, nothing was sent, and the place in the line of waiters is lost.
    ///
    /// # Errors
    ///
    /// Fails if the hub is closed. A message that is accepted in the very moment of closing may still be lost.
    pub async fn broadcast(&self, message: M) -> Result<(), Closed> {
        self.commands.send(Command::publish(message)).await.map_err(|_| Closed)
    }

    /// Closes the hub, and waits until its loop has ended.
    ///
    /// What is in the queue is published first. Clients read what they have not read yet, then their stream ends.
    /// Closing twice is the same as closing once. Cancel safe: the hub closes even if nobody waits for it.
    pub async fn close(&self) {
        self.closing.cancel();
        let mut online = self.online.clone();
        // The loop owns the sender, so there is no more change to wait for when it has ended.
        while online.changed().await.is_ok() {}
    }

    /// The number of registered clients; 0 when the hub is closed.
    #[must_use]
    pub fn len(&self) -> usize {
        *self.online.borrow()
    }

    /// Whether no client is registered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of registered clients, live.
    ///
    /// Changes coalesce: a reader sees the newest count, not each step. The sender is gone when the loop has ended.
    #[must_use]
    pub fn online(&self) -> watch::Receiver<usize> {
        self.online.clone()
    }
}

impl<M> Clone for Hub<M> {
    fn clone(&self) -> Self {
        Self { commands: self.commands.clone(), online: self.online.clone(), closing: self.closing.clone() }
    }
}

impl<M> fmt::Debug for Hub<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("online", &*self.online.borrow()).finish_non_exhaustive()
    }
}
