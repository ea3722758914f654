use std::cell::Cell;

use bytes::Bytes;
use flate2::{Compress, Compression as Level, FlushCompress, Status};

use crate::compression::Half;
use crate::conf::Compression;
use crate::error::Error;
use crate::prepared::{Frame, Prepared, Twin};

/// How one connection's messages are compressed, RFC 7692 section 7.2.1.
///
/// Without context takeover the connection holds nothing: the compressor is the thread's, and the compressed frame is the
/// message's, for all its receivers. With it each connection has a [`History`], and a frame for itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Deflater {
    key: Key,
    threshold: usize,
    has_takeover: bool,
}

/// What a connection's compressor remembers, from its first message on.
#[derive(Default)]
pub(crate) struct History(Option<Box<Compress>>);

/// A message that is compressed part by part.
pub(crate) struct Streaming(Box<Compress>);

/// What a compressor was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    level: u8,
    bits: u8,
}

thread_local! {
    /// The thread's compressor, in between two messages.
    static POOL: Cell<Option<(Key, Compress)>> = const { Cell::new(None) };
}

impl Deflater {
    /// `None` where our window has to be one that zlib cannot compress with. Then everything goes out as it is, which is
    /// always allowed.
    pub(crate) fn new(ours: &Half, conf: &Compression) -> Option<Self> {
        let key = Key { level: conf.level, bits: ours.window_bits() };
        let can = key.bits >= MIN_WINDOW_BITS;
        can.then_some(Self { key, threshold: conf.threshold, has_takeover: ours.takeover })
    }

    /// Whether a frame depends on the messages before.
    pub(crate) fn has_takeover(&self) -> bool {
        self.has_takeover
    }

    /// The frame to send for a message, whatever was sent before: compressed where that is allowed, worth while, and shorter.
    pub(crate) fn shared(&self, message: &Prepared) -> Frame {
        let compress = || self.key.deflate(message.payload()).map(|deflated| message.deflated(deflated));
        let deflated = self.twin(message).and_then(|twin| twin.get(self.key.bits, compress));
        deflated.unwrap_or_else(|| message.frame().clone())
    }

    /// The frame to send for a message after those that went through `history`.
    pub(crate) fn own(&self, history: &mut History, message: &Prepared) -> Frame {
        let deflated = self.twin(message).and_then(|_| {
            let compressor = history.0.get_or_insert_with(|| Box::new(self.key.compressor()));
            deflate(compressor, self.key, message.payload())
        });
        deflated.map_or_else(|| message.frame().clone(), |deflated| message.deflated(deflated))
    }

    /// Begins a message that comes in parts, after those that went through `history`. That has its compressor back at the
    /// [end](Self::end_stream).
    pub(crate) fn stream(&self, history: &mut History) -> Streaming {
        Streaming(history.0.take().unwrap_or_else(|| Box::new(self.key.compressor())))
    }

    /// Ends such a message with what was still to be said of it.
    pub(crate) fn end_stream(&self, history: &mut History, stream: Streaming) -> Result<Bytes, Error> {
        let Streaming(mut compressor) = stream;
        let mut out = run(&mut compressor, &[], FlushCompress::Sync)?;
        out.truncate(out.len() - TAIL.len());
        if self.has_takeover {
            history.0 = Some(compressor);
        }
        Ok(out.into())
    }

    /// What is to be compressed has a twin, and is not too short.
    fn twin<'a>(&self, message: &'a Prepared) -> Option<&'a Twin> {
        message.twin().filter(|_| message.payload().len() >= self.threshold)
    }
}

impl Streaming {
    /// Takes a part, and returns what there is to send by now.
    pub(crate) fn compress(&mut self, part: &[u8]) -> Result<Vec<u8>, Error> {
        run(&mut self.0, part, FlushCompress::None)
    }
}

/// Compresses all of `input`. A flush ends with [`TAIL`].
fn run(compressor: &mut Compress, input: &[u8], flush: FlushCompress) -> Result<Vec<u8>, Error> {
    let begin = compressor.total_in();
    let mut out = Vec::with_capacity(input.len() / 4 + 64);
    loop {
        let read = usize::try_from(compressor.total_in() - begin).unwrap_or(usize::MAX);
        // It fails only where a stream has ended, and these never end.
        compressor.compress_vec(&input[read..], &mut out, flush).map_err(Error::peer)?;
        let is_read = compressor.total_in() - begin == input.len() as u64;
        if is_read && out.len() < out.capacity() {
            return Ok(out);
        }
        out.reserve(out.len() + 64);
    }
}

impl Key {
    fn compressor(self) -> Compress {
        Compress::new_with_window_bits(Level::new(self.level.into()), false, self.bits)
    }

    /// Compresses with the thread's compressor.
    fn deflate(self, payload: &[u8]) -> Option<Vec<u8>> {
        let mut compressor = match POOL.take() {
            Some((key, compressor)) if key == self => compressor,
            _ => self.compressor(),
        };
        let deflated = deflate(&mut compressor, self, payload);
        compressor.reset();
        POOL.set(Some((self, compressor)));
        deflated
    }
}

/// Compresses a payload; `None` where that does not make it shorter. The compressor then refers to nothing before.
fn deflate(compressor: &mut Compress, key: Key, payload: &[u8]) -> Option<Vec<u8>> {
    // Room for the longest that it can become. A compressor that still has something to say when it is reset would not be
    // as good as new: zlib-rs 0.6 then panics on a later message.
    let mut out = vec![0; payload.len() + payload.len() / 4 + 64];
    let (read, written) = (compressor.total_in(), compressor.total_out());
    let status = compressor.compress(payload, &mut out, FlushCompress::Sync);
    let read = compressor.total_in() - read;
    let written = usize::try_from(compressor.total_out() - written).unwrap_or(usize::MAX);
    if !matches!(status, Ok(Status::Ok)) || read < payload.len() as u64 || written >= out.len() {
        *compressor = key.compressor();
        return None;
    }
    out.truncate(written);
    if written < payload.len() + TAIL.len() && out.ends_with(&TAIL) {
        out.truncate(written - TAIL.len());
        out.shrink_to_fit();
        return Some(out);
    }
    compressor.reset();
    None
}

/// The smallest window that zlib compresses with, as a power of two. RFC 7692 also has 8.
pub(crate) const MIN_WINDOW_BITS: u8 = 9;

/// What a flush ends with, and what is not sent.
pub(crate) const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

#[cfg(test)]
mod tests {
    use super::*;

    fn deflater(conf: &Compression, bits: Option<u8>) -> Deflater {
        Deflater::new(&Half { takeover: conf.server_context_takeover, bits }, conf).unwrap()
    }

    #[test]
    fn a_window_of_8_bits_is_honoured_by_compressing_nothing() {
        let conf = Compression::default();
        for (bits, compresses) in [(8, false), (9, true), (15, true)] {
            let ours = Half { takeover: false, bits: Some(bits) };
            assert_eq!(Deflater::new(&ours, &conf).is_some(), compresses, "{bits} bits");
        }
    }

    fn is_compressed(frame: &Frame) -> bool {
        frame.first() & 0x40 != 0
    }

    #[test]
    fn a_message_is_compressed_once_for_all_whose_window_allows_it() {
        let conf = Compression::default();
        let message = Prepared::text("All work and no play makes Jack a dull boy. ".repeat(100));
        let for_12 = deflater(&conf, Some(12)).shared(&message);
        let for_15 = deflater(&conf, None).shared(&message.clone());
        let for_9 = deflater(&conf, Some(9)).shared(&message);
        assert!(is_compressed(&for_12) && for_12.len() < message.len() / 10, "{} bytes", for_12.len());
        assert!(for_12.is(&for_15), "shared");
        assert!(is_compressed(&for_9));
        assert!(!for_9.is(&for_12), "a smaller window needs its own");
    }

    #[test]
    fn what_is_short_or_secret_or_does_not_shrink_is_not_compressed() {
        let conf = Compression { threshold: 500, ..Compression::default() };
        let deflater = deflater(&conf, None);
        let mut noise = 1u32;
        let noise = (0..1000).map(|_| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            noise.to_be_bytes()[0]
        });
        for (message, expected) in [
            (Prepared::text("x".repeat(499)), false),
            (Prepared::text("x".repeat(500)), true),
            (Prepared::text("x".repeat(500)).uncompressed(), false),
            (Prepared::binary(noise.collect::<Vec<_>>()), false),
            (Prepared::text(""), false),
        ] {
            assert_eq!(is_compressed(&deflater.shared(&message)), expected, "{message:?}");
        }
    }

    #[test]
    fn whatever_is_sent_in_whatever_order_can_be_compressed_and_inflated() {
        for (takeover, level) in [(false, 1), (true, 1), (false, 2), (true, 6), (false, 9)] {
            let conf = Compression { server_context_takeover: takeover, level, ..Compression::default() };
            let deflater = deflater(&conf, None);
            let mut history = History::default();
            let mut inflate = flate2::Decompress::new(false);
            let mut random = 1u32;
            for i in 0..54u32 {
                let len = [512, 600, 4096, 4096, 8192, 100_000][i as usize % 6];
                let bits = i / 6 % 9; // from one letter to noise
                let payload = (0..len).map(|_| {
                    random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    random.to_be_bytes()[0] & ((1u16 << bits) - 1).to_be_bytes()[1]
                });
                let payload = payload.collect::<Vec<_>>();
                let message = Prepared::binary(&payload);
                let frame =
                    if takeover { deflater.own(&mut history, &message) } else { deflater.shared(&message) };
                if is_compressed(&frame) {
                    let compressed = [frame.payload(), &TAIL].concat();
                    let mut out = Vec::with_capacity(payload.len() + 1);
                    if !takeover {
                        inflate.reset(false);
                    }
                    inflate.decompress_vec(&compressed, &mut out, flate2::FlushDecompress::Sync).unwrap();
                    assert!(out == payload, "message {i} at level {level}, context takeover {takeover}");
                }
            }
        }
    }

    #[test]
    fn a_frame_looks_back_no_farther_than_its_window_allows() {
        // Noise that comes again after 100 bytes, after 200, and so on: each window has one more of them than the one before.
        let mut random = 1u32;
        let mut noise = || {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            random.to_be_bytes()[0] & 0x3f
        };
        let payload = (0..9).flat_map(|n| (0..100 << n).map(|_| noise()).collect::<Vec<_>>().repeat(2));
        let payload = payload.collect::<Vec<_>>();
        let conf = Compression { level: 9, ..Compression::default() };
        let frames = (9..=15).map(|bits| deflater(&conf, Some(bits)).shared(&Prepared::binary(&payload)));
        let lengths = frames.inspect(|frame| assert!(is_compressed(frame))).map(|frame| frame.len());
        let lengths = lengths.collect::<Vec<_>>();
        assert!(lengths.is_sorted_by(|one, next| one > next), "{lengths:?}");
    }

    #[test]
    fn with_context_takeover_a_message_can_refer_to_the_one_before() {
        let conf = Compression { server_context_takeover: true, ..Compression::default() };
        let deflater = deflater(&conf, None);
        let text = (0..1000).map(|i| (i * i).to_string()).collect::<String>();
        let mut history = History::default();
        let first = deflater.own(&mut history, &Prepared::text(&text));
        let second = deflater.own(&mut history, &Prepared::text(&text));
        assert!(second.len() * 10 < first.len(), "{} bytes, then {}", first.len(), second.len());
    }
}
