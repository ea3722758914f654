//! A hub that may be gone.

use std::fmt;
use std::sync::{Arc, Weak};

use crate::hub::{Hub, Shared};

/// A handle on a [`Hub`] that does not keep it alive.
///
/// ```
/// use hub::{Hub, HubConf};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let hub = Hub::<&str>::spawn(HubConf::default());
/// let weak = hub.downgrade();
/// assert!(weak.upgrade().is_some());
/// drop(hub);
/// assert!(weak.upgrade().is_none());
/// # }
/// ```
pub struct WeakHub<M> {
    shared: Weak<Shared<M>>,
}

impl<M> Hub<M> {
    /// A handle that does not keep the hub alive.
    #[must_use]
    pub fn downgrade(&self) -> WeakHub<M> {
        WeakHub { shared: Arc::downgrade(&self.shared) }
    }
}

impl<M> WeakHub<M> {
    /// The hub, if it is there.
    #[must_use]
    pub fn upgrade(&self) -> Option<Hub<M>> {
        Some(Hub { shared: self.shared.upgrade()? })
    }
}

impl<M> Clone for WeakHub<M> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<M> fmt::Debug for WeakHub<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakHub").field("is_there", &(self.shared.strong_count() > 0)).finish()
    }
}
