//! How a frame's payload gets through, once its head has.

use super::{Inspector, PROGRESS, Stage, Whole};
use crate::frame::{CONTINUATION, FIN, MAX_HEAD, MAX_SLICE_HEAD, TEXT, write_slice_head};
use crate::mask;
use crate::verdict::Verdict;

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
    fn take_out(&mut self, len: usize, key: [u8; 4], input: &mut &[u8]) {
        let (payload, rest) = input.split_at(len);
        let mut payload = payload.to_vec();
        mask::apply(&mut payload, key);
        *input = rest;
        self.whole = Some(Whole { is_text: self.head.opcode() == TEXT, payload });
        self.end_frame();
    }

    /// Inflates what is there of a payload, and passes that as a fragment. `false` where it needs more input or room.
    pub(super) fn pass_inflated(
        &mut self,
        mut left: u64,
        mut mask: [u8; 4],
        input: &mut &[u8],
        out: &mut &mut [u8],
    ) -> Result<bool, Verdict> {
        let Some(inflater) = self.inflater.as_mut().filter(|_| out.len() >= MAX_HEAD) else {
            self.has_more = true;
            return Ok(false);
        };
        let (is_final, available) = (self.head.is_final(), input.len());
        let end = out.len().min(MAX_SLICE_HEAD + usize::from(u16::MAX));
        let room = &mut out[MAX_SLICE_HEAD..end];
        let mut written = 0;
        let (mut is_frame_end, mut is_message_end) = (false, false);
        while written < room.len() && !is_frame_end {
            if left == 0 && is_final {
                let more = inflater.finish(&mut room[written..])?;
                written += more;
                is_message_end = more == 0;
                is_frame_end = is_message_end;
                continue;
            }
            let mut block = [0; 512];
            let n = at_most(left, input.len().min(block.len()));
            block[..n].copy_from_slice(&input[..n]);
            mask::apply(&mut block[..n], mask);
            let step = inflater.inflate(&block[..n], &mut room[written..])?;
            if !step.is_progress {
                if n > 0 {
                    return Err(Verdict::Deflate);
                }
                is_frame_end = left == 0;
                break;
            }
            written += step.written;
            *input = &input[step.read..];
            left -= step.read as u64;
            mask.rotate_left(step.read % 4);
        }
        self.has_more = written == room.len() && !is_frame_end;
        self.advance(available - input.len());
        if written > 0 || is_message_end {
            self.put_inflated(written, is_message_end, out);
        }
        self.stage = Stage::Inflated { left, mask };
        if is_message_end {
            self.compressed = None;
        }
        Ok(is_frame_end && self.end_frame())
    }

    /// Puts a head before inflated bytes, for which there is room.
    fn put_inflated(&mut self, len: usize, is_end: bool, out: &mut &mut [u8]) {
        let opcode = self.compressed.replace(CONTINUATION).unwrap_or(CONTINUATION);
        let first = if is_end { FIN | opcode } else { opcode };
        let head_len = u16::try_from(len).expect("it is no more than the room");
        let end = write_slice_head(out, first, head_len, [0; 4]);
        out.copy_within(MAX_SLICE_HEAD..MAX_SLICE_HEAD + len, end);
        *out = &mut std::mem::take(out)[end + len..];
    }

    /// Notes that so many bytes of a payload have passed.
    fn advance(&mut self, n: usize) {
        self.since_progress += n as u64;
        if self.since_progress >= PROGRESS {
            self.since_progress = 0;
            self.progress += 1;
        }
    }
}

fn at_most(left: u64, n: usize) -> usize {
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
