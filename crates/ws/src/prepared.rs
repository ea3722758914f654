use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::{BufMut, Bytes, BytesMut};

use crate::Message;
use crate::deflate::Deflater;
use crate::frame::{FIN, RSV1};

/// A message as the complete frame that goes over the wire, made once and shared by all its receivers.
///
/// A clone is a reference count. Frames of a server carry no mask, so that the same bytes suit every client; a client masks
/// them when they go out. Where compression was agreed on, the first receiver has it compressed, once for all.
///
/// ```
/// use ws::Prepared;
///
/// let prepared = Prepared::text("Hello!");
/// let same = prepared.clone(); // no copy
/// assert_eq!(same.len(), 2 + 6); // the frame's head, and the text
/// ```
#[derive(Clone)]
pub struct Prepared {
    frame: Bytes,
    /// `None` where it is never compressed.
    twin: Option<Arc<Twin>>,
}

/// The compressed frame of a message, made when it is first asked for.
#[derive(Default)]
pub(crate) struct Twin(OnceLock<(u8, Option<Bytes>)>);

/// Says, between servers, that a message has no twin.
const NEVER_COMPRESSED: u8 = 0x10;

/// Shorter payloads have no twin. No threshold is lower.
const MIN_TWIN: usize = 64;

impl Prepared {
    /// Prepares a text message.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::new(0x1, text.as_ref().as_bytes())
    }

    /// Prepares a binary message.
    pub fn binary(bytes: impl AsRef<[u8]>) -> Self {
        Self::new(0x2, bytes.as_ref())
    }

    /// Takes compression from the message. For one that holds a secret together with what somebody else can choose, since
    /// its length then tells of the secret.
    pub fn uncompressed(mut self) -> Self {
        self.twin = None;
        self
    }

    /// The frame's length in bytes before any compression, its head included.
    #[expect(clippy::len_without_is_empty, reason = "a frame is never empty: it has a head")]
    pub fn len(&self) -> usize {
        self.frame.len()
    }

    fn new(opcode: u8, payload: &[u8]) -> Self {
        let twin = (payload.len() >= MIN_TWIN).then(Arc::default);
        Self { frame: frame(FIN | opcode, payload), twin }
    }

    /// The frame, not compressed.
    pub(crate) fn frame(&self) -> &Bytes {
        &self.frame
    }

    /// The frame for a connection with this compression, whatever was sent there before.
    pub(crate) fn frame_for(&self, deflater: Option<Deflater>) -> Bytes {
        deflater.map_or_else(|| self.frame.clone(), |deflater| deflater.shared(self))
    }

    /// Whether the other is a clone, and not merely equal.
    pub(crate) fn is(&self, other: &Self) -> bool {
        let twins = [self, other].map(|message| message.twin.as_ref().map(Arc::as_ptr));
        self.frame.as_ptr() == other.frame.as_ptr() && twins[0] == twins[1]
    }

    /// The same, where nobody else has the message: no reference is counted.
    pub(crate) fn into_frame(self) -> Bytes {
        self.frame
    }

    pub(crate) fn payload(&self) -> &[u8] {
        Self::payload_of(&self.frame)
    }

    /// What an unmasked frame has behind its head.
    pub(crate) fn payload_of(frame: &[u8]) -> &[u8] {
        match frame[1] {
            127 => &frame[10..],
            126 => &frame[4..],
            _ => &frame[2..],
        }
    }

    /// The message for another server: what kind it is, and its payload.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let plain = if self.twin.is_none() { NEVER_COMPRESSED } else { 0 };
        [&[self.frame[0] & 0x0f | plain], self.payload()].concat()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (first, payload) = bytes.split_first()?;
        let prepared = match first & !NEVER_COMPRESSED {
            0x1 => Self::text(std::str::from_utf8(payload).ok()?),
            0x2 => Self::binary(payload),
            _ => return None,
        };
        Some(if first & NEVER_COMPRESSED == 0 { prepared } else { prepared.uncompressed() })
    }

    pub(crate) fn twin(&self) -> Option<&Twin> {
        self.twin.as_deref()
    }

    /// The frame of the same message with a compressed payload.
    pub(crate) fn deflated(&self, payload: &[u8]) -> Bytes {
        frame(FIN | RSV1 | (self.frame[0] & 0x0f), payload)
    }
}

impl Twin {
    /// The compressed frame for a receiver with a window of so many bits; `None` where compressing does not pay. What was
    /// compressed for a larger window does not suit, and such a receiver gets its own.
    pub(crate) fn get(&self, bits: u8, compress: impl Fn() -> Option<Bytes>) -> Option<Bytes> {
        match self.0.get_or_init(|| (bits, compress())) {
            (made_for, frame) if *made_for <= bits => frame.clone(),
            _ => compress(),
        }
    }
}

impl From<Message> for Prepared {
    fn from(message: Message) -> Self {
        // The payload is copied, as the received one shares the read buffer of its connection, and would keep it.
        match message {
            Message::Text(text) => Self::text(&*text),
            Message::Binary(bytes) => Self::binary(bytes),
        }
    }
}

impl From<&str> for Prepared {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Prepared {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl PartialEq for Prepared {
    fn eq(&self, other: &Self) -> bool {
        self.frame == other.frame
    }
}

impl Eq for Prepared {}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("frame", &self.frame).finish_non_exhaustive()
    }
}

/// Makes an unmasked frame, RFC 6455 section 5.2. Its first byte is `FIN`, the reserved bits and the opcode.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Bytes {
    let head = match payload.len() {
        ..126 => 2,
        126..=0xffff => 4,
        _ => 10,
    };
    let mut frame = BytesMut::with_capacity(head + payload.len()); // exactly, so that to freeze it allocates nothing
    frame.put_u8(first);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(len @ 0..=125), _) => frame.put_u8(len),
        (_, Ok(len)) => {
            frame.put_u8(126);
            frame.put_u16(len);
        }
        _ => {
            frame.put_u8(127);
            frame.put_u64(payload.len() as u64);
        }
    }
    frame.put_slice(payload);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frames_head_has_the_shortest_length_that_fits() {
        for (len, head) in [
            (0, &[0x82, 0][..]),
            (125, &[0x82, 125]),
            (126, &[0x82, 126, 0, 126]),
            (65_535, &[0x82, 126, 0xff, 0xff]),
            (65_536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let prepared = Prepared::binary(vec![7; len]);
            assert_eq!(&prepared.frame[..head.len()], head, "{len} bytes");
            assert_eq!(prepared.len(), head.len() + len);
        }
    }

    #[test]
    fn text_and_binary_stay_apart() {
        assert_eq!(Prepared::text("é").frame(), &b"\x81\x02\xc3\xa9"[..]);
        assert_eq!(Prepared::from(Message::binary(vec![0xc3, 0xa9])).frame(), &b"\x82\x02\xc3\xa9"[..]);
    }

    #[test]
    fn a_message_is_the_same_on_another_server() {
        let long = "a message that is long enough to be compressed, and worth it. ".repeat(2);
        let secret = Prepared::text(&long).uncompressed();
        for prepared in [Prepared::text("hi"), Prepared::text(&long), secret, Prepared::binary([0, 159])] {
            let there = Prepared::from_bytes(&prepared.to_bytes()).unwrap();
            assert_eq!((&there, there.twin().is_some()), (&prepared, prepared.twin().is_some()));
        }
    }

    #[test]
    fn what_is_no_message_is_none() {
        for broken in [&b""[..], &[0x9], &[0x1, 0xff], &[0x3, b'a']] {
            assert_eq!(Prepared::from_bytes(broken), None, "{broken:?}");
        }
    }
}
