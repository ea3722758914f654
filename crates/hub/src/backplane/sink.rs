//! Where an engine delivers to.

use std::fmt;
use std::sync::Arc;

use super::parcel::Delivery;

/// Where an engine delivers to, for one connection. Nothing in it waits.
///
/// What comes from a connection that has been replaced is ignored.
#[derive(Clone)]
pub struct Sink {
    session: u64,
    receiver: Arc<dyn Receiver>,
}

/// What is behind a sink.
pub(crate) trait Receiver: Send + Sync {
    fn deliver(&self, session: u64, delivery: Delivery);
    fn words(&self, session: u64, words: Vec<u8>);
    fn echo(&self, session: u64, number: u64);
    fn lost(&self, session: u64);
}

impl Sink {
    pub(crate) fn new(session: u64, receiver: Arc<dyn Receiver>) -> Self {
        Self { session, receiver }
    }

    /// Delivers something of a topic.
    ///
    /// Messages are decoded here, so call it in a task of the engine's, not where time is short. If the hub's loop does not keep
    /// up ([`BackplaneConf::lane`](crate::BackplaneConf::lane)) this is dropped, counted, and fetched again.
    pub fn deliver(&self, delivery: Delivery) {
        self.receiver.deliver(self.session, delivery);
    }

    /// Passes on what another node [said](super::Engine::tell).
    pub fn words(&self, words: Vec<u8>) {
        self.receiver.words(self.session, words);
    }

    /// Passes on the number of a [probe](super::Engine::probe).
    pub fn echo(&self, number: u64) {
        self.receiver.echo(self.session, number);
    }

    /// Says that this connection is gone. The hub will connect anew.
    pub fn lost(&self) {
        self.receiver.lost(self.session);
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink").field("session", &self.session).finish_non_exhaustive()
    }
}
