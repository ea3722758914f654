//! Messages that can be carried to other nodes.

use std::sync::Arc;

use crate::message::Message;

/// A message that other nodes can have: as bytes.
///
/// ```
/// use std::sync::Arc;
///
/// use hub::Message;
/// use hub::backplane::Carried;
///
/// #[derive(Clone)]
/// struct Line(Arc<str>);
///
/// impl Message for Line {
///     fn weight(&self) -> usize {
///         size_of::<Self>() + self.0.len()
///     }
/// }
///
/// impl Carried for Line {
///     fn encode(&self) -> Vec<u8> {
///         self.0.as_bytes().to_vec()
///     }
///
///     fn decode(bytes: &[u8]) -> Option<Self> {
///         std::str::from_utf8(bytes).ok().map(|text| Self(text.into()))
///     }
/// }
/// ```
pub trait Carried: Message {
    /// The message's bytes.
    ///
    /// Called once for each message, in the publisher's task.
    fn encode(&self) -> Vec<u8>;

    /// The message of these bytes; `None` if they are none.
    ///
    /// Called once for each message on each node, outside of the hub's loops. What is no message is lost for the members of this
    /// node, who are told so: nodes whose messages differ should not be in one cluster.
    fn decode(bytes: &[u8]) -> Option<Self>;
}

impl Carried for String {
    fn encode(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        std::str::from_utf8(bytes).ok().map(Self::from)
    }
}

impl Carried for Arc<str> {
    fn encode(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        std::str::from_utf8(bytes).ok().map(Self::from)
    }
}

impl Carried for Vec<u8> {
    fn encode(&self) -> Vec<u8> {
        self.clone()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Some(bytes.to_vec())
    }
}

impl Carried for Arc<[u8]> {
    fn encode(&self) -> Vec<u8> {
        self.to_vec()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Some(bytes.into())
    }
}

impl<M: Carried> Carried for Arc<M> {
    fn encode(&self) -> Vec<u8> {
        M::encode(self)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        M::decode(bytes).map(Self::new)
    }
}

macro_rules! integers {
    ($($integer:ty)*) => {$(
        impl Carried for $integer {
            fn encode(&self) -> Vec<u8> {
                self.to_be_bytes().to_vec()
            }

            fn decode(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self::from_be_bytes)
            }
        }
    )*};
}

// Not `usize` and `isize`, as nodes may differ in them.
integers! { u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 }
