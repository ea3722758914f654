//! Makes messages of changes of presence: outside of the loop, as that is user code.

use std::panic::{self, AssertUnwindSafe};

use tokio::sync::mpsc;

use crate::command::Command;
use crate::log::Entry;
use crate::message::Message;
use crate::name::TopicName;
use crate::presence::PresenceChange;
use crate::topic::Life;

/// A change that the members of a topic are to be told.
pub(crate) struct Announcement {
    pub(crate) topic: TopicName,
    /// Which life of it.
    pub(crate) life: Life,
    pub(crate) change: PresenceChange,
}

/// Publishes each change in its topic, in the order in which they come. Ends with the loop, or with the hub's last handle.
pub(crate) async fn announce<M: Message>(
    mut announcements: mpsc::UnboundedReceiver<Announcement>,
    commands: mpsc::WeakSender<Command<M>>,
) {
    while let Some(Announcement { topic, life, change }) = announcements.recv().await {
        let entry = || Some(Entry { is_notice: true, ..Entry::new(M::presence(&topic, &change)?.into()) });
        let notice = panic::catch_unwind(AssertUnwindSafe(entry)).unwrap_or_else(|_| {
            tracing::error!(%topic, "making a message of a change of presence panicked: its members are not told");
            None
        });
        let Some(commands) = commands.upgrade() else { return };
        if commands.send(Command::Told { topic, life, notice }).await.is_err() {
            return;
        }
    }
}
