//! What a client says.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use serde_json::value::RawValue;
use tokio::time::Instant;

use super::authorizer::{Authorizer, Permit};
use super::code::ErrorCode;
use super::command::{Command, History, Join, Publish, Refresh, Request, Since};
use super::end::End;
use super::expiry::{Until, until};
use super::json::{info, millis, now};
use super::limits::{self, Allowance, Cost};
use super::permits::{Action, Permits};
use super::publication::{Draft, Publication};
use super::refusal::Refusal;
use super::reply;
use super::server::Server;
use super::spoken::Spoken;
use crate::handle::{Handle, Seat};
use crate::name::TopicName;
use crate::receipt::{Epoch, Position};

/// Takes what a client says, and does it. The answers are among the client's [`Frames`](super::Frames).
pub struct Commands<M, A> {
    server: Server<M, A>,
    handle: Handle<M>,
    until: Until,
    permits: Permits,
    /// What others may know of the user in the rooms that it has joined, where that is not what its identity says.
    infos: HashMap<TopicName, Box<RawValue>>,
    /// What they may know of it elsewhere.
    info: Option<Box<RawValue>>,
    allowance: Allowance,
    user: Option<Arc<Mutex<Allowance>>>,
    /// How many commands in a row have been refused.
    refused: u32,
}

/// What a command comes to: an answer, and perhaps a room that is read from after it.
struct Done<M> {
    answer: Option<String>,
    seat: Option<Seat<M>>,
}

impl<M: Spoken, A: Authorizer<M>> Commands<M, A> {
    pub(super) fn new(server: Server<M, A>, handle: Handle<M>, until: Until, now: Instant) -> Self {
        let shared = &server.shared;
        let permits = Permits::new(shared.conf.permit_for, shared.conf.max_permits);
        let identity = handle.identity();
        let user = identity.user_id().map(|user| shared.users.of(user, now));
        let info = identity.public_info().map(|known| info(known));
        let allowance = Allowance::new(now);
        Self { permits, infos: HashMap::new(), info, allowance, user, refused: 0, until, handle, server }
    }

    /// Acts for the client.
    #[must_use]
    pub fn handle(&self) -> &Handle<M> {
        &self.handle
    }

    /// Does what the client says, and answers it.
    ///
    /// Waits for the authorizer, for the hub's queue, and while the client does not read its answers: that is the back-pressure
    /// on a client that talks faster than it listens. Not cancel safe: the command may be done and not answered.
    ///
    /// # Errors
    ///
    /// The client went on sending what was refused.
    pub async fn take(&mut self, text: &str) -> Result<(), End> {
        let Request { id, command } = Request::parse(text, self.server.shared.conf.max_command_bytes);
        let done = match command {
            Ok(command) => self.obey(id, command, text.len()).await,
            Err(refusal) => Err(refusal),
        };
        let Done { answer, seat } = match done {
            Ok(done) => {
                self.refused = 0;
                done
            }
            Err(refusal) => {
                self.refused += 1;
                if self.refused > self.server.shared.conf.max_refused {
                    return Err(End::too_many_refused());
                }
                Done { answer: Some(reply::error(id, &refusal)), seat: None }
            }
        };
        if let Some(answer) = answer {
            // Fails if the client has ended, which its frames tell.
            let _ = self.handle.reply(M::speak(Publication::bare(answer))).await;
        }
        if let Some(seat) = seat {
            seat.take();
        }
        Ok(())
    }

    async fn obey(
        &mut self,
        id: Option<u64>,
        command: Command<'_>,
        bytes: usize,
    ) -> Result<Done<M>, Refusal> {
        self.pay(&command, bytes)?;
        match command {
            Command::Connect(_) => {
                Err(Refusal::new(ErrorCode::AlreadyConnected, "the client is connected already"))
            }
            Command::Join(join) => self.join(id, join).await,
            Command::Leave(leave) => {
                let topic = name(&leave.topic)?;
                self.handle.leave(&topic)?;
                self.infos.remove(&topic);
                Ok(Done::with(reply::ok(id, &reply::Topic { topic: topic.as_str() })))
            }
            Command::Publish(publish) => self.publish(id, publish).await,
            Command::Presence(presence) => {
                let topic = self.visible(&presence.topic).await?;
                let snapshot = self.handle.hub().presence(&topic).await?.unwrap_or_default();
                Ok(Done::with(reply::ok(id, &reply::Presence::new(topic.as_str(), &snapshot))))
            }
            Command::History(history) => self.history(id, history).await,
            Command::Refresh(refresh) => self.refresh(id, refresh).await,
            Command::Ping => Ok(Done::with(reply::ok(id, &reply::Nothing {}))),
        }
    }

    async fn join(&mut self, id: Option<u64>, join: Join<'_>) -> Result<Done<M>, Refusal> {
        let topic = name(&join.topic)?;
        let permit = self.permit_to_join(&topic).await?;
        let mut how = crate::Join::new();
        how = match (join.history, join.since) {
            (Some(_), Some(_)) => {
                return Err(Refusal::new(ErrorCode::BadRequest, "either history or since, not both"));
            }
            (Some(messages), None) => how.history(messages.min(self.server.shared.conf.max_history)),
            (None, Some(since)) => how.since(position(&since)?),
            (None, None) => how,
        };
        if let Some(known) = &permit.info {
            how = how.info(known.clone());
        }
        let (joined, seat) = self.handle.join(&topic, how).await?;
        if let Some(known) = &permit.info {
            self.infos.insert(topic.clone(), info(known));
        }
        let answer = reply::ok(id, &reply::Joined::new(topic.as_str(), &joined));
        Ok(Done { answer: Some(answer), seat: Some(seat) })
    }

    async fn publish(&mut self, id: Option<u64>, publish: Publish<'_>) -> Result<Done<M>, Refusal> {
        let topic = name(&publish.topic)?;
        if publish.key.as_ref().is_some_and(|key| key.len() > MAX_KEY) {
            return Err(Refusal::new(ErrorCode::TooLarge, "a key is at most 64 bytes long"));
        }
        self.permit_to_publish(&topic).await?;
        let identity = self.handle.identity();
        let draft = Draft {
            topic: &topic,
            client: Some(self.handle.id()),
            user: identity.user_id(),
            info: self.infos.get(&topic).or(self.info.as_ref()).map(|known| &**known),
            data: publish.data,
            key: publish.key.as_deref(),
            at: now(),
        };
        let mut post = self.server.shared.authorizer.say(identity, &draft)?;
        if let Some(key) = &publish.key {
            post = post.key(&**key);
        }
        let receipt = self.handle.publish(&topic, post).await?;
        let answer = || reply::ok(id, &reply::Published::new(topic.as_str(), receipt));
        Ok(Done { answer: id.map(|_| answer()), seat: None })
    }

    async fn history(&mut self, id: Option<u64>, history: History<'_>) -> Result<Done<M>, Refusal> {
        let topic = self.visible(&history.topic).await?;
        let limit = history.limit.min(self.server.shared.conf.max_history);
        let since = history.since.as_ref().map(position).transpose()?;
        let (position, messages) = self.handle.hub().history(&topic, limit, since).await?;
        let messages = messages.iter().map(|(offset, message)| message.publication().json(Some(*offset)));
        Ok(Done::with(reply::ok(id, &reply::History::new(topic.as_str(), position, messages))))
    }

    async fn refresh(&mut self, id: Option<u64>, refresh: Refresh<'_>) -> Result<Done<M>, Refusal> {
        let expires_in =
            self.server.shared.authorizer.refresh(self.handle.identity(), &refresh.token).await?;
        self.until.set(until(expires_in, Instant::now()));
        self.permits.forget();
        Ok(Done::with(reply::ok(id, &reply::Refreshed { expires_in_ms: expires_in.map(millis) })))
    }

    /// Takes what a command costs of what the client and its user may do.
    fn pay(&mut self, command: &Command<'_>, bytes: usize) -> Result<(), Refusal> {
        let cost = Cost {
            messages: u32::from(matches!(command, Command::Publish(_))),
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            joins: u32::from(matches!(
                command,
                Command::Join(_) | Command::Presence(_) | Command::History(_)
            )),
        };
        let conf = &self.server.shared.conf;
        let user = self.user.as_deref().map(|user| (user, &conf.per_user));
        limits::take((&mut self.allowance, &conf.per_client), user, cost, Instant::now())
            .map_err(|wait| Refusal::new(ErrorCode::RateLimited, "too fast").retry_after(wait))
    }

    /// A room whose presence and history the client may see: one where it is, or may be.
    async fn visible(&mut self, topic: &str) -> Result<TopicName, Refusal> {
        let topic = name(topic)?;
        if !self.handle.is_in(&topic) {
            self.permit_to_join(&topic).await?;
        }
        Ok(topic)
    }

    async fn permit_to_join(&mut self, topic: &TopicName) -> Result<Permit, Refusal> {
        if let Some(permit) = self.permits.get(Action::Join, topic, Instant::now()) {
            return Ok(permit.clone());
        }
        let permit = self.server.shared.authorizer.join(self.handle.identity(), topic).await?;
        self.permits.grant(Action::Join, topic, permit.clone(), Instant::now());
        Ok(permit)
    }

    async fn permit_to_publish(&mut self, topic: &TopicName) -> Result<(), Refusal> {
        let is_member = self.handle.is_in(topic);
        // What a member may is not what others may.
        if is_member && self.permits.get(Action::Publish, topic, Instant::now()).is_some() {
            return Ok(());
        }
        self.server.shared.authorizer.publish(self.handle.identity(), topic, is_member).await?;
        if is_member {
            self.permits.grant(Action::Publish, topic, Permit::new(), Instant::now());
        }
        Ok(())
    }
}

impl<M> Done<M> {
    fn with(answer: String) -> Self {
        Self { answer: Some(answer), seat: None }
    }
}

fn name(topic: &str) -> Result<TopicName, Refusal> {
    TopicName::new(topic).map_err(|error| Refusal::new(ErrorCode::BadTopic, error.to_string()))
}

fn position(since: &Since<'_>) -> Result<Position, Refusal> {
    let epoch = Epoch::parse(&since.epoch);
    let epoch = epoch.ok_or_else(|| Refusal::new(ErrorCode::BadRequest, "that is not an epoch"))?;
    Ok(Position { offset: since.offset, epoch })
}

impl<M, A> fmt::Debug for Commands<M, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commands").field("handle", &self.handle).finish_non_exhaustive()
    }
}

/// So many bytes a client's key may have: a random number has fewer.
const MAX_KEY: usize = 64;
