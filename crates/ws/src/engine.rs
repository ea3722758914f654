use std::mem;
use std::task::{Context, Poll};

use futures_util::{FutureExt, StreamExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::gate::{Gate, READ_BUFFER};

/// The gate, and tungstenite behind it while that has something to do.
///
/// Messages go past tungstenite, and an idle connection has nothing for it: it is made for a control frame, and for what may
/// become one, and is gone when it waits for more and holds nothing. Nobody can tell: between two messages it remembers nothing.
pub(crate) enum Engine {
    Resting(Box<Gate>),
    Running(Box<WebSocketStream<Box<Gate>>>),
    /// While one becomes the other.
    Between,
}

impl Engine {
    pub(crate) fn new(gate: Gate) -> Self {
        Self::Resting(Box::new(gate))
    }

    pub(crate) fn gate(&self) -> &Gate {
        match self {
            Self::Resting(gate) => gate,
            Self::Running(tungstenite) => tungstenite.get_ref(),
            Self::Between => unreachable!("{NEVER_SEEN}"),
        }
    }

    pub(crate) fn gate_mut(&mut self) -> &mut Gate {
        match self {
            Self::Resting(gate) => gate,
            Self::Running(tungstenite) => tungstenite.get_mut(),
            Self::Between => unreachable!("{NEVER_SEEN}"),
        }
    }

    /// What tungstenite has next.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<tungstenite::Result<tungstenite::Message>>> {
        *self = match mem::replace(self, Self::Between) {
            Self::Resting(gate) => Self::Running(Box::new(tungstenite(gate))),
            running => running,
        };
        match self {
            Self::Running(tungstenite) => tungstenite.poll_next_unpin(cx),
            Self::Resting(_) | Self::Between => unreachable!("{NEVER_SEEN}"),
        }
    }

    /// Gives back what is only held while there is something to do. To be called when there is nothing.
    pub(crate) fn rest(&mut self) {
        if !self.gate().is_between() {
            return;
        }
        *self = match mem::replace(self, Self::Between) {
            Self::Running(tungstenite) => Self::Resting(tungstenite.into_inner()),
            resting => resting,
        };
    }
}

fn tungstenite(gate: Box<Gate>) -> WebSocketStream<Box<Gate>> {
    let limits = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(READ_BUFFER); // control frames only, which the gate takes at once
    // Without a handshake there is nothing that it could wait for.
    let opening = WebSocketStream::from_raw_socket(gate, Role::Server, Some(limits)).now_or_never();
    opening.expect("tungstenite opens at once")
}

const NEVER_SEEN: &str = "an engine is in between within one call only";
