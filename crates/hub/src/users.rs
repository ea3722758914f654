//! The clients whose home a shard is, and the users they belong to.

use std::collections::HashMap;
use std::sync::Arc;

use crate::conf::{Excess, HubConf};
use crate::error::{Cause, Error, Evicted};
use crate::event::Reason;
use crate::identity::ClientId;
use crate::inbox::{Inbox, Item};
use crate::member::{Member, Parting};
use crate::name::{TopicName, UserId};

/// An index of clients, by their number and by their user.
pub(crate) struct Users<M> {
    limit: usize,
    excess: Excess,
    clients: HashMap<ClientId, Arc<Inbox<M>>>,
    /// The oldest client first.
    users: HashMap<UserId, Vec<Arc<Inbox<M>>>>,
}

impl<M> Users<M> {
    pub(crate) fn new(conf: &HubConf) -> Self {
        Self {
            limit: conf.max_clients_per_user,
            excess: conf.excess_clients,
            clients: HashMap::new(),
            users: HashMap::new(),
        }
    }

    /// Takes a client in, if its user may have one more, or if the oldest makes room.
    pub(crate) fn connect(&mut self, inbox: &Arc<Inbox<M>>) -> Result<(), Error> {
        if let Some(user) = inbox.identity.user_id() {
            let of_user = self.users.entry(user.clone()).or_default();
            if self.limit > 0 && of_user.len() >= self.limit {
                match self.excess {
                    Excess::Refuse => return Err(Error::TooManyClients),
                    Excess::Replace => {
                        let oldest = of_user.remove(0);
                        self.clients.remove(&oldest.id);
                        oldest.end(Evicted::new(Cause::Replaced));
                        oldest.leave_all(Parting::Lost); // its user is there, and nobody need be told
                    }
                }
            }
            of_user.push(inbox.clone());
        }
        self.clients.insert(inbox.id, inbox.clone());
        Ok(())
    }

    /// Lets a client go; does nothing if it has gone already.
    pub(crate) fn disconnect(&mut self, inbox: &Inbox<M>) {
        if self.clients.remove(&inbox.id).is_none() {
            return;
        }
        let Some(user) = inbox.identity.user_id() else { return };
        if let Some(of_user) = self.users.get_mut(user) {
            of_user.retain(|client| client.id != inbox.id);
            if of_user.is_empty() {
                self.users.remove(user);
            }
        }
    }

    /// Those who are meant: one client, or a user's.
    pub(crate) fn find(&self, whom: &Whom) -> &[Arc<Inbox<M>>] {
        match whom {
            Whom::Client(client) => self.clients.get(client).map_or(&[], std::slice::from_ref),
            Whom::User(user) => self.users.get(user).map_or(&[], Vec::as_slice),
        }
    }

    /// Ends those who are meant, and returns how many there were.
    pub(crate) fn kick(&self, whom: &Whom) -> usize {
        let clients = self.find(whom);
        for inbox in clients {
            inbox.end(Evicted::new(Cause::Kicked));
            inbox.leave_all(Parting::Clean);
        }
        clients.len()
    }

    /// Takes those who are meant out of a topic, and returns how many were in it.
    pub(crate) fn unsubscribe(&self, whom: &Whom, topic: &TopicName, reason: Reason) -> usize {
        let members = self.find(whom).iter().filter_map(|inbox| inbox.forget(topic));
        let leave = |member: Arc<Member<M>>| {
            member.leave(Parting::Unsubscribed);
            member.inbox.push(Item::Left(member.clone(), Some(reason)));
        };
        members.map(leave).count()
    }

    pub(crate) fn clients(&self) -> impl Iterator<Item = &Arc<Inbox<M>>> {
        self.clients.values()
    }

    pub(crate) fn client_count(&self) -> usize {
        self.clients.len()
    }

    pub(crate) fn user_count(&self) -> usize {
        self.users.len()
    }
}

/// Who is meant, wherever they are.
#[derive(Clone, Debug)]
pub enum Whom {
    /// One connection.
    Client(ClientId),
    /// All connections of a user.
    User(UserId),
}

impl From<ClientId> for Whom {
    fn from(client: ClientId) -> Self {
        Self::Client(client)
    }
}

impl From<UserId> for Whom {
    fn from(user: UserId) -> Self {
        Self::User(user)
    }
}

impl From<&UserId> for Whom {
    fn from(user: &UserId) -> Self {
        Self::User(user.clone())
    }
}
