//! What is published: a message, and whom it is for.

use std::sync::Arc;

use crate::identity::{ClientId, Identity};
use crate::name::{Tag, UserId};

/// A message on its way into a topic, with what the hub should know of it.
///
/// A plain message is one: `publish("lobby", message)`.
///
/// ```
/// use hub::Post;
///
/// let post = Post::new("ann is typing").replaces("typing:ann");
/// # let _: Post<&str> = post;
/// ```
#[derive(Clone, Debug)]
pub struct Post<M> {
    pub(crate) message: M,
    pub(crate) audience: Audience,
    pub(crate) key: Option<Arc<str>>,
    pub(crate) replaces: Option<Arc<str>>,
}

impl<M> Post<M> {
    /// A message for everyone in the topic.
    pub fn new(message: M) -> Self {
        Self { message, audience: Audience::All, key: None, replaces: None }
    }

    /// For all but this client.
    #[must_use]
    pub fn except_client(self, client: ClientId) -> Self {
        Self { audience: Audience::ExceptClient(client), ..self }
    }

    /// For all but this user's clients.
    #[must_use]
    pub fn except_user(self, user: UserId) -> Self {
        Self { audience: Audience::ExceptUser(user), ..self }
    }

    /// For those who have this tag alone.
    #[must_use]
    pub fn tagged(self, tag: Tag) -> Self {
        Self { audience: Audience::Tagged(tag), ..self }
    }

    /// Makes a retry safe: while the topic remembers the key, publishing with it again publishes nothing, and gives the
    /// receipt of the first time. See [`TopicConf::keys`](crate::TopicConf::keys).
    #[must_use]
    pub fn key(self, key: impl Into<Arc<str>>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    /// Says that this message makes earlier ones with the same word superfluous, for members who are behind, where the
    /// topic's policy is [`Policy::Conflate`](crate::Policy::Conflate).
    #[must_use]
    pub fn replaces(self, word: impl Into<Arc<str>>) -> Self {
        Self { replaces: Some(word.into()), ..self }
    }
}

impl<M> From<M> for Post<M> {
    fn from(message: M) -> Self {
        Self::new(message)
    }
}

/// Whom a message is for, of those who are in the topic. Plain data, as it is looked at in the hub's loop.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Audience {
    /// Everyone.
    All,
    /// All but this client.
    ExceptClient(ClientId),
    /// All but this user's clients.
    ExceptUser(UserId),
    /// Those who have this tag.
    Tagged(Tag),
}

impl Audience {
    pub(crate) fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    pub(crate) fn has(&self, client: ClientId, identity: &Identity) -> bool {
        match self {
            Self::All => true,
            Self::ExceptClient(except) => *except != client,
            Self::ExceptUser(except) => identity.user_id() != Some(except),
            Self::Tagged(tag) => identity.has_tag(tag),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audience_is_told_by_client_user_and_tag() {
        let [ann, bob] = ["ann", "bob"].map(|name| UserId::new(name).unwrap());
        let staff = Tag::new("staff").unwrap();
        let identity = Identity::user(ann.clone()).tag(staff.clone());
        let has = |audience: Audience| audience.has(ClientId(1), &identity);

        assert!(has(Audience::All));
        assert!(!has(Audience::ExceptClient(ClientId(1))) && has(Audience::ExceptClient(ClientId(2))));
        assert!(!has(Audience::ExceptUser(ann)) && has(Audience::ExceptUser(bob)));
        assert!(has(Audience::Tagged(staff)) && !has(Audience::Tagged(Tag::new("guests").unwrap())));
    }
}
