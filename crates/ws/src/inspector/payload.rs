//! How a frame's payload gets through, once its head has.

use super::assembly::Assembly;
use super::{Inspector, PROGRESS, Stage};
use crate::frame::{FIN, MASK, TEXT};
use crate::mask;
use crate::message::Message;
use crate::verdict::Verdict;

/// How much of a payload is unmasked at once. A multiple of the key's length, so that each begins with its first byte.
const BLOCK: usize = 1024;

impl Inspector {
    /// Passes a control frame's payload as it is.
    pub(super) fn pass_control(&mut self, left: u64, input: &mut &[u8], out: &mut &mut [u8]) -> bool {
        let n = at_most(left, input.len().min(out.len()));
        let (taken, rest) = input.split_at(n);
        put(out, taken);
        *input = rest;
        let left = left - n as u64;
        self.stage = Stage::Control { left };
        left == 0 && self.end_frame()
    }

    /// Takes what is there of a plain message's payload. `false` where it needs more input, or the message is at its end.
    pub(super) fn take_plain(
        &mut self,
        left: u64,
        mut mask: [u8; 4],
        input: &mut &[u8],
    ) -> Result<bool, Verdict> {
        let n = at_most(left, input.len());
        let (payload, rest) = input.split_at(n);
        let assembly = self.message.as_mut().expect("it began with its first head");
        // Of the last frame it is known how much there is to come.
        let end = if self.head.is_final() { assembly.len() + at_most(left, usize::MAX) } else { usize::MAX };
        let limit = end.min(self.max_message_bytes);
        assembly.reserve(n, limit); // once for all blocks
        let mut block = [0; BLOCK];
        for piece in payload.chunks(BLOCK) {
            let block = &mut block[..piece.len()];
            block.copy_from_slice(piece);
            mask::apply(block, mask);
            assembly.push(block, limit)?;
        }
        *input = rest;
        let left = left - n as u64;
        mask.rotate_left(n % 4);
        self.advance(n);
        self.stage = Stage::Plain { left, mask };
        Ok(left == 0 && self.end_data()?)
    }

    /// Takes a message that is there whole, of a frame of its own.
    pub(super) fn take_out(
        &mut self,
        len: usize,
        key: [u8; 4],
        input: &mut &[u8],
    ) -> Result<Message, Verdict> {
        let (payload, rest) = input.split_at(len);
        let mut payload = payload.to_vec();
        mask::apply(&mut payload, key);
        *input = rest;
        let message = if self.head.opcode() == TEXT {
            Message::text(String::from_utf8(payload).map_err(|_| Verdict::Utf8)?)
        } else {
            Message::binary(payload)
        };
        self.end_frame();
        Ok(message)
    }

    /// Gets ready for the next frame, after one of a message. `false` where that is at its end, and to be taken first.
    pub(super) fn end_data(&mut self) -> Result<bool, Verdict> {
        let is_end = self.head.is_final();
        if is_end {
            self.whole = self.message.take().map(Assembly::into_message).transpose()?;
        }
        self.end_frame();
        Ok(!is_end)
    }

    /// Notes that so many bytes of a payload have passed.
    pub(super) fn advance(&mut self, n: usize) {
        self.since_progress += n as u64;
        if self.since_progress >= PROGRESS {
            self.since_progress = 0;
            self.progress += 1;
        }
    }
}

pub(super) fn at_most(left: u64, n: usize) -> usize {
    usize::try_from(left).map_or(n, |left| left.min(n))
}

/// Puts a control frame's head, masked as tungstenite expects it of a client, whatever came in.
pub(super) fn put_head(out: &mut &mut [u8], opcode: u8, len: u8, mask: [u8; 4]) {
    put(out, &[FIN | opcode, MASK | len]);
    put(out, &mask);
}

/// Copies `bytes` to the front of `out`, which has the room, and shortens it by them.
fn put(out: &mut &mut [u8], bytes: &[u8]) {
    let (front, rest) = std::mem::take(out).split_at_mut(bytes.len());
    front.copy_from_slice(bytes);
    *out = rest;
}
