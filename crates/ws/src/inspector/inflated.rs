//! How a compressed message's payload gets through.

use super::payload::at_most;
use super::{Inspector, Stage};
use crate::inflate::Step;
use crate::mask;
use crate::verdict::Verdict;

/// How much is inflated before others get the thread, if they should have it.
const PIECE: usize = 64 * 1024;

/// How much is inflated at once.
const BLOCK: usize = 4096;

impl Inspector {
    /// Inflates what is there of a payload. `false` where it needs more input, or has done enough for this pass.
    pub(super) fn take_inflated(
        &mut self,
        mut left: u64,
        mut mask: [u8; 4],
        input: &mut &[u8],
    ) -> Result<bool, Verdict> {
        let (Some(inflater), Some(assembly)) = (&mut self.inflater, &mut self.message) else {
            return Ok(false);
        };
        let (is_final, available) = (self.head.is_final(), input.len());
        let is_rest = is_final && available as u64 >= left;
        let begin = assembly.len();
        let mut is_frame_end = false;
        let (mut coded, mut block) = ([0; 512], [0; BLOCK]);
        while assembly.len() - begin < PIECE && !is_frame_end {
            if left == 0 && is_final {
                let written = inflater.finish(&mut block)?;
                assembly.push(&block[..written], self.max_message_bytes)?;
                is_frame_end = written == 0;
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
            assembly.push(&block[..step.written], self.max_message_bytes)?;
            *input = &input[step.read..];
            left -= step.read as u64;
            mask.rotate_left(step.read % 4);
        }
        let inflated = assembly.len() - begin;
        self.has_more = inflated >= PIECE && !is_frame_end;
        self.inflated += inflated as u64;
        self.deflated += (available - input.len()) as u64;
        self.advance(available - input.len());
        self.stage = Stage::Inflated { left, mask };
        Ok(is_frame_end && self.end_data()?)
    }
}
