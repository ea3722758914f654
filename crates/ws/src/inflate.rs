use std::cell::Cell;
use std::fmt;

use flate2::{Decompress, FlushDecompress, Status};

use crate::compression::Half;
use crate::verdict::Verdict;

/// Inflates one connection's messages, RFC 7692 section 7.2.2, piece by piece.
///
/// Without context takeover it holds nothing in between two messages.
pub(crate) struct Inflater {
    has_takeover: bool,
    limit: usize,
    stream: Option<Decompress>,
    /// What the message has been inflated to.
    inflated: usize,
    /// Whether any of the message has been read.
    has_begun: bool,
    /// How much of the tail has been read.
    tail: usize,
}

thread_local! {
    /// The thread's inflater, in between two messages.
    static POOL: Cell<Option<Decompress>> = const { Cell::new(None) };
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
    pub(crate) fn new(peer: &Half, limit: usize) -> Self {
        Self { has_takeover: peer.takeover, limit, stream: None, inflated: 0, has_begun: false, tail: 0 }
    }

    /// Inflates some of `input` into some of `out`. Without progress it needs more of one of both.
    pub(crate) fn inflate(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, Verdict> {
        let stream = self.stream.get_or_insert_with(|| match POOL.take() {
            // A 15-bit window suits all smaller ones.
            Some(mut stream) => {
                stream.reset(false);
                stream
            }
            None => Decompress::new_with_window_bits(false, 15),
        });
        // One byte more than allowed tells a message that is too long from one that just fits.
        let room = out.len().min((self.limit - self.inflated).saturating_add(1));
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
        self.has_begun |= read > 0;
        self.inflated += written;
        if self.inflated > self.limit {
            return Err(Verdict::TooBig(self.limit));
        }
        Ok(Step { read, written, is_progress: read > 0 || written > 0 || is_end })
    }

    /// Inflates what is left at the end of a message. Where nothing is written there is nothing more.
    pub(crate) fn finish(&mut self, out: &mut [u8]) -> Result<usize, Verdict> {
        if !self.has_begun {
            return Ok(0); // an empty message, whose only byte was left out
        }
        // An empty last block shows that what was before it was complete. With context takeover it would end the context.
        const TAIL: [u8; 9] = [0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff];
        let tail = if self.has_takeover { &TAIL[..4] } else { &TAIL[..] };
        loop {
            let step = self.inflate(&tail[self.tail..], out)?;
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
        (self.inflated, self.has_begun, self.tail) = (0, false, 0);
        if !self.has_takeover {
            POOL.set(self.stream.take());
        }
        Ok(0)
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
        Inflater::new(&Half { takeover, bits: None }, limit)
    }

    fn message(inflater: &mut Inflater, input: &[u8]) -> Result<Vec<u8>, Verdict> {
        message_by(100, inflater, input)
    }

    /// Inflates a message into a buffer of this size, over and over again.
    fn message_by(size: usize, inflater: &mut Inflater, mut input: &[u8]) -> Result<Vec<u8>, Verdict> {
        let (mut all, mut out) = (Vec::new(), vec![0; size]);
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
    fn nothing_is_held_between_messages_without_context_takeover() {
        let mut inflater = inflater(false, 5);
        message(&mut inflater, b"\xf2\x48\xcd\xc9\xc9\x07\x00").unwrap();
        assert!(inflater.stream.is_none());
    }
}
