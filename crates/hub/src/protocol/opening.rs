//! A connection of which nobody knows yet whose it is.

use std::error::Error as StdError;
use std::fmt;

use tokio::time::Instant;

use super::authorizer::{Admission, Authorizer, Hello};
use super::code::{EndCode, ErrorCode};
use super::command::{Command, Connect, Request};
use super::commands::Commands;
use super::end::End;
use super::expiry::{Expiry, until};
use super::frames::Frames;
use super::json::millis;
use super::refusal::Refusal;
use super::reply;
use super::server::Server;
use super::spoken::Spoken;
use crate::error::Error;
use crate::identity::Identity;
use crate::name::UserId;

/// A connection that has not said who it is.
///
/// It holds nothing in the hub. How long one may stay so is for the transport to say.
pub struct Opening<M, A> {
    server: Server<M, A>,
    known: Option<Identity>,
    resume: Option<String>,
    refused: u32,
}

/// A connection whose client is in the hub.
#[non_exhaustive]
pub struct Session<M: Spoken, A> {
    /// The answer to its `connect`, to be sent before anything else.
    pub answer: String,
    /// The word by which the client may say, when it returns, which one it was; it is in the answer too.
    pub resume: Box<str>,
    /// Takes what the client says.
    pub commands: Commands<M, A>,
    /// What the client is told. It is connected until this is dropped or closed.
    pub frames: Frames<M>,
}

/// What was said did not make a session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Turned {
    /// The answer to it.
    pub answer: String,
    /// If the connection is over. Else the client may try again.
    pub end: Option<End>,
}

impl<M, A> Opening<M, A> {
    pub(super) fn new(server: Server<M, A>, known: Option<Identity>) -> Self {
        Self { server, known, resume: None, refused: 0 }
    }

    /// The same, for a transport that knows by itself which connection its client had before: a `connect` without `resume`
    /// has this one.
    #[must_use]
    pub fn resuming(self, token: Option<String>) -> Self {
        Self { resume: token, ..self }
    }
}

impl<M: Spoken, A: Authorizer<M>> Opening<M, A> {
    /// Takes what the client says. Not cancel safe: a `connect` may have been answered with nobody to hear it.
    ///
    /// # Errors
    ///
    /// It was not a `connect`, or not one that the server takes.
    pub async fn take(&mut self, text: &str) -> Result<Session<M, A>, Turned> {
        let Request { id, command } = Request::parse(text, self.server.shared.conf.max_command_bytes);
        let refusal = match command {
            Ok(Command::Connect(connect)) => match self.connect(id, connect).await {
                Ok(session) => return Ok(session),
                Err(refusal) => refusal,
            },
            Ok(_) => Refusal::new(ErrorCode::NotConnected, "the first command must be connect"),
            Err(refusal) => refusal,
        };
        self.refused += 1;
        let end = match refusal.code() {
            ErrorCode::Draining => {
                let end = End::new(EndCode::Draining, "the server is going down");
                Some(refusal.when_again().into_iter().fold(end, End::retry_after))
            }
            _ if self.refused > self.server.shared.conf.max_refused => Some(End::too_many_refused()),
            _ => None,
        };
        Err(Turned { answer: reply::error(id, &refusal), end })
    }

    async fn connect(&self, id: Option<u64>, connect: Connect<'_>) -> Result<Session<M, A>, Refusal> {
        let shared = &self.server.shared;
        let hello = Hello { known: self.known.as_ref(), token: connect.token.as_deref(), data: connect.data };
        let Admission { identity, expires_in } = shared.authorizer.connect(hello).await?;
        let client = shared.hub.connect(identity).await.map_err(|error| match error {
            Error::BadName(_) => Refusal::new(ErrorCode::BadRequest, error.to_string()),
            error => error.into(),
        })?;
        let now = Instant::now();
        let (resume, expiry) = (
            shared.resume_token(client.id()),
            Expiry::new(until(expires_in, now), shared.conf.expiry_notice),
        );
        let before = connect.resume.as_deref().or(self.resume.as_deref());
        let previous = before.and_then(|token| shared.ends.take(token, now));
        let answer = reply::ok(
            id,
            &reply::Connected {
                client: client.id().to_string(),
                user: client.identity().user_id().map(UserId::as_str),
                resume: &resume,
                previous,
                expires_in_ms: expires_in.map(millis),
            },
        );
        let commands = Commands::new(self.server.clone(), client.handle(), expiry.until(), now);
        let resume: Box<str> = resume.into();
        let frames = Frames::new(client, expiry, shared.ends.clone(), resume.clone());
        Ok(Session { answer, resume, commands, frames })
    }
}

impl fmt::Display for Turned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client is not connected")
    }
}

impl StdError for Turned {}

impl<M, A> fmt::Debug for Opening<M, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("refused", &self.refused).finish_non_exhaustive()
    }
}

impl<M: Spoken, A> fmt::Debug for Session<M, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("frames", &self.frames).finish_non_exhaustive()
    }
}
