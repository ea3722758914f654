//! What a client does: joins, leaves, publishes. From any task, while another one reads.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

use crate::command::Command;
use crate::error::Error;
use crate::hub::Hub;
use crate::identity::{ClientId, Identity};
use crate::inbox::{Inbox, Item};
use crate::join::{Join, Joined};
use crate::member::{Membership, Parting};
use crate::message::Message;
use crate::name::{NameError, TopicName};
use crate::post::Post;
use crate::receipt::Receipt;

/// Acts for a [`Client`](crate::Client): joins topics, leaves them, publishes.
///
/// Its clones act for the same client. It outlives the client, but what is joined after the client is gone is left at once.
pub struct Handle<M> {
    hub: Hub<M>,
    inbox: Arc<Inbox<M>>,
}

impl<M: Message> Handle<M> {
    pub(crate) fn new(hub: Hub<M>, inbox: Arc<Inbox<M>>) -> Self {
        Self { hub, inbox }
    }

    /// The client's number.
    #[must_use]
    pub fn id(&self) -> ClientId {
        self.inbox.id
    }

    /// Who the client is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.inbox.identity
    }

    /// The hub.
    #[must_use]
    pub fn hub(&self) -> &Hub<M> {
        &self.hub
    }

    /// Whether the client is in a topic.
    #[must_use]
    pub fn is_in(&self, topic: &TopicName) -> bool {
        self.inbox.is_in(topic)
    }

    /// Joins a topic: everything that is published there from now on is for the client, in the topic's order.
    ///
    /// The client gets it when the [`Seat`] is [taken](Seat::take); what comes before that waits, within the topic's limits.
    /// So an answer can be sent first. [`Client::join`](crate::Client::join) does both at once. Waits while the hub's queue is
    /// full. Cancel safe: if the future is dropped, the client is not in the topic.
    ///
    /// # Errors
    ///
    /// Fails if this is not a name for a topic, if the client is in it already or in as many as it may be, if it has been
    /// ended, and if the hub is closed; of several hubs also with [`Error::Unavailable`], where nobody of this one is.
    pub async fn join<T>(&self, topic: T, join: Join) -> Result<(Joined, Seat<M>), Error>
    where
        T: TryInto<TopicName>,
        NameError: From<T::Error>,
    {
        self.join_named(topic.try_into().map_err(NameError::from)?, join).await
    }

    pub(crate) async fn join_named(&self, topic: TopicName, join: Join) -> Result<(Joined, Seat<M>), Error> {
        let Self { hub: Hub { shared }, inbox } = self;
        inbox.reserve(&topic, shared.conf.max_topics_per_client.get())?;
        let mut reservation = Reservation { inbox, topic: Some(topic.clone()) };
        let (link, mut attempts) = (shared.of(&topic), 0);
        let (membership, joined) = loop {
            let (name, client, how) = (topic.clone(), inbox.clone(), join.clone());
            let command = |reply| Command::Join { topic: name, inbox: client, join: how, reply };
            if let Some(joined) = shared.ask(link, command).await? {
                break joined;
            }
            // One is enough, unless the topic is given up in between.
            if attempts == ATTEMPTS {
                return Err(Error::Unavailable);
            }
            attempts += 1;
            shared.open(&topic).await?;
        };
        inbox.joined(membership.member());
        reservation.topic = None;
        // Looked at last: whoever ends the client after this finds the topic among those to leave.
        match inbox.ended() {
            Some(evicted) => Err(Error::Ended(evicted)),
            None => Ok((joined, Seat { membership })),
        }
    }

    /// Leaves a topic. What has been read from it already may still be on its way.
    ///
    /// # Errors
    ///
    /// Fails if the client is not in the topic.
    pub fn leave(&self, topic: &TopicName) -> Result<(), Error> {
        let member = self.inbox.forget(topic).ok_or(Error::NotJoined)?;
        member.leave(Parting::Clean);
        self.inbox.push(Item::Left(member, None));
        Ok(())
    }

    /// Publishes in a topic, in which the client need not be, and returns its place there.
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
        let shared = &self.hub.shared;
        let (topic, entry, key) = shared.entry(topic, post.into())?;
        let key = key.map(|key| (self.inbox.identity.user_id().cloned(), key));
        shared.publish(topic, entry, key).await
    }

    /// Says something to the client itself, in order with its seats; waits while as much as may is waiting to be read.
    ///
    /// One task at a time may wait here. Cancel safe: if the future is dropped before it is ready, nothing was said.
    ///
    /// # Errors
    ///
    /// Fails if the client has been ended, or is gone.
    pub async fn reply(&self, message: M) -> Result<(), Error> {
        let mut message = Some(message);
        match poll_fn(|cx| self.inbox.poll_say(cx, &mut message)).await {
            true => Ok(()),
            false => Err(self.inbox.ended().map_or(Error::Closed, Error::Ended)),
        }
    }
}

/// A topic that has been joined, and of which the client has not begun to read.
///
/// Dropping it is leaving the topic.
#[must_use = "a seat that is not taken is left"]
pub struct Seat<M> {
    membership: Membership<M>,
}

impl<M> Seat<M> {
    /// Lets the client read, after what was [said to it](Handle::reply) before.
    pub fn take(self) {
        let inbox = self.membership.member().inbox.clone();
        inbox.push(Item::Seat(self.membership));
    }

    pub(crate) fn into_membership(self) -> Membership<M> {
        self.membership
    }
}

/// A place among a client's topics, given back unless the topic is joined.
struct Reservation<'a, M> {
    inbox: &'a Inbox<M>,
    topic: Option<TopicName>,
}

impl<M> Drop for Reservation<'_, M> {
    fn drop(&mut self) {
        if let Some(topic) = &self.topic {
            self.inbox.forget(topic);
        }
    }
}

/// A client that is connected; dropping it is the end of it.
pub(crate) struct Connection<M: Message> {
    pub(crate) handle: Handle<M>,
}

impl<M: Message> Connection<M> {
    pub(crate) fn new(handle: Handle<M>) -> Self {
        Self { handle }
    }

    pub(crate) fn inbox(&self) -> &Inbox<M> {
        &self.handle.inbox
    }
}

impl<M: Message> Drop for Connection<M> {
    fn drop(&mut self) {
        let Handle { hub, inbox } = &self.handle;
        inbox.go();
        hub.shared.depart(inbox);
    }
}

impl<M> Clone for Handle<M> {
    fn clone(&self) -> Self {
        Self { hub: self.hub.clone(), inbox: self.inbox.clone() }
    }
}

impl<M> fmt::Debug for Handle<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("id", &self.inbox.id).finish_non_exhaustive()
    }
}

impl<M> fmt::Debug for Seat<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").field("topic", &self.membership.member().topic).finish_non_exhaustive()
    }
}

/// So often a join tries to have its topic opened.
const ATTEMPTS: usize = 5;
