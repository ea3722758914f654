//! What a client, or whoever asks the hub for something, is told when it cannot be.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::name::NameError;
use crate::receipt::Position;
use crate::window::Limit;

/// The client gets no further message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Evicted {
    cause: Cause,
    lag: u64,
    /// Which limit, if it was too slow.
    limit: Limit,
}

/// Why the hub ended a client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// It was further behind than its topic permits: see [`TopicConf`](crate::TopicConf).
    TooSlow,
    /// Messages were lost for it, and [`Client::recv`](crate::Client::recv) has no other word for that. The client goes on.
    Gap,
    /// More was said to it directly than may wait: [`HubConf::max_direct`](crate::HubConf::max_direct).
    TooMuchDirect,
    /// The server took it out of a topic, and [`Client::recv`](crate::Client::recv) has no other word for that. The client
    /// goes on.
    Unsubscribed,
    /// Its user opened more connections than permitted, and this was the oldest.
    Replaced,
    /// The server cut it.
    Kicked,
    /// The hub is being drained. It should come back after this time.
    Draining(Duration),
}

impl Evicted {
    pub(crate) fn new(cause: Cause) -> Self {
        Self { cause, lag: 0, limit: Limit::Count }
    }

    pub(crate) fn too_slow(lag: u64, limit: Limit) -> Self {
        Self { cause: Cause::TooSlow, lag, limit }
    }

    pub(crate) fn gap(lost: u64) -> Self {
        Self { lag: lost, ..Self::new(Cause::Gap) }
    }

    /// Why.
    #[must_use]
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// How many messages the client had not read when it was given up, or lost, if that is the cause; 0 if nobody knows.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.lag
    }

    pub(crate) fn limit(&self) -> Limit {
        self.limit
    }
}

impl fmt::Display for Evicted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cause {
            Cause::TooSlow => write!(f, "too slow: fell {} messages behind", self.lag),
            Cause::Gap if self.lag == 0 => f.write_str("messages may be lost"),
            Cause::Gap => write!(f, "too slow: lost {} messages", self.lag),
            Cause::TooMuchDirect => f.write_str("too slow: direct messages were not read"),
            Cause::Unsubscribed => f.write_str("taken out of the topic"),
            Cause::Replaced => f.write_str("replaced by a newer connection of the same user"),
            Cause::Kicked => f.write_str("cut by the server"),
            Cause::Draining(_) => f.write_str("the server is going down"),
        }
    }
}

impl StdError for Evicted {}

/// The hub is closed: nothing more is published, nobody can register.
///
/// Complete by definition: there is nothing more to say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the hub is closed")
    }
}

impl StdError for Closed {}

/// Why the hub did not do what it was asked for. Nothing has changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// That is not a name.
    BadName(NameError),
    /// The client is in this topic already.
    AlreadyJoined,
    /// The client is not in this topic.
    NotJoined,
    /// The client is in as many topics as it may be: [`HubConf::max_topics_per_client`](crate::HubConf::max_topics_per_client).
    TooManyTopics,
    /// The hub has as many topics as it may: [`HubConf::max_topics`](crate::HubConf::max_topics).
    NoMoreTopics,
    /// The user has as many clients as it may have: [`HubConf::max_clients_per_user`](crate::HubConf::max_clients_per_user).
    TooManyClients,
    /// The message is heavier than it may be: [`HubConf::max_message_bytes`](crate::HubConf::max_message_bytes).
    TooHeavy,
    /// The hub's queue is full, and the caller did not want to wait.
    Full,
    /// The topic no longer has all that was asked for. This is where it stands.
    Insufficient(Position),
    /// What joins this hub to others cannot be reached, or gave no answer: it may have been done. See
    /// [`Outage`](crate::Outage).
    Unavailable,
    /// More is on its way to other hubs than may be at once. Nothing was done.
    Overloaded,
    /// Of the hubs that were asked, so many have done it, and the others gave no answer in time. They may do it yet.
    Unanswered {
        /// How many answered, this one included.
        answered: usize,
        /// How many there are.
        asked: usize,
    },
    /// The hub is being drained, and takes no new clients. Another one may after this time.
    Draining(Duration),
    /// The client was ended before.
    Ended(Evicted),
    /// The hub is closed.
    Closed,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadName(error) => error.fmt(f),
            Self::AlreadyJoined => f.write_str("the client is in this topic already"),
            Self::NotJoined => f.write_str("the client is not in this topic"),
            Self::TooManyTopics => f.write_str("the client is in as many topics as it may be"),
            Self::NoMoreTopics => f.write_str("the hub has as many topics as it may"),
            Self::TooManyClients => f.write_str("the user has as many connections as it may have"),
            Self::TooHeavy => f.write_str("the message is too large"),
            Self::Full => f.write_str("the hub's queue is full"),
            Self::Insufficient(_) => f.write_str("the topic no longer has all of it"),
            Self::Unavailable => f.write_str("the other servers cannot be reached"),
            Self::Overloaded => f.write_str("too much is on its way to other servers"),
            Self::Unanswered { answered, asked } => {
                write!(f, "{answered} of {asked} servers answered")
            }
            Self::Draining(_) => f.write_str("the hub takes no new clients"),
            Self::Ended(evicted) => evicted.fmt(f),
            Self::Closed => Closed.fmt(f),
        }
    }
}

impl StdError for Error {}

impl From<NameError> for Error {
    fn from(error: NameError) -> Self {
        Self::BadName(error)
    }
}

impl From<Closed> for Error {
    fn from(Closed: Closed) -> Self {
        Self::Closed
    }
}
