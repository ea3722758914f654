//! Who may do what: asked outside of the hub's loops, and remembered for a while.

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::code::ErrorCode;
use super::publication::{Draft, Publication};
use super::refusal::Refusal;
use super::spoken::Spoken;
use crate::identity::Identity;
use crate::name::TopicName;
use crate::post::Post;

/// Says who a client is, what it may do, and what may be said.
///
/// It is asked in the client's own task: it may wait for a database, and only this client waits with it. What it permits in a
/// room is remembered for [`ProtocolConf::permit_for`](super::ProtocolConf::permit_for), or until the client sends another
/// token; what it refuses is not remembered.
///
/// Every method has a default, so that `impl Authorizer<M> for Mine {}` permits what [`Anyone`] does.
pub trait Authorizer<M: Spoken>: Send + Sync + 'static {
    /// Who is it? Asked for `connect`. By default it is who the server knows it to be, or nobody in particular.
    fn connect(&self, hello: Hello<'_>) -> impl Future<Output = Result<Admission, Refusal>> + Send {
        let known = hello.known.cloned().unwrap_or_default();
        async { Ok(known.into()) }
    }

    /// May this client come into this room, and see who is there and what was said? Any may, by default.
    fn join(
        &self,
        _who: &Identity,
        _topic: &TopicName,
    ) -> impl Future<Output = Result<Permit, Refusal>> + Send {
        async { Ok(Permit::new()) }
    }

    /// May this client say something in this room? By default whoever is in it may.
    fn publish(
        &self,
        _who: &Identity,
        _topic: &TopicName,
        is_member: bool,
    ) -> impl Future<Output = Result<(), Refusal>> + Send {
        async move { is_member.then_some(()).ok_or(Refusal::new(ErrorCode::NotJoined, "join this room first")) }
    }

    /// Takes a new token, and returns for how long it is good; `None` for one that does not end. Refused by default.
    fn refresh(
        &self,
        _who: &Identity,
        _token: &str,
    ) -> impl Future<Output = Result<Option<Duration>, Refusal>> + Send {
        async { Err(Refusal::new(ErrorCode::Forbidden, "tokens are not refreshed here")) }
    }

    /// Makes the message of what is said, or says why it may not be; asked for each. It must be quick. By default everything may
    /// be said.
    ///
    /// # Errors
    ///
    /// Why it may not be said.
    fn say(&self, _who: &Identity, draft: &Draft<'_>) -> Result<Post<M>, Refusal> {
        Ok(M::speak(Publication::message(draft)).into())
    }
}

/// Permits everything: whoever connects may join any room, and say anything where it is.
#[derive(Clone, Copy, Debug)]
pub struct Anyone;

impl<M: Spoken> Authorizer<M> for Anyone {}

/// What a client says of itself when it connects.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Hello<'a> {
    /// Who the server knows it to be, from what opened the connection.
    pub known: Option<&'a Identity>,
    /// Its token.
    pub token: Option<&'a str>,
    /// What else it says, any JSON.
    pub data: Option<&'a RawValue>,
}

impl Hello<'_> {
    /// Reads [`data`](Self::data) as a type of the application's.
    ///
    /// ```
    /// use hub::protocol::{Admission, Authorizer, Hello, Refusal, Spoken};
    /// use hub::{Identity, UserId};
    ///
    /// struct Names;
    ///
    /// impl<M: Spoken> Authorizer<M> for Names {
    ///     /// Everybody says their name, and is believed.
    ///     async fn connect(&self, hello: Hello<'_>) -> Result<Admission, Refusal> {
    ///         let name: String = hello.parse()?;
    ///         let user = UserId::new(&name).map_err(|error| Refusal::rejected(error.to_string()))?;
    ///         Ok(Identity::user(user).into())
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// `bad_request` if there is no data, or none that is a `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let data = self.data.ok_or(Refusal::new(ErrorCode::BadRequest, "data is missing"))?;
        serde_json::from_str(data.get())
            .map_err(|error| Refusal::new(ErrorCode::BadRequest, format!("data: {error}")))
    }
}

/// Who a client is, and for how long that holds.
#[derive(Clone, Debug)]
pub struct Admission {
    pub(super) identity: Identity,
    pub(super) expires_in: Option<Duration>,
}

impl Admission {
    /// The same, but only for this time, unless the client [refreshes](Authorizer::refresh) it.
    #[must_use]
    pub fn expires_in(self, time: Duration) -> Self {
        Self { expires_in: Some(time), ..self }
    }
}

impl From<Identity> for Admission {
    fn from(identity: Identity) -> Self {
        Self { identity, expires_in: None }
    }
}

/// A client may come into a room.
#[derive(Clone, Debug, Default)]
pub struct Permit {
    pub(super) info: Option<Arc<str>>,
}

impl Permit {
    /// As who it is.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What others in this room may know of it, instead of what its [`Identity`] says.
    #[must_use]
    pub fn info(self, info: impl Into<Arc<str>>) -> Self {
        Self { info: Some(info.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_says_of_itself_is_read_or_refused_with_the_reason() {
        let [seven, many] = ["7", "700"].map(|json| serde_json::from_str(json).unwrap());
        let read = |data| Hello { known: None, token: None, data }.parse::<u8>().map_err(|e| e.to_string());
        assert_eq!(read(Some(seven)), Ok(7));
        let expected = "bad_request: data: invalid value: integer `700`, expected u8 at line 1 column 3";
        assert_eq!(read(Some(many)), Err(expected.to_owned()));
        assert_eq!(read(None), Err("bad_request: data is missing".to_owned()));
    }
}
