//! The rules of the rooms: who somebody is, who may come in by which name, what may be said.

use std::borrow::Cow;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hub::protocol::{Admission, Authorizer, Draft, ErrorCode, Hello, Permit, Publication, Refusal, Server};
use hub::{Hub, Identity, Post, TopicName, UserId};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::conf::Rules;
use crate::frame::Frame;
use crate::name::Name;

/// A hub's message, and the server whose clients speak of it.
pub(crate) type Line = Publication<Frame>;
pub(crate) type Chat = Server<Line, Rooms>;

/// What others know of somebody.
#[derive(Deserialize, Serialize)]
pub(crate) struct Profile<'a> {
    #[serde(borrow)]
    pub(crate) name: Cow<'a, str>,
    /// Whether it is a client without the protocol, which could not say its name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) plain: bool,
}

/// What may be said: a text, perhaps as something that one does (`/me`); or that one is typing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Said<'a> {
    #[serde(borrow)]
    pub(crate) text: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(crate) action: bool,
    #[serde(default)]
    typing: bool,
}

/// The rules, as the hub's protocol asks for them.
pub(crate) struct Rooms {
    hub: Hub<Line>,
    pub(crate) rules: Rules,
    /// Makes users of their secrets. All nodes have the same.
    hasher: RandomState,
    guests: AtomicU64,
    /// Names that were given a moment ago, whose users may not be in the room's presence yet.
    given: Mutex<Vec<Given>>,
}

struct Given {
    at: Instant,
    room: TopicName,
    user: UserId,
    name: Name,
}

impl Rooms {
    pub(crate) fn new(hub: Hub<Line>, rules: Rules, hasher: RandomState) -> Self {
        Self { hub, rules, hasher, guests: AtomicU64::new(0), given: Mutex::default() }
    }

    /// Somebody of whom nothing is known but that it is a plain client.
    pub(crate) fn guest(&self) -> Identity {
        let profile = Profile { name: "guest".into(), plain: true };
        Identity::user(self.stranger()).info(json(&profile))
    }

    fn stranger(&self) -> UserId {
        let number = self.guests.fetch_add(1, Ordering::Relaxed);
        self.user(&(std::ptr::from_ref(self).addr(), number))
    }

    /// A user who can be told from others, and does not tell by what.
    fn user(&self, secret: &impl std::hash::Hash) -> UserId {
        UserId::new(&format!("{:016x}", self.hasher.hash_one(secret))).expect("hexadecimal digits are a name")
    }

    /// The name that somebody has in a room: the own one, or with a number where others have that.
    async fn name_in(&self, room: &TopicName, user: &UserId, name: &Name) -> Result<Name, Refusal> {
        let there = self.hub.presence(room.clone()).await?.unwrap_or_default().users;
        let infos =
            there.iter().filter(|other| other.user != *user).filter_map(|other| other.info.as_deref());
        let names = infos.filter_map(|info| Some(serde_json::from_str::<Profile<'_>>(info).ok()?.name));
        let names: Vec<_> = names.collect();

        let now = Instant::now();
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.retain(|given| {
            now.duration_since(given.at) < SETTLED && (given.room != *room || given.user != *user)
        });
        let just_given = given.iter().filter(|given| given.room == *room).map(|given| given.name.as_str());
        let name = name.beside(names.iter().map(|name| &**name).chain(just_given));
        given.push(Given { at: now, room: room.clone(), user: user.clone(), name: name.clone() });
        Ok(name)
    }
}

impl Authorizer<Line> for Rooms {
    /// A token is a secret of the client's own choice: whoever has the same one is the same user. Without it, it is a new one.
    async fn connect(&self, hello: Hello<'_>) -> Result<Admission, Refusal> {
        if let Some(known) = hello.known {
            return Ok(known.clone().into());
        }
        let user = match hello.token {
            None => self.stranger(),
            Some(token) if (16..=128).contains(&token.len()) => self.user(&token),
            Some(_) => return Err(Refusal::new(ErrorCode::Unauthorized, "a token has 16 to 128 bytes")),
        };
        let profile = hello.data.and_then(|data| serde_json::from_str::<Profile<'_>>(data.get()).ok());
        let profile = profile.ok_or(Refusal::rejected("say who you are: {\"name\": …}"))?;
        let name = Name::parse(&profile.name, self.rules.max_name_chars).ok_or_else(|| self.no_name())?;
        Ok(Identity::user(user).info(json(&Profile { name: name.as_str().into(), plain: false })).into())
    }

    async fn join(&self, who: &Identity, room: &TopicName) -> Result<Permit, Refusal> {
        let is_room = Name::parse(room.as_str(), self.rules.max_name_chars);
        if is_room.is_none_or(|name| name.as_str() != room.as_str()) {
            return Err(self.no_name());
        }
        let (Some(user), Some(info)) = (who.user_id(), who.public_info()) else { return Ok(Permit::new()) };
        let Ok(Profile { name, plain }) = serde_json::from_str(info) else { return Ok(Permit::new()) };
        let Some(name) = Name::parse(&name, usize::MAX) else { return Ok(Permit::new()) };
        let name = self.name_in(room, user, &name).await?;
        Ok(Permit::new().info(json(&Profile { name: name.as_str().into(), plain })))
    }

    fn say(&self, _who: &Identity, draft: &Draft<'_>) -> Result<Post<Line>, Refusal> {
        let said = serde_json::from_str::<Said<'_>>(draft.data.get());
        let line = || Publication::message(draft);
        match said {
            Ok(Said { text: Some(text), typing: false, .. }) => {
                self.check(&text)?;
                Ok(line().into())
            }
            Ok(Said { text: None, action: false, typing: true }) => {
                // For the others alone, and so not in the room's history; and only the last one counts.
                let user = draft.user.map_or("", UserId::as_str);
                let post = Post::new(line()).replaces(format!("typing {user}"));
                Ok(draft.client.into_iter().fold(post, Post::except_client))
            }
            _ => Err(Refusal::rejected(
                "say {\"text\": …}, with \"action\": true if need be, or {\"typing\": true}",
            )),
        }
    }
}

impl Rooms {
    fn check(&self, text: &str) -> Result<(), Refusal> {
        let max = self.rules.max_text_chars;
        // Bytes first: they are counted already.
        let is_long = text.len() > max && text.chars().count() > max;
        let has_controls = || text.chars().any(|char| char.is_control() && !matches!(char, '\n' | '\t'));
        match () {
            () if is_long => Err(Refusal::rejected(format!("a message has at most {max} characters"))),
            () if text.trim().is_empty() => Err(Refusal::rejected("a message is not blank")),
            () if has_controls() => Err(Refusal::rejected("a message has no control characters")),
            () => Ok(()),
        }
    }

    fn no_name(&self) -> Refusal {
        Refusal::rejected(format!("a name has 1 to {} visible characters", self.rules.max_name_chars))
    }
}

fn json(profile: &Profile<'_>) -> String {
    serde_json::to_string(profile).expect("names are text")
}

/// By then whoever was given a name is in the room's presence, or does not come.
const SETTLED: Duration = Duration::from_secs(3);
