//! A room's message in this protocol: written once, with its place put in when it has one.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::Serialize;
use serde_json::value::RawValue;

use super::json::{info, now, text};
use super::spoken::Spoken;
use crate::backplane::Carried;
use crate::identity::ClientId;
use crate::message::Message;
use crate::name::{TopicName, UserId};
use crate::presence::{PresenceChange, Present};

/// What somebody says, on its way into a room.
///
/// The application sees it before the room does: [`Authorizer::say`](super::Authorizer::say).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Draft<'a> {
    /// The room.
    pub topic: &'a TopicName,
    /// The connection it comes from; `None` if it is the server that speaks.
    pub client: Option<ClientId>,
    /// The user it comes from, if that is known.
    pub user: Option<&'a UserId>,
    /// What others may know of that user in this room.
    pub info: Option<&'a RawValue>,
    /// What is said: any JSON value, as it came.
    pub data: &'a RawValue,
    /// The key that makes a retry safe.
    pub key: Option<&'a str>,
    /// Milliseconds since 1970, by the server's clock.
    pub at: u64,
}

impl<'a> Draft<'a> {
    /// What the server itself says.
    #[must_use]
    pub fn of_server(topic: &'a TopicName, data: &'a RawValue) -> Self {
        Self { topic, client: None, user: None, info: None, data, key: None, at: now() }
    }
}

/// One of the server's objects, written once for all who receive it.
///
/// All but its place in the room is written when it is made, in the talker's time. The frame is made by whoever needs it
/// first, and then shared. `F` is the transport's frame; see [`Spoken::Frame`].
pub struct Publication<F> {
    shared: Arc<Shared<F>>,
}

struct Shared<F> {
    /// The object up to where its `offset` goes, and what follows; all of it and nothing, if it has no place in a room.
    head: Box<str>,
    tail: Box<str>,
    /// With the offset that it was made for.
    frame: OnceLock<(Option<u64>, F)>,
}

impl<F> Publication<F> {
    /// The `message` object for what somebody says.
    #[must_use]
    pub fn message(draft: &Draft<'_>) -> Self {
        #[derive(Serialize)]
        struct Tail<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            from: Option<From<'a>>,
            at: u64,
            data: &'a RawValue,
            #[serde(skip_serializing_if = "Option::is_none")]
            key: Option<&'a str>,
        }
        #[derive(Serialize)]
        struct From<'a> {
            client: String,
            #[serde(skip_serializing_if = "Option::is_none")]
            user: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            info: Option<&'a RawValue>,
        }
        let &Draft { topic, client, user, info, data, key, at } = draft;
        let from =
            client.map(|client| From { client: client.to_string(), user: user.map(UserId::as_str), info });
        Self::placed("message", topic, &Tail { from, at, data, key })
    }

    /// The `presence` object for a change; what [`Message::presence`] wants.
    #[must_use]
    pub fn presence(topic: &TopicName, change: &PresenceChange) -> Self {
        #[derive(Serialize)]
        struct Tail<'a> {
            version: u64,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            joined: Vec<User<'a>>,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            left: Vec<&'a str>,
        }
        let joined = change.joined.iter().map(User::from).collect();
        let left = change.left.iter().map(UserId::as_str).collect();
        Self::placed("presence", topic, &Tail { version: change.version, joined, left })
    }

    /// The `direct` object: what the server says to a client or to a user, wherever they are.
    #[must_use]
    pub fn direct(data: &RawValue) -> Self {
        #[derive(Serialize)]
        struct Direct<'a> {
            r#type: &'static str,
            at: u64,
            data: &'a RawValue,
        }
        Self::bare(text(&Direct { r#type: "direct", at: now(), data }))
    }

    /// An object that has no place in a room.
    pub(super) fn bare(text: String) -> Self {
        Self::new(text.into(), "".into())
    }

    /// An object that has one: after the `topic`.
    fn placed(kind: &'static str, topic: &TopicName, tail: &impl Serialize) -> Self {
        #[derive(Serialize)]
        struct Head<'a> {
            r#type: &'static str,
            topic: &'a str,
        }
        let head = text(&Head { r#type: kind, topic: topic.as_str() });
        let (head, tail) = (head.strip_suffix('}'), text(tail));
        let tail = tail.strip_prefix('{');
        Self::new(head.expect("an object").into(), tail.expect("an object").into())
    }

    fn new(head: Box<str>, tail: Box<str>) -> Self {
        Self { shared: Arc::new(Shared { head, tail, frame: OnceLock::new() }) }
    }

    /// The object's text, for a message that has this place in its room; `None` for what has none.
    #[must_use]
    pub fn json(&self, offset: Option<u64>) -> String {
        let Shared { head, tail, .. } = &*self.shared;
        match offset {
            Some(offset) if !tail.is_empty() => format!(r#"{head},"offset":{offset},{tail}"#),
            _ => [&**head, &**tail].concat(),
        }
    }

    /// The same as a frame: made once, then shared.
    pub fn frame(&self, offset: Option<u64>) -> F
    where
        F: Clone + std::convert::From<String>,
    {
        let (made_for, frame) = self.shared.frame.get_or_init(|| (offset, self.json(offset).into()));
        if *made_for == offset { frame.clone() } else { self.json(offset).into() }
    }
}

/// A user, as presence shows it.
#[derive(Serialize)]
pub(super) struct User<'a> {
    user: &'a str,
    devices: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    info: Option<Box<RawValue>>,
}

impl<'a> From<&'a Present> for User<'a> {
    fn from(present: &'a Present) -> Self {
        let Present { user, devices, info: known } = present;
        Self { user: user.as_str(), devices: *devices, info: known.as_deref().map(info) }
    }
}

impl<F: Send + Sync + 'static> Message for Publication<F> {
    /// Its text, and the frame that is made of it.
    fn weight(&self) -> usize {
        2 * (self.shared.head.len() + self.shared.tail.len())
    }

    fn presence(topic: &TopicName, change: &PresenceChange) -> Option<Self> {
        Some(Self::presence(topic, change))
    }
}

/// The length of what stands before the offset, that, and what stands behind.
impl<F: Send + Sync + 'static> Carried for Publication<F> {
    fn encode(&self) -> Vec<u8> {
        let Shared { head, tail, .. } = &*self.shared;
        let length = u32::try_from(head.len()).unwrap_or(u32::MAX).to_be_bytes();
        [&length, head.as_bytes(), tail.as_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (length, text) = bytes.split_first_chunk()?;
        let text = str::from_utf8(text).ok()?;
        let (head, tail) = text.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        Some(Self::new(head.into(), tail.into()))
    }
}

impl<F: Clone + std::convert::From<String> + Send + Sync + 'static> Spoken for Publication<F> {
    type Frame = F;

    fn speak(object: Self) -> Self {
        object
    }

    fn publication(&self) -> &Self {
        self
    }
}

impl<F> Clone for Publication<F> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

/// Without what is said: that is nothing for a log.
impl<F> fmt::Debug for Publication<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publication")
            .field("bytes", &(self.shared.head.len() + self.shared.tail.len()))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Counted(Arc<str>);

    impl From<String> for Counted {
        fn from(text: String) -> Self {
            Self(text.into())
        }
    }

    fn hello() -> Publication<Counted> {
        let data: &RawValue = serde_json::from_str(r#"{"text": "hello"}"#).unwrap();
        Publication::message(&Draft { at: 7, ..Draft::of_server(&TopicName::new("lo\"bby").unwrap(), data) })
    }

    #[test]
    fn a_message_has_its_place_after_its_topic_and_its_data_as_it_came() {
        let expected = r#"{"type":"message","topic":"lo\"bby","offset":3,"at":7,"data":{"text": "hello"}}"#;
        assert_eq!(hello().json(Some(3)), expected);
    }

    #[test]
    fn what_is_carried_to_another_node_is_the_same_there() {
        let there = Publication::<Counted>::decode(&hello().encode()).unwrap();
        assert_eq!(there.json(Some(3)), hello().json(Some(3)));
        let bare = Publication::<Counted>::bare(r#"{"type":"ok"}"#.to_owned());
        assert_eq!(Publication::<Counted>::decode(&bare.encode()).unwrap().json(None), bare.json(None));
        for broken in [&b""[..], b"\0\0\0", b"\0\0\0\x09short", b"\0\0\0\x01\xff\xff"] {
            assert!(Publication::<Counted>::decode(broken).is_none(), "{broken:?}");
        }
    }

    #[test]
    fn a_frame_is_made_once_however_many_want_it() {
        let hello = hello();
        let [first, second] = [hello.frame(Some(3)), hello.clone().frame(Some(3))];
        assert!(Arc::ptr_eq(&first.0, &second.0));
        assert_eq!(&*hello.frame(Some(4)).0, hello.json(Some(4)), "another place has another frame");
    }

    #[test]
    fn what_is_known_of_a_user_is_json_or_becomes_a_string() {
        let change = |known: &str| {
            let user = Present { user: UserId::new("ann").unwrap(), devices: 1, info: Some(known.into()) };
            let change = PresenceChange { version: 2, joined: vec![user], left: Vec::new() };
            Publication::<String>::presence(&TopicName::new("a").unwrap(), &change).json(Some(9))
        };
        let expected = r#"{"type":"presence","topic":"a","offset":9,"version":2,"joined":[{"user":"ann","devices":1,"info":"#;
        assert_eq!(change(r#"{"name":"Ann"}"#), format!(r#"{expected}{{"name":"Ann"}}}}]}}"#));
        assert_eq!(change("Ann {"), format!(r#"{expected}"Ann {{"}}]}}"#));
    }

    #[test]
    fn nothing_of_what_is_said_is_in_its_debug_text() {
        assert!(!format!("{:?}", hello()).contains("hello"));
    }
}
