//! Which frames of a client get through to tungstenite, and in which slices. Plain data and slices of bytes: no socket, no
//! clock, no waiting.

use tokio::time::Instant;

use crate::allowance::Allowance;
use crate::conf::WsConf;
use crate::frame::{
    BINARY, CLOSE, CONTINUATION, FIN, Head, MAX_HEAD, MAX_SLICE_HEAD, RSV, TEXT, write_slice_head,
};
use crate::verdict::Verdict;

/// A frame up to this length goes on as it is, its head before its payload is there; tungstenite makes room for that
/// much, which its read buffer has anyway. Less than what the gate passes at once.
const DIRECT: u64 = 512;

/// How many bytes of a message count as progress, so that the time it may take begins anew.
const PROGRESS: u64 = 64 * 1024;

/// Judges a client's frames by their heads, and passes on what is in order.
///
/// A verdict is given on the bytes of a head alone, as soon as they are there, and nothing of the frame or of what is
/// behind it is passed on. What was before it is.
///
/// A longer frame is passed on in slices of what has come in, each as a fragment of its own: tungstenite makes room for
/// what a head announces, and must not believe one that announces more than there is.
#[derive(Debug)]
pub(crate) struct Inspector {
    max_message_bytes: usize,
    max_fragments: usize,
    allowance: Allowance,
    stage: Stage,
    head: Head,
    /// The fragmented message that is not at its end.
    open: Option<Fragments>,
    /// Changes with each message and with each [`PROGRESS`] bytes of one.
    progress: u64,
    /// Bytes since the last change.
    since_progress: u64,
    /// Frames that were passed.
    frames: u64,
}

#[derive(Debug)]
enum Stage {
    /// In a frame's head, or before it.
    Head,
    /// In the payload of a frame whose own head was passed.
    Direct { left: u64 },
    /// In the payload of a frame that is passed in slices.
    Sliced { left: u64, mask: [u8; 4], opcode: u8 },
    /// After a close. What comes now is nobody's business.
    Closed,
}

/// The fragments of a message that have come in.
#[derive(Clone, Copy, Debug, Default)]
struct Fragments {
    count: usize,
    bytes: u64,
}

/// What [`Inspector::pass`] did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) read: usize,
    pub(crate) written: usize,
    pub(crate) verdict: Option<Verdict>,
}

impl Inspector {
    pub(crate) fn new(conf: &WsConf, now: Instant) -> Self {
        Self {
            max_message_bytes: conf.max_message_bytes,
            max_fragments: conf.max_fragments,
            allowance: Allowance::new(conf.max_overhead_frames, now),
            stage: Stage::Head,
            head: Head::default(),
            open: None,
            progress: 0,
            since_progress: 0,
            frames: 0,
        }
    }

    /// Passes bytes from `input` to `out`, up to the first offence.
    ///
    /// It goes on until one of both is used up. A frame's head needs 14 bytes of room, so that some of it may be left over.
    pub(crate) fn pass(&mut self, input: &[u8], out: &mut [u8], clock: impl Fn() -> Instant) -> Passed {
        let (all, room) = (input.len(), out.len());
        let (mut input, mut out) = (input, out);
        let end = self.run(&mut input, &mut out, clock);
        Passed { read: all - input.len(), written: room - out.len(), verdict: end.err() }
    }

    /// How far the message or frame is that has begun and not ended: a number that changes with its progress.
    pub(crate) fn unfinished(&self) -> Option<u64> {
        let is_between = matches!(self.stage, Stage::Head) && self.head.is_empty() && self.open.is_none();
        (!is_between && !matches!(self.stage, Stage::Closed)).then_some(self.progress)
    }

    /// How many frames have been passed.
    pub(crate) fn frames(&self) -> u64 {
        self.frames
    }

    fn run(
        &mut self,
        input: &mut &[u8],
        out: &mut &mut [u8],
        clock: impl Fn() -> Instant,
    ) -> Result<(), Verdict> {
        loop {
            let goes_on = match self.stage {
                Stage::Head => self.pass_head(input, out, &clock)?,
                Stage::Direct { left } => self.pass_direct(left, input, out),
                Stage::Sliced { left, mask, opcode } => self.pass_slice(left, mask, opcode, input, out),
                Stage::Closed => {
                    *input = &[];
                    false
                }
            };
            if !goes_on {
                return Ok(());
            }
        }
    }

    /// Reads a head, judges it, and passes it on. `false` where it needs more input or room.
    fn pass_head(
        &mut self,
        input: &mut &[u8],
        out: &mut &mut [u8],
        clock: impl Fn() -> Instant,
    ) -> Result<bool, Verdict> {
        if out.len() < MAX_HEAD || !self.head.fill_start(input) {
            return Ok(false);
        }
        self.judge_start()?;
        if !self.head.fill_length(input) {
            return Ok(false);
        }
        self.judge_length()?;
        if !self.head.fill_mask(input) {
            return Ok(false);
        }
        let left = self.head.length();
        self.count(left, clock)?;
        self.stage = if left <= DIRECT {
            put(out, self.head.bytes());
            Stage::Direct { left }
        } else {
            Stage::Sliced { left, mask: self.head.mask(), opcode: self.head.opcode() }
        };
        Ok(true)
    }

    /// Judges the bits, the opcode, the mask, and whether such a frame may stand here.
    fn judge_start(&self) -> Result<(), Verdict> {
        let head = &self.head;
        if head.first() & RSV != 0 {
            return Err(Verdict::Protocol("a reserved bit is set"));
        }
        if !head.is_masked() {
            return Err(Verdict::Protocol("a client's frame must be masked"));
        }
        match (head.opcode(), self.open) {
            (CONTINUATION, None) => Err(Verdict::Protocol("a continuation of no message")),
            (TEXT | BINARY, Some(_)) => Err(Verdict::Protocol("a message inside a fragmented one")),
            (CONTINUATION | TEXT | BINARY, _) => Ok(()),
            (0x8..=0xa, _) if !head.is_final() => Err(Verdict::Protocol("a fragmented control frame")),
            (0x8..=0xa, _) if head.short_length() > 125 => {
                Err(Verdict::Protocol("a control frame over 125 bytes"))
            }
            (0x8..=0xa, _) => Ok(()),
            _ => Err(Verdict::Protocol("a reserved opcode")),
        }
    }

    /// Judges the length's form, and the size of the message so far.
    fn judge_length(&self) -> Result<(), Verdict> {
        let length = self.head.length();
        if length >> 63 != 0 {
            return Err(Verdict::Protocol("a length of 64 bits"));
        }
        if !self.head.is_shortest() {
            return Err(Verdict::Protocol("a length that is not in its shortest form"));
        }
        let before = self.open.unwrap_or_default().bytes;
        if !self.head.is_control() && before.saturating_add(length) > self.max_message_bytes as u64 {
            return Err(Verdict::TooBig(self.max_message_bytes));
        }
        Ok(())
    }

    /// Counts a frame whose head is there, and judges whether it is one too many.
    fn count(&mut self, length: u64, clock: impl Fn() -> Instant) -> Result<(), Verdict> {
        self.frames += 1;
        let is_fragment = !self.head.is_control() && (self.open.is_some() || !self.head.is_final());
        if self.head.is_control() || (is_fragment && length == 0) {
            if !self.allowance.take(clock) {
                return Err(Verdict::Flood("too many control frames or empty fragments"));
            }
        } else {
            self.allowance.give();
        }
        if is_fragment {
            let open = self.open.get_or_insert_default();
            open.count += 1;
            open.bytes += length;
            if open.count > self.max_fragments {
                return Err(Verdict::Flood("a message of too many fragments"));
            }
        }
        Ok(())
    }

    /// Passes payload as it is.
    fn pass_direct(&mut self, left: u64, input: &mut &[u8], out: &mut &mut [u8]) -> bool {
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
    fn pass_slice(
        &mut self,
        left: u64,
        mask: [u8; 4],
        opcode: u8,
        input: &mut &[u8],
        out: &mut &mut [u8],
    ) -> bool {
        let room = out.len().saturating_sub(MAX_SLICE_HEAD).min(u16::MAX.into());
        let n = at_most(left, input.len().min(room));
        if n == 0 {
            return false;
        }
        let is_last = n as u64 == left;
        let first = if is_last && self.head.is_final() { FIN | opcode } else { opcode };
        let len = u16::try_from(n).expect("it is no more than the room");
        let mut head = [0; MAX_SLICE_HEAD];
        let end = write_slice_head(&mut head, first, len, mask);
        put(out, &head[..end]);
        let (taken, rest) = input.split_at(n);
        put(out, taken);
        *input = rest;
        self.advance(n);
        let mut mask = mask;
        mask.rotate_left(n % 4);
        self.stage = Stage::Sliced { left: left - n as u64, mask, opcode: CONTINUATION };
        !is_last || self.end_frame()
    }

    /// Notes that so many bytes of a payload have passed.
    fn advance(&mut self, n: usize) {
        self.since_progress += n as u64;
        if self.since_progress >= PROGRESS {
            self.since_progress = 0;
            self.progress += 1;
        }
    }

    /// Gets ready for the next frame; always `true`.
    fn end_frame(&mut self) -> bool {
        self.stage = if self.head.opcode() == CLOSE { Stage::Closed } else { Stage::Head };
        if self.head.is_final() && !self.head.is_control() {
            self.open = None;
        }
        if self.open.is_none() {
            self.progress += 1;
            self.since_progress = 0;
        }
        self.head = Head::default();
        true
    }
}

fn at_most(left: u64, n: usize) -> usize {
    usize::try_from(left).map_or(n, |left| left.min(n))
}

/// Copies `bytes` to the front of `out`, which has the room, and shortens it by them.
fn put(out: &mut &mut [u8], bytes: &[u8]) {
    let (front, rest) = std::mem::take(out).split_at_mut(bytes.len());
    front.copy_from_slice(bytes);
    *out = rest;
}

#[cfg(test)]
mod tests;
