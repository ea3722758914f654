//! A hub with what the protocol adds to it: who may do what, how fast, and how others ended.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;

use super::conf::ProtocolConf;
use super::ends::Ends;
use super::limits::Users;
use super::opening::Opening;
use super::spoken::Spoken;
use crate::hub::Hub;
use crate::identity::{ClientId, Identity};

/// A hub whose clients speak the protocol.
///
/// Its clones are the same server. See the [module's page](super) for the whole.
pub struct Server<M, A> {
    pub(super) shared: Arc<Shared<M, A>>,
}

/// What all connections share.
pub(super) struct Shared<M, A> {
    pub(super) hub: Hub<M>,
    pub(super) authorizer: A,
    pub(super) conf: ProtocolConf,
    pub(super) ends: Arc<Ends>,
    pub(super) users: Users,
    /// Two keys that nobody knows, for tokens that nobody guesses.
    secrets: [RandomState; 2],
}

impl<M: Spoken, A> Server<M, A> {
    /// A server with the default limits.
    #[must_use]
    pub fn new(hub: Hub<M>, authorizer: A) -> Self {
        Self::with_conf(hub, authorizer, ProtocolConf::default())
    }

    /// A server with limits of your own.
    #[must_use]
    pub fn with_conf(hub: Hub<M>, authorizer: A, conf: ProtocolConf) -> Self {
        let ends = Arc::new(Ends::new(conf.remember_ends, conf.max_ends));
        let secrets = [RandomState::new(), RandomState::new()];
        Self { shared: Arc::new(Shared { hub, authorizer, conf, ends, users: Users::default(), secrets }) }
    }

    /// The hub.
    #[must_use]
    pub fn hub(&self) -> &Hub<M> {
        &self.shared.hub
    }

    /// What decides who may do what.
    #[must_use]
    pub fn authorizer(&self) -> &A {
        &self.shared.authorizer
    }

    /// A new connection, of which the server may know whose it is.
    #[must_use]
    pub fn opening(&self, known: Option<Identity>) -> Opening<M, A> {
        Opening::new(self.clone(), known)
    }
}

impl<M, A> Shared<M, A> {
    /// The word by which a client shows, when it returns, which one it was.
    pub(super) fn resume_token(&self, client: ClientId) -> String {
        let [a, b] = self.secrets.each_ref().map(|secret| secret.hash_one(client));
        format!("{a:016x}{b:016x}")
    }
}

impl<M, A> Clone for Server<M, A> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<M, A> fmt::Debug for Server<M, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("conf", &self.shared.conf).finish_non_exhaustive()
    }
}
