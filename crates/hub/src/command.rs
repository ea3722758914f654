//! What is asked of a loop. Leaving is not among it: it has a lane of its own.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::backplane::arrival::{Arrival, Caught};
use crate::error::Error;
use crate::event::Reason;
use crate::inbox::Inbox;
use crate::join::{Join, Joined};
use crate::keys::Key;
use crate::log::Entry;
use crate::member::Membership;
use crate::message::Message;
use crate::name::TopicName;
use crate::presence::Snapshot;
use crate::receipt::{Position, Receipt};
use crate::topic::{Life, Standing};
use crate::users::Whom;

type Reply<T> = oneshot::Sender<Result<T, Error>>;

pub(crate) enum Command<M> {
    /// A client whose home this is.
    Connect(Arc<Inbox<M>>, Reply<()>),
    Join {
        topic: TopicName,
        inbox: Arc<Inbox<M>>,
        join: Join,
        /// `None` if the topic has to be opened first.
        reply: Reply<Option<(Membership<M>, Joined)>>,
    },
    Publish {
        topic: TopicName,
        entry: Entry<M>,
        key: Option<Key>,
        reply: Option<Reply<Receipt>>,
    },
    /// A change of presence is told by this, or cannot be told.
    Told {
        topic: TopicName,
        life: Life,
        notice: Option<Entry<M>>,
    },
    Presence(TopicName, Reply<Option<Snapshot>>),
    History {
        topic: TopicName,
        limit: usize,
        since: Option<Position>,
        reply: Reply<History<M>>,
    },
    /// To clients whose home this is; the answer is how many there are.
    Send(Whom, M, Reply<usize>),
    Kick(Whom, Reply<usize>),
    Unsubscribe(Whom, TopicName, Reason, Reply<usize>),
    /// Something of a topic of a cluster was delivered.
    Arrived(Arrival<M>),
    /// A topic of a cluster is about to be opened; the answer is whether it is not there yet.
    Open(TopicName, Reply<bool>),
    /// It cannot be.
    Abandon(TopicName),
    /// The engine says where a topic stands.
    CatchUp(TopicName, Box<Caught<M>>),
    /// An engine that does not number passes on from now on what other nodes publish in this topic.
    Hear(TopicName),
    /// The topic goes on without the engine.
    GoLocal(TopicName),
    /// What there is of these topics, or of all of a cluster's.
    Standings {
        topics: Option<Vec<TopicName>>,
        with_attendees: bool,
        reply: Reply<Vec<(TopicName, Standing)>>,
    },
    /// All clients whose home this is.
    Clients(Reply<Vec<Arc<Inbox<M>>>>),
}

impl<M: Message> Command<M> {
    /// A message for everyone, whose publisher does not wait for a receipt.
    pub(crate) fn publish(topic: TopicName, message: M) -> Self {
        Self::Publish { topic, entry: Entry::new(message.into()), key: None, reply: None }
    }

    /// Since when it waits, if it is a publication.
    pub(crate) fn published_at(&self) -> Option<Instant> {
        match self {
            Self::Publish { entry, .. } => Some(entry.at),
            _ => None,
        }
    }
}

/// Where a topic stands, and messages of it with their offsets.
type History<M> = (Position, Vec<(u64, M)>);
