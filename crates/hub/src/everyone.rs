//! Saying something to all who are connected.

use std::sync::Arc;

use tokio::task;

use crate::backplane::words::Ask;
use crate::command::Command;
use crate::error::Error;
use crate::hub::Hub;
use crate::inbox::Inbox;
use crate::message::Message;

impl<M: Message> Hub<M> {
    /// Says something directly to every client that is connected now, whatever topics it is in, on all nodes if there are several.
    /// Returns how many there are.
    ///
    /// It is not kept for those who come. A client that does not read what is said to it is given up
    /// ([`HubConf::max_direct`](crate::HubConf::max_direct)). Done by the caller's task, a few at a time, so that no topic waits
    /// for it. Not cancel safe: if the future is dropped before it is ready, some may have been told.
    ///
    /// # Errors
    ///
    /// Fails if the hub is closed; of several hubs also with [`Error::Unanswered`], when it is done on those that answered.
    pub async fn send_to_all(&self, message: M) -> Result<usize, Error> {
        let mut count = 0;
        for link in self.shared.links() {
            let clients = self.shared.ask(link, Command::Clients).await?;
            count += clients.len();
            say(&clients, &message).await;
        }
        match &self.shared.uplink {
            Some(uplink) => {
                let bytes = uplink.codec.encode(&message);
                uplink.elsewhere(count, None, Ask::Everyone, &bytes).await
            }
            None => Ok(count),
        }
    }
}

/// Says it to these clients, a few at a time.
pub(crate) async fn say<M: Message>(clients: &[Arc<Inbox<M>>], message: &M) {
    for few in clients.chunks(AT_ONCE) {
        for inbox in few {
            inbox.say(message.clone());
        }
        task::yield_now().await;
    }
}

/// So many clients are told before others have their turn.
const AT_ONCE: usize = 256;
