//! What is asked of the API. Bodies are strict: a field that is not known is an error, and no surprise.

use hub::{ClientId, Epoch, Position, TopicName, UserId, Whom};
use rest::{Error, RawJson};
use serde::Deserialize;

use super::refusal::bad;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Publish {
    topic: String,
    pub(super) data: Box<RawJson>,
    pub(super) key: Option<String>,
    pub(super) replaces: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Send {
    user: Option<String>,
    client: Option<String>,
    data: Box<RawJson>,
}

/// One client, or all of a user's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
    user: Option<String>,
    client: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unsubscribe {
    user: Option<String>,
    client: Option<String>,
    topic: String,
}

#[derive(Deserialize)]
pub(super) struct Topic {
    topic: String,
}

#[derive(Deserialize)]
pub(super) struct Users {
    topic: String,
    pub(super) limit: Option<usize>,
    /// The last user of the page before.
    pub(super) after: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct History {
    topic: String,
    limit: Option<usize>,
    offset: Option<u64>,
    epoch: Option<String>,
}

impl Publish {
    pub(super) fn topic(&self) -> Result<TopicName, Error> {
        topic(&self.topic)
    }
}

impl Send {
    pub(super) fn read(self) -> Result<(Whom, Box<RawJson>), Error> {
        Ok((whom(self.user, self.client)?, self.data))
    }
}

impl Target {
    pub(super) fn read(self) -> Result<Whom, Error> {
        whom(self.user, self.client)
    }
}

impl Unsubscribe {
    pub(super) fn read(self) -> Result<(Whom, TopicName), Error> {
        Ok((whom(self.user, self.client)?, topic(&self.topic)?))
    }
}

impl Topic {
    pub(super) fn topic(&self) -> Result<TopicName, Error> {
        topic(&self.topic)
    }
}

impl Users {
    pub(super) fn topic(&self) -> Result<TopicName, Error> {
        topic(&self.topic)
    }
}

impl History {
    /// The topic, how many of its messages, and after which position.
    pub(super) fn read(&self, most: usize) -> Result<(TopicName, usize, Option<Position>), Error> {
        let since = match (self.offset, &self.epoch) {
            (None, None) => None,
            (Some(offset), Some(epoch)) => {
                let epoch = Epoch::parse(epoch).ok_or_else(|| bad("epoch: that is none"))?;
                Some(Position { offset, epoch })
            }
            _ => return Err(bad("offset and epoch make a position together")),
        };
        Ok((topic(&self.topic)?, self.limit.unwrap_or(most).min(most), since))
    }
}

fn topic(name: &str) -> Result<TopicName, Error> {
    TopicName::new(name).map_err(|error| bad(format!("topic: {error}")))
}

fn whom(user: Option<String>, client: Option<String>) -> Result<Whom, Error> {
    match (user, client) {
        (Some(user), None) => {
            UserId::new(&user).map(Whom::User).map_err(|error| bad(format!("user: {error}")))
        }
        (None, Some(client)) => match client.parse::<u64>() {
            Ok(number) => Ok(Whom::Client(ClientId::from(number))),
            Err(_) => Err(bad("client: that is no client's number")),
        },
        _ => Err(bad("either user or client says who is meant")),
    }
}
