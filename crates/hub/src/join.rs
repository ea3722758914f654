//! How a client joins a topic, and what it is told then.

use std::sync::Arc;

use crate::presence::Snapshot;
use crate::receipt::Position;

/// How a client joins: from where on it wants to have the topic's messages.
///
/// ```
/// use hub::Join;
///
/// let newcomer = Join::new().history(50);
/// # let _ = newcomer;
/// ```
#[derive(Clone, Debug, Default)]
pub struct Join {
    pub(crate) from: From,
    pub(crate) info: Option<Arc<str>>,
}

/// From where on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum From {
    #[default]
    Now,
    Last(usize),
    After(Position),
}

impl Join {
    /// From now on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With so many of the last messages, fewer if the topic has fewer; see [`HistoryConf`](crate::HistoryConf). Notices of
    /// presence are not counted, nor what was not for everyone.
    #[must_use]
    pub fn history(self, messages: usize) -> Self {
        Self { from: From::Last(messages), ..self }
    }

    /// With everything that came after this position; if the topic no longer has all of it, with nothing of it. See
    /// [`Joined::recovered`].
    #[must_use]
    pub fn since(self, position: Position) -> Self {
        Self { from: From::After(position), ..self }
    }

    /// What others in this topic may know of the user, instead of what its [`Identity`](crate::Identity) says.
    #[must_use]
    pub fn info(self, info: impl Into<Arc<str>>) -> Self {
        Self { info: Some(info.into()), ..self }
    }
}

/// What a client that has joined is told.
///
/// It is one moment of the topic: what was published before has an offset up to `position`, what comes after has a higher one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Joined {
    /// Where the topic stands.
    pub position: Position,
    /// Whether everything since the position that was asked for follows. `false` if none was asked for.
    pub recovered: bool,
    /// Who is there; `None` where presence is not kept. The client's own user is among them, unless a change that is on its way
    /// tells of it.
    pub presence: Option<Snapshot>,
}
