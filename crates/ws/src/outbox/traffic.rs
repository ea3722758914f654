use std::ops::AddAssign;

use crate::frame::RSV1;
use crate::prepared::Frame;

/// What went one way, for the closing line and the metrics.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    pub(crate) packed: Packed,
}

/// What was compressed: how many bytes it is on the wire, and how many it says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Packed {
    pub(crate) wire: u64,
    pub(crate) plain: u64,
}

/// What waits to be written, and how often the socket has taken nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backlog {
    pub(crate) bytes: u64,
    pub(crate) stalls: u64,
}

impl Packed {
    /// Counts a frame, if its payload is compressed; `plain` is how long it would be otherwise.
    pub(crate) fn add(&mut self, frame: &Frame, plain: usize) {
        if frame.first() & RSV1 != 0 {
            self.wire += frame.len() as u64;
            self.plain += plain as u64;
        }
    }
}

impl AddAssign for Packed {
    fn add_assign(&mut self, more: Self) {
        self.wire += more.wire;
        self.plain += more.plain;
    }
}
