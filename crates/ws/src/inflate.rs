use std::cell::Cell;
use std::fmt;
use std::mem;

use bytes::{Buf, BytesMut};
use flate2::{Decompress, FlushDecompress, Status};

use crate::compression::Half;
use crate::verdict::Verdict;

/// Inflates one connection's messages, RFC 7692 section 7.2.2, piece by piece.
///
/// Without context takeover it holds nothing in between two messages. Inside of one it holds a stream, which takes 50 KiB,
/// only once [`KEPT`] bytes have come in or all the rest is there. Until then it keeps them as they are, so that nobody can
/// have 50 KiB held for a few bytes.
pub(crate) struct Inflater {
    has_takeover: bool,
    limits: Limits,
    /// Boxed, as an idle connection has none.
    stream: Option<Box<Decompress>>,
    /// What has come in of the message and is not inflated.
    kept: BytesMut,
    /// What has come in of the message, and what it has been inflated to.
    received: usize,
    inflated: usize,
    /// How much of the tail has been read.
    tail: usize,
}

/// What a message may become.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// In bytes.
    pub(crate) bytes: usize,
    /// As a multiple of what has come in of it; 0 is no limit, and [`ANY_RATIO`] bytes are always allowed.
    pub(crate) ratio: usize,
}

/// How much of a message is kept as it comes in.
const KEPT: usize = 16 * 1024;

/// What a message may become whatever its ratio, in bytes.
const ANY_RATIO: usize = 16 * 1024;

thread_local! {
    /// The thread's inflater, in between two messages.
    static POOL: Cell<Option<Box<Decompress>>> = const { Cell::new(None) };
}

/// How much a piece of input became.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) read: usize,
    pub(crate) written: usize,
    /// Whether anything happened: the end of a last block may be neither read nor written.
    pub(crate) is_progress: bool,
}

impl Inflater {
    pub(crate) fn new(peer: &Half, limits: Limits) -> Self {
        let (has_takeover, kept) = (peer.takeover, BytesMut::new());
        Self { has_takeover, limits, stream: None, kept, received: 0, inflated: 0, tail: 0 }
    }

    /// Takes `input`, whose message has more than that to come, as it is. `false` where it is worth a stream.
    pub(crate) fn keep(&mut self, input: &[u8]) -> bool {
        let keeps = self.stream.is_none() && self.kept.len() + input.len() <= KEPT;
        if keeps {
            self.kept.extend_from_slice(input);
            self.received += input.len();
        }
        keeps
    }

    /// Inflates some of what was kept, then of `input`, into some of `out`. Without progress it needs more of one of both.
    pub(crate) fn inflate(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, Verdict> {
        if self.kept.is_empty() {
            self.received += input.len();
            let step = self.advance(input, out)?;
            self.received -= input.len() - step.read;
            return Ok(step);
        }
        let kept = mem::take(&mut self.kept);
        let step = self.advance(&kept, out)?;
        self.kept = kept;
        self.kept.advance(step.read);
        if self.kept.is_empty() {
            self.kept = BytesMut::new();
        }
        if !step.is_progress {
            return Err(Verdict::Deflate); // though there is input, and room
        }
        Ok(Step { read: 0, ..step })
    }

    /// Inflates what is left at the end of a message. Where nothing is written there is nothing more.
    pub(crate) fn finish(&mut self, out: &mut [u8]) -> Result<usize, Verdict> {
        if self.received == 0 {
            return Ok(0); // an empty message, whose only byte was left out
        }
        while !self.kept.is_empty() {
            let step = self.inflate(&[], out)?;
            if step.written > 0 {
                return Ok(step.written);
            }
        }
        // An empty last block shows that what was before it was complete. With context takeover it would end the context.
        const TAIL: [u8; 9] = [0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff];
        let tail = if self.has_takeover { &TAIL[..4] } else { &TAIL[..] };
        loop {
            let step = self.advance(&tail[self.tail..], out)?;
            self.tail += step.read;
            if step.written > 0 {
                return Ok(step.written);
            }
            if !step.is_progress {
                break;
            }
        }
        let is_ended = self.has_takeover || self.stream.as_ref().is_some_and(|stream| stream.total_in() == 0);
        if self.tail < tail.len() || !is_ended {
            return Err(Verdict::Deflate);
        }
        (self.received, self.inflated, self.tail) = (0, 0, 0);
        if !self.has_takeover {
            POOL.set(self.stream.take());
        }
        Ok(0)
    }

    fn advance(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, Verdict> {
        let stream = self.stream.get_or_insert_with(|| match POOL.take() {
            // A 15-bit window suits all smaller ones.
            Some(mut stream) => {
                stream.reset(false);
                stream
            }
            None => Box::new(Decompress::new_with_window_bits(false, 15)),
        });
        // One byte more than allowed tells a message that is too long from one that just fits.
        let room = out.len().min((self.limits.bytes - self.inflated).saturating_add(1));
        let (read, written) = (stream.total_in(), stream.total_out());
        let status = stream.decompress(input, &mut out[..room], FlushDecompress::None);
        let status = status.map_err(|_| Verdict::Deflate)?;
        let read = to_usize(stream.total_in() - read);
        let written = to_usize(stream.total_out() - written);
        let is_end = matches!(status, Status::StreamEnd);
        if is_end {
            // A last block is odd, as there is always another message, but allowed.
            stream.reset(false);
        }
        self.inflated += written;
        if self.inflated > self.limits.bytes {
            return Err(Verdict::TooBig(self.limits.bytes));
        }
        if self.limits.ratio > 0
            && self.inflated > ANY_RATIO.max(self.received.saturating_mul(self.limits.ratio))
        {
            return Err(Verdict::Flood("a message inflates to too much"));
        }
        Ok(Step { read, written, is_progress: read > 0 || written > 0 || is_end })
    }
}

fn to_usize(n: u64) -> usize {
    usize::try_from(n).expect("it is no more than a slice's length")
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater").field("inflated", &self.inflated).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inflater(takeover: bool, limit: usize) -> Inflater {
        Inflater::new(&Half { takeover, bits: None }, Limits { bytes: limit, ratio: 0 })
    }

    fn message(inflater: &mut Inflater, input: &[u8]) -> Result<Vec<u8>, Verdict> {
        message_by(100, inflater, input)
    }

    /// Inflates a message into a buffer of this size, over and over again.
    fn message_by(size: usize, inflater: &mut Inflater, mut input: &[u8]) -> Result<Vec<u8>, Verdict> {
        let (mut all, mut out) = (Vec::new(), vec![0; size]);
        let half = input.len() / 2;
        if inflater.keep(&input[..half]) {
            input = &input[half..];
        }
        while !input.is_empty() {
            let step = inflater.inflate(input, &mut out)?;
            all.extend(&out[..step.written]);
            input = &input[step.read..];
        }
        while let n @ 1.. = inflater.finish(&mut out)? {
            all.extend(&out[..n]);
        }
        Ok(all)
    }

    #[test]
    fn the_examples_of_the_rfc() {
        let hello = Ok(b"Hello".to_vec());
        for (section, wire) in [
            ("7.2.3.1", &b"\xf2\x48\xcd\xc9\xc9\x07\x00"[..]),
            ("7.2.3.3", b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"),
            ("7.2.3.4", b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"),
            ("7.2.3.5", b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"),
        ] {
            for takeover in [false, true] {
                for size in 1..10 {
                    let inflated = message_by(size, &mut inflater(takeover, 5), wire);
                    assert_eq!(inflated, hello, "{section} into {size} bytes at a time");
                }
            }
        }
        assert_eq!(message(&mut inflater(false, 5), b"\x00"), Ok(vec![]), "7.2.3.6");
        assert_eq!(message(&mut inflater(false, 5), b""), Ok(vec![]));

        let mut takeover = inflater(true, 5);
        assert_eq!(message(&mut takeover, b"\xf2\x48\xcd\xc9\xc9\x07\x00"), hello);
        assert_eq!(message(&mut takeover, b"\xf2\x00\x11\x00\x00"), hello, "7.2.3.2");
        assert_eq!(message(&mut takeover, b"\x00"), Ok(vec![]));
        assert_eq!(message(&mut takeover, b"\xf2\x00\x11\x00\x00"), hello, "7.2.3.2");
    }

    #[test]
    fn what_cannot_be_inflated_is_refused() {
        for (what, wire) in [
            ("a reserved type of block", &b"\x06"[..]),
            ("a reference to what was not sent", b"\xf2\x00\x11\x00\x00"),
            ("half a message", b"\xf2\x48\xcd"),
            ("a stored block that is too short", b"\x00\x0a\x00\xf5\xff\x48"),
            ("a last block and nothing behind it", b"\xf3\x48\xcd\xc9\xc9\x07\x00"),
        ] {
            assert_eq!(message(&mut inflater(false, 100), wire), Err(Verdict::Deflate), "{what}");
        }
    }

    #[test]
    fn one_byte_over_the_limit_is_over_it() {
        let wire = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
        assert_eq!(message(&mut inflater(false, 4), wire), Err(Verdict::TooBig(4)));
    }

    #[test]
    fn a_message_has_no_stream_before_enough_of_it_has_come_in() {
        let mut inflater = inflater(false, 1 << 20);
        for _ in 0..KEPT {
            assert!(inflater.keep(b"x"));
        }
        assert!(inflater.stream.is_none());
        assert!(!inflater.keep(b"x"), "a byte more is worth a stream");
    }

    #[test]
    fn a_message_may_become_so_many_times_its_length_and_16_kib_in_any_case() {
        let deflated = |len| {
            let mut out = Vec::with_capacity(1000);
            let mut deflate = flate2::Compress::new(flate2::Compression::best(), false);
            deflate.compress_vec(&vec![b'x'; len], &mut out, flate2::FlushCompress::Sync).unwrap();
            out.truncate(out.len() - 4);
            out
        };
        let small = deflated(ANY_RATIO);
        assert!(small.len() * 100 < ANY_RATIO, "{} bytes", small.len());
        for (wire, ratio, passes) in
            [(small, 10, true), (deflated(99_000), 100, false), (deflated(99_000), 1000, true)]
        {
            let limits = Limits { bytes: 1 << 20, ratio };
            let inflated = message(&mut Inflater::new(&Half { takeover: false, bits: None }, limits), &wire);
            assert_eq!(inflated.is_ok(), passes, "{} bytes at most {ratio} fold", wire.len());
        }
    }

    #[test]
    fn nothing_is_held_between_messages_without_context_takeover() {
        let mut inflater = inflater(false, 5);
        message(&mut inflater, b"\xf2\x48\xcd\xc9\xc9\x07\x00").unwrap();
        assert!(inflater.stream.is_none());
    }
}
