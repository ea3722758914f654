//! What can be set, in `etc/chat.yaml`.

use hub::HubConf;
use hub::protocol::ProtocolConf;
use rest::RestConf;
use serde::{Deserialize, Serialize};
use ws::WsConf;

/// The whole config: the engine's keys at the top, and a section for each of the rest.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct ChatConf {
    #[serde(flatten)]
    pub(crate) rest: RestConf,
    pub(crate) ws: WsConf,
    pub(crate) hub: HubConf,
    pub(crate) protocol: ProtocolConf,
    pub(crate) chat: Rules,
}

/// What may be said in the chat, and by whom.
#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Rules {
    /// How many characters a person's or a room's name has at most; 32 by default. A longer one is refused.
    pub(crate) max_name_chars: usize,
    /// How many characters a message has at most; 2000 by default. A longer one is refused.
    pub(crate) max_text_chars: usize,
    /// How many of a room's last messages the page asks for; 50 by default. It gets so many as `Hub.History` keeps.
    pub(crate) history: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self { max_name_chars: 32, max_text_chars: 2000, history: 50 }
    }
}
