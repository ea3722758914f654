//! How a frame's payload gets through, once its head has.

use super::{Inspector, PROGRESS, Stage, Whole};
use crate::frame::{CONTINUATION, FIN, MAX_SLICE_HEAD, TEXT, write_slice_head};
use crate::mask;

impl Inspector {
    /// Passes payload as it is.
    pub(super) fn pass_direct(&mut self, left: u64, input: &mut &[u8], out: &mut &mut [u8]) -> bool {
        let n = at_most(left, input.len().min(out.len()));
        let (taken, rest) = input.split_at(n);
        put(out, taken);
        *input = rest;
        self.advance(n);
        let left = left - n as u64;
        self.stage = Stage::Direct { left };
        left == 0 && self.end_frame()
    }

    /// Passes what is there of a payload as a fragment. `false` where it needs more input or room.
    pub(super) fn pass_slice(
        &mut self,
        left: u64,
        mask: [u8; 4],
        opcode: u8,
        input: &mut &[u8],
        out: &mut &mut [u8],
    ) -> bool {
        let is_whole = input.len() as u64 >= left && opcode != CONTINUATION && self.head.is_final();
        if is_whole && self.open.is_none() {
            // What was passed before has to be read first.
            if out.len() == self.room {
                self.take_out(at_most(left, input.len()), mask, input);
            }
            return false;
        }
        let room = out.len().saturating_sub(MAX_SLICE_HEAD).min(u16::MAX.into());
        let n = at_most(left, input.len().min(room));
        if n == 0 {
            return false;
        }
        let is_last = n as u64 == left;
        let first = if is_last && self.head.is_final() { FIN | opcode } else { opcode };
        let len = u16::try_from(n).expect("it is no more than the room");
        put_head(out, first, len, mask);
        let (taken, rest) = input.split_at(n);
        put(out, taken);
        *input = rest;
        self.advance(n);
        let mut mask = mask;
        mask.rotate_left(n % 4);
        self.stage = Stage::Sliced { left: left - n as u64, mask, opcode: CONTINUATION };
        !is_last || self.end_frame()
    }

    /// Takes a message out, whose payload is there whole.
    pub(super) fn take_out(&mut self, len: usize, key: [u8; 4], input: &mut &[u8]) {
        let (payload, rest) = input.split_at(len);
        let mut payload = payload.to_vec();
        mask::apply(&mut payload, key);
        *input = rest;
        self.whole = Some(Whole { is_text: self.head.opcode() == TEXT, payload });
        self.end_frame();
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

/// Puts a head that announces so many bytes, masked as tungstenite expects it of a client, whatever came in.
pub(super) fn put_head(out: &mut &mut [u8], first: u8, len: u16, mask: [u8; 4]) {
    let mut head = [0; MAX_SLICE_HEAD];
    let end = write_slice_head(&mut head, first, len, mask);
    put(out, &head[..end]);
}

/// Copies `bytes` to the front of `out`, which has the room, and shortens it by them.
fn put(out: &mut &mut [u8], bytes: &[u8]) {
    let (front, rest) = std::mem::take(out).split_at_mut(bytes.len());
    front.copy_from_slice(bytes);
    *out = rest;
}
