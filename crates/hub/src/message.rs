//! What goes through a hub: anything that is cheap to clone and says what it weighs.

use std::sync::Arc;

use crate::name::TopicName;
use crate::presence::PresenceChange;

/// Says what a message weighs; everything that goes through a hub is one.
///
/// It is cloned once per client, so cloning should be cheap: an [`Arc`], or a type that holds one. The hub's loop may drop
/// its last clone, so dropping must not block; a panic there closes the hub.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// #[derive(Clone)]
/// struct Line {
///     from: u64,
///     text: Arc<str>,
/// }
///
/// impl hub::Message for Line {
///     fn weight(&self) -> usize {
///         size_of::<Self>() + self.text.len()
///     }
/// }
/// # let line = Line { from: 1, text: "hello".into() };
/// # assert_eq!(hub::Message::weight(&line), size_of::<Line>() + 5);
/// ```
pub trait Message: Clone + Send + Sync + 'static {
    /// The bytes that this message keeps in memory, roughly; they count towards [`TopicConf::max_bytes`].
    ///
    /// Must be cheap. Called once per message, by the task that publishes it.
    ///
    /// [`TopicConf::max_bytes`]: crate::TopicConf::max_bytes
    fn weight(&self) -> usize;

    /// How a topic's members are told that users came or went; `None`, which is the default, if they are not told.
    ///
    /// Called outside of the hub's loop, once per change, whatever the number of members.
    fn presence(_topic: &TopicName, _change: &PresenceChange) -> Option<Self> {
        None
    }
}

impl Message for String {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.capacity()
    }
}

impl Message for &'static str {
    fn weight(&self) -> usize {
        size_of::<Self>()
    }
}

impl Message for Vec<u8> {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.capacity()
    }
}

impl Message for Arc<str> {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.len()
    }
}

impl Message for Arc<[u8]> {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.len()
    }
}

impl<M: Message> Message for Arc<M> {
    fn weight(&self) -> usize {
        size_of::<Self>() + M::weight(self)
    }

    fn presence(topic: &TopicName, change: &PresenceChange) -> Option<Self> {
        M::presence(topic, change).map(Self::new)
    }
}

macro_rules! integers {
    ($($integer:ty)*) => {$(
        impl Message for $integer {
            fn weight(&self) -> usize {
                size_of::<Self>()
            }
        }
    )*};
}

integers! { u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize }
