//! Who a client is.

use std::fmt;
use std::sync::Arc;

use crate::backplane::node::LOCAL;
use crate::name::{NameError, Tag, UserId};

/// One connection, as the hub numbers them. A number is never used again while the hub lives. Of several hubs in a cluster each
/// has numbers of its own; that two choose the same ones is as probable as 1 in 16 million for each pair.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ClientId(pub(crate) u64);

impl ClientId {
    /// The number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }

    /// What of the number is its own node's affair.
    pub(crate) fn local(self) -> u64 {
        self.0 & LOCAL
    }
}

/// For a number that came from outside; a client with it need not exist.
impl From<u64> for ClientId {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who a client is: what the application knows of it when it connects.
///
/// The default is nobody in particular: not counted in presence, and addressed by topic alone.
///
/// ```
/// use hub::{Identity, Tag, UserId};
///
/// let ann = Identity::named("ann")?.info(r#"{"name":"Ann"}"#).tag(Tag::new("staff")?);
/// assert_eq!(ann.user_id().map(UserId::as_str), Some("ann"));
/// # Ok::<(), hub::NameError>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Identity {
    user: Option<UserId>,
    info: Option<Arc<str>>,
    tags: Arc<[Tag]>,
}

impl Identity {
    /// A user. Several clients of one user are their devices.
    #[must_use]
    pub fn user(user: UserId) -> Self {
        Self { user: Some(user), ..Self::default() }
    }

    /// The user of this name.
    ///
    /// # Errors
    ///
    /// Fails if it is [none](UserId::new).
    pub fn named(user: &str) -> Result<Self, NameError> {
        UserId::new(user).map(Self::user)
    }

    /// What others may know of the user; presence carries it as it is.
    #[must_use]
    pub fn info(self, info: impl Into<Arc<str>>) -> Self {
        Self { info: Some(info.into()), ..self }
    }

    /// One more thing by which this client can be addressed.
    #[must_use]
    pub fn tag(self, tag: Tag) -> Self {
        Self { tags: self.tags.iter().cloned().chain([tag]).collect(), ..self }
    }

    /// The user, if it is known.
    #[must_use]
    pub fn user_id(&self) -> Option<&UserId> {
        self.user.as_ref()
    }

    /// What others may know.
    #[must_use]
    pub fn public_info(&self) -> Option<&Arc<str>> {
        self.info.as_ref()
    }

    /// Whether this client has the tag.
    #[must_use]
    pub fn has_tag(&self, tag: &Tag) -> bool {
        self.tags.contains(tag)
    }
}
