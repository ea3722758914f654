//! The nodes of a cluster.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::identity::ClientId;

/// One life of a node: a number that no other has, made anew whenever a hub starts.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct NodeId(pub u64);

impl NodeId {
    /// Whether a client's number says that it is this node's. Its upper 24 bits do.
    #[must_use]
    pub fn has(self, client: ClientId) -> bool {
        client.get() >> LOCAL_BITS == self.0 >> LOCAL_BITS
    }

    /// What the numbers of this node's clients begin with.
    pub(crate) fn part(self) -> u64 {
        self.0 >> LOCAL_BITS << LOCAL_BITS
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A node, and what people call it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Node {
    /// Its number.
    pub id: NodeId,
    /// Its name, which stays when it is started again.
    pub name: Arc<str>,
}

/// How a node is doing, as others see it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Health {
    /// It gives signs of life.
    Alive,
    /// It has given none for [`BackplaneConf::suspect`](crate::BackplaneConf::suspect).
    Suspect,
}

/// So many bits of a client's number are the node's own affair.
const LOCAL_BITS: u32 = 40;

/// What of a client's number the node has given it.
pub(crate) const LOCAL: u64 = (1 << LOCAL_BITS) - 1;
