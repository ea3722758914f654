//! How a compressed message gets through: it is inflated, put together, and taken out, past tungstenite.

use super::payload::at_most;
use super::{Inspector, Stage, Whole};
use crate::inflate::Step;
use crate::mask;
use crate::verdict::Verdict;

/// What a compressed message has become so far.
#[derive(Debug, Default)]
pub(super) struct Inflated {
    is_text: bool,
    /// Grows by doubling, but never beyond the limit by more than a [`BLOCK`].
    bytes: Vec<u8>,
    /// Up to where a text is known to be UTF-8.
    valid: usize,
}

/// How much is inflated before others get the thread, if they should have it.
const PIECE: usize = 64 * 1024;

/// How much is inflated at once.
const BLOCK: usize = 4096;

impl Inspector {
    /// Inflates what is there of a payload. `false` where it needs more input, or has done enough for this pass.
    pub(super) fn pass_inflated(
        &mut self,
        mut left: u64,
        mut mask: [u8; 4],
        input: &mut &[u8],
        out: &[u8],
    ) -> Result<bool, Verdict> {
        // What was passed before has to be read before a message is taken out.
        self.has_more = out.len() < self.room;
        let Some(inflater) = self.inflater.as_mut().filter(|_| !self.has_more) else { return Ok(false) };
        let message = self.message.get_or_insert_default();
        let (is_final, available) = (self.head.is_final(), input.len());
        let is_rest = is_final && available as u64 >= left;
        let begin = message.bytes.len();
        let (mut is_frame_end, mut is_message_end) = (false, false);
        let (mut coded, mut block) = ([0; 512], [0; BLOCK]);
        while message.bytes.len() - begin < PIECE && !is_frame_end {
            if left == 0 && is_final {
                let written = inflater.finish(&mut block)?;
                message.extend(&block[..written], self.max_message_bytes);
                is_message_end = written == 0;
                is_frame_end = is_message_end;
                continue;
            }
            let n = at_most(left, input.len().min(coded.len()));
            coded[..n].copy_from_slice(&input[..n]);
            mask::apply(&mut coded[..n], mask);
            let step = if !is_rest && inflater.keep(&coded[..n]) {
                Step { read: n, written: 0, is_progress: n > 0 }
            } else {
                inflater.inflate(&coded[..n], &mut block)?
            };
            if !step.is_progress {
                if n > 0 {
                    return Err(Verdict::Deflate);
                }
                is_frame_end = left == 0;
                break;
            }
            message.extend(&block[..step.written], self.max_message_bytes);
            *input = &input[step.read..];
            left -= step.read as u64;
            mask.rotate_left(step.read % 4);
        }
        self.has_more = message.bytes.len() - begin >= PIECE && !is_frame_end;
        self.inflated += (message.bytes.len() - begin) as u64;
        if is_message_end {
            self.whole = self.message.take().map(Inflated::into_whole);
        } else {
            message.check()?;
        }
        self.deflated += (available - input.len()) as u64;
        self.advance(available - input.len());
        self.stage = Stage::Inflated { left, mask };
        let goes_on = is_frame_end && self.end_frame();
        Ok(goes_on && !is_message_end)
    }
}

impl Inflated {
    pub(super) fn new(is_text: bool) -> Self {
        Self { is_text, ..Self::default() }
    }

    fn extend(&mut self, more: &[u8], limit: usize) {
        let len = self.bytes.len() + more.len();
        if len > self.bytes.capacity() {
            let capacity = (2 * self.bytes.capacity()).min(limit).max(len);
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.extend_from_slice(more);
    }

    /// Judges a text that is not at its end, where a character may be cut off.
    fn check(&mut self) -> Result<(), Verdict> {
        if !self.is_text {
            return Ok(());
        }
        match std::str::from_utf8(&self.bytes[self.valid..]) {
            Ok(text) => self.valid += text.len(),
            Err(error) if error.error_len().is_none() => self.valid += error.valid_up_to(),
            Err(_) => return Err(Verdict::Utf8),
        }
        Ok(())
    }

    fn into_whole(mut self) -> Whole {
        self.bytes.shrink_to_fit();
        Whole { is_text: self.is_text, payload: self.bytes }
    }
}
