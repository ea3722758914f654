//! What becomes of a peer's bytes: messages, control frames for tungstenite, or a verdict. Plain data and slices of bytes: no
//! socket, no clock, no waiting. `payload.rs` has what happens behind a head, `inflated.rs` where that is compressed, and
//! `assembly.rs` puts the messages together.

use tokio::time::Instant;

use crate::allowance::Allowance;
use crate::conf::WsConf;
use crate::frame::{BINARY, CLOSE, CONTINUATION, FIN, Head, MAX_HEAD, RSV, RSV1, TEXT};
use crate::inflate::Inflater;
use crate::message::Message;
use crate::role::Role;
use crate::verdict::Verdict;

mod payload;
mod inflated;
mod assembly;

use assembly::Assembly;

/// The first bytes of messages of one frame that is not compressed.
const PLAIN_TEXT: u8 = FIN | TEXT;
const PLAIN_BINARY: u8 = FIN | BINARY;

/// How many frames are judged in one pass: more than there is room for, where they are passed on.
const FRAMES: u64 = 128;

/// How many bytes of a message count as progress, so that the time it may take begins anew.
const PROGRESS: u64 = 64 * 1024;

/// Judges a peer's frames by their heads, puts messages together, and passes on control frames, masked as a client's whichever
/// the peer is.
///
/// A verdict is given on the bytes of a head alone, as soon as they are there, and nothing of the frame or of what is
/// behind it is passed on. What was before it is.
///
/// Messages go past tungstenite, which makes room for what a head announces, and would have to be told less than that, slice by
/// slice. Putting them together here costs less, and a message's memory is bounded by what has come in of it.
#[derive(Debug)]
pub(crate) struct Inspector {
    /// Ours, which says whether the peer must mask or must not.
    role: Role,
    max_message_bytes: usize,
    max_fragments: usize,
    allowance: Allowance,
    /// Where compression was agreed on.
    inflater: Option<Box<Inflater>>,
    /// The message that is not at its end.
    message: Option<Assembly>,
    /// Whether there is more to do without any more input.
    has_more: bool,
    /// How many bytes of compressed payloads there were, and what they became.
    deflated: u64,
    inflated: u64,
    /// How much room this pass began with.
    room: usize,
    /// A message that is at its end.
    whole: Option<Message>,
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
    /// In the payload of a control frame, whose head was passed.
    Control { left: u64 },
    /// In the payload of a plain message's frame.
    Plain { left: u64, mask: [u8; 4] },
    /// In the payload of a compressed message's frame, or at its end.
    Inflated { left: u64, mask: [u8; 4] },
    /// After a close. What comes now is nobody's business.
    Closed,
}

/// The fragments of a message that have come in.
#[derive(Clone, Copy, Debug, Default)]
struct Fragments {
    count: usize,
    /// As they are on the wire.
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
    pub(crate) fn new(role: Role, conf: &WsConf, inflater: Option<Inflater>, now: Instant) -> Self {
        Self {
            role,
            max_message_bytes: conf.max_message_bytes,
            max_fragments: conf.max_fragments,
            allowance: Allowance::new(conf.max_overhead_frames, now),
            inflater: inflater.map(Box::new),
            message: None,
            has_more: false,
            deflated: 0,
            inflated: 0,
            room: 0,
            whole: None,
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
    /// It goes on until one of both is used up, or it has done enough for once. A frame's head needs 14 bytes of room, so that
    /// some of it may be left over.
    pub(crate) fn pass(&mut self, input: &[u8], out: &mut [u8], clock: impl Fn() -> Instant) -> Passed {
        let (all, room) = (input.len(), out.len());
        (self.room, self.has_more) = (room, false);
        let (mut input, mut out) = (input, out);
        let end = self.run(&mut input, &mut out, clock);
        Passed { read: all - input.len(), written: room - out.len(), verdict: end.err() }
    }

    /// Takes the next message out of `input`, where there is nothing before it and it is there whole, in one plain frame. It is
    /// judged as by [`pass`](Self::pass). A verdict is the end.
    pub(crate) fn take_next(
        &mut self,
        input: &mut &[u8],
        clock: impl Fn() -> Instant,
    ) -> Result<Option<Message>, Verdict> {
        if !self.is_between() || !matches!(**input, [PLAIN_TEXT | PLAIN_BINARY, ..]) {
            return Ok(None);
        }
        let (mut head, mut payload) = (Head::default(), *input);
        let is_there = head.fill_start(&mut payload)
            && head.fill_length(&mut payload)
            && head.fill_rest(&mut payload)
            && payload.len() as u64 >= head.length();
        if !is_there {
            return Ok(None);
        }
        self.head = head;
        self.judge_start()?;
        self.judge_length()?;
        let length = self.head.length();
        self.count(length, clock)?;
        let message =
            self.take_out(payload::at_most(length, payload.len()), self.head.mask(), &mut payload)?;
        *input = payload;
        Ok(Some(message))
    }

    /// The message that the last pass ended with. All that was before it has been passed.
    pub(crate) fn take_whole(&mut self) -> Option<Message> {
        self.whole.take()
    }

    /// Whether the last pass ended with something to do though there may be nothing in the input any more.
    pub(crate) fn has_more(&self) -> bool {
        self.has_more
    }

    /// How far the message or frame is that has begun and not ended: a number that changes with its progress.
    pub(crate) fn unfinished(&self) -> Option<u64> {
        (!self.is_between() && !matches!(self.stage, Stage::Closed)).then_some(self.progress)
    }

    /// Whether the next byte is the first of a frame that belongs to no message which has begun.
    pub(crate) fn is_between(&self) -> bool {
        matches!(self.stage, Stage::Head) && self.head.is_empty() && self.open.is_none()
    }

    /// How many bytes of compressed payloads have come in.
    pub(crate) fn deflated(&self) -> u64 {
        self.deflated
    }

    /// How many bytes they have become.
    pub(crate) fn inflated(&self) -> u64 {
        self.inflated
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
        let last = self.frames + FRAMES;
        while self.frames < last {
            let goes_on = match self.stage {
                Stage::Head => self.pass_head(input, out, &clock)?,
                Stage::Control { left } => self.pass_control(left, input, out),
                // What was passed before has to be read before a message is taken out.
                Stage::Plain { .. } | Stage::Inflated { .. } if out.len() < self.room => {
                    self.has_more = true;
                    false
                }
                Stage::Plain { left, mask } => self.take_plain(left, mask, input)?,
                Stage::Inflated { left, mask } => self.take_inflated(left, mask, input)?,
                Stage::Closed => {
                    *input = &[];
                    false
                }
            };
            if !goes_on {
                break;
            }
        }
        Ok(())
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
        if !self.head.fill_rest(input) {
            return Ok(false);
        }
        let left = self.head.length();
        self.count(left, clock)?;
        let (is_compressed, mask) = (self.is_compressed(), self.head.mask());
        if self.head.is_control() {
            let len = u8::try_from(left).expect("it is a control frame's");
            payload::put_head(out, self.head.opcode(), len, mask);
            self.stage = Stage::Control { left };
            return Ok(true);
        }
        let is_text = self.head.opcode() == TEXT;
        self.message.get_or_insert_with(|| Assembly::new(is_text, is_compressed));
        self.stage = if is_compressed { Stage::Inflated { left, mask } } else { Stage::Plain { left, mask } };
        Ok(true)
    }

    /// Judges the bits, the opcode, the mask, and whether such a frame may stand here.
    fn judge_start(&self) -> Result<(), Verdict> {
        let head = &self.head;
        let may_be_compressed = self.inflater.is_some() && matches!(head.opcode(), TEXT | BINARY);
        let allowed = if may_be_compressed { RSV1 } else { 0 };
        if head.first() & RSV & !allowed != 0 {
            return Err(Verdict::Protocol("a reserved bit is set"));
        }
        match (self.role, head.is_masked()) {
            (Role::Server, true) | (Role::Client, false) => {}
            (Role::Server, false) => return Err(Verdict::Protocol("a client's frame must be masked")),
            (Role::Client, true) => return Err(Verdict::Protocol("a server's frame must not be masked")),
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

    /// Whether the frame whose head is there is one of a compressed message.
    fn is_compressed(&self) -> bool {
        let begun = self.message.as_ref().map(|message| message.is_compressed);
        !self.head.is_control() && begun.unwrap_or(self.head.first() & RSV1 != 0)
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
        let mut limit = self.max_message_bytes as u64;
        if self.is_compressed() {
            limit += limit / 8 + 1024; // what cannot be compressed becomes longer
        }
        if !self.head.is_control() && before.saturating_add(length) > limit {
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

#[cfg(test)]
mod tests;
