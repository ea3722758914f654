//! What a hub that is one of several can be asked.

use tokio::sync::watch;

use crate::backplane::words::Ask;
use crate::backplane::{Health, Node, Status, Survey};
use crate::error::Error;
use crate::hub::{Hub, Shared};
use crate::message::Message;
use crate::name::TopicName;
use crate::users::Whom;

impl<M: Message> Hub<M> {
    /// How it stands with its engine, for whoever wants to wait for a change; `None` for a hub that is alone.
    #[must_use]
    pub fn status(&self) -> Option<watch::Receiver<Status>> {
        Some(self.shared.uplink.as_ref()?.status.subscribe())
    }

    /// The nodes that live, this one first, as of the last sign of life; nothing for a hub that is alone.
    #[must_use]
    pub fn nodes(&self) -> Vec<(Node, Health)> {
        let Some(uplink) = &self.shared.uplink else { return Vec::new() };
        let suspect_after = uplink.conf.backplane.suspect;
        let others: Vec<_> = uplink.peers().iter().cloned().collect();
        let health = |silent| if silent >= suspect_after { Health::Suspect } else { Health::Alive };
        let others = others.into_iter().map(|peer| (peer.node, health(peer.silent_for)));
        [(uplink.engine.node(), Health::Alive)].into_iter().chain(others).collect()
    }

    /// Asks all nodes what they have, and waits for their answers for a while
    /// ([`BackplaneConf::survey`](crate::BackplaneConf::survey)); `None` for a hub that is alone, which has its
    /// [`stats`](Self::stats).
    pub async fn survey(&self) -> Option<Survey> {
        Some(self.shared.uplink.as_ref()?.survey().await)
    }
}

impl<M: Message> Shared<M> {
    /// Makes sure that it is known where a topic stands.
    pub(crate) async fn open(&self, topic: &TopicName) -> Result<(), Error> {
        match &self.uplink {
            Some(uplink) => uplink.open(topic).await,
            None => Ok(()),
        }
    }

    /// Has the other nodes do with these clients what was done here, and adds how many it were.
    pub(crate) async fn and_elsewhere(
        &self,
        here: usize,
        whom: &Whom,
        ask: impl FnOnce(&Whom) -> Ask,
        message: &[u8],
    ) -> Result<usize, Error> {
        match &self.uplink {
            Some(uplink) => uplink.elsewhere(here, Some(whom), ask(whom), message).await,
            None => Ok(here),
        }
    }
}
