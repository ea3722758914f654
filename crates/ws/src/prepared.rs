use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::Message;
use crate::deflate::Deflater;
use crate::frame::{BINARY, FIN, RSV1, TEXT};

mod frame;

pub(crate) use self::frame::Frame;

/// A message as the complete frame that goes over the wire, made once and shared by all its receivers.
///
/// A clone is a reference count or two. Frames of a server carry no mask, so that the same bytes suit every client; a client masks
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
    frame: Frame,
    /// `None` where it is never compressed.
    twin: Option<Arc<Twin>>,
}

/// The compressed frame of a message, made when it is first asked for.
#[derive(Default)]
pub(crate) struct Twin(OnceLock<(u8, Option<Frame>)>);

/// Says, between servers, that a message has no twin.
const NEVER_COMPRESSED: u8 = 0x10;

/// Shorter payloads have no twin. No threshold is lower.
const MIN_TWIN: usize = 64;

impl Prepared {
    /// Prepares a text message.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::new(Frame::copied(FIN | TEXT, text.as_ref().as_bytes()))
    }

    /// Prepares a binary message.
    pub fn binary(bytes: impl AsRef<[u8]>) -> Self {
        Self::new(Frame::copied(FIN | BINARY, bytes.as_ref()))
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

    fn new(frame: Frame) -> Self {
        let twin = (frame.payload().len() >= MIN_TWIN).then(Arc::default);
        Self { frame, twin }
    }

    /// The frame, not compressed.
    pub(crate) fn frame(&self) -> &Frame {
        &self.frame
    }

    /// The frame for a connection with this compression, whatever was sent there before.
    pub(crate) fn frame_for(&self, deflater: Option<Deflater>) -> Frame {
        deflater.map_or_else(|| self.frame.clone(), |deflater| deflater.shared(self))
    }

    /// Whether the other is a clone, and not merely equal.
    pub(crate) fn is(&self, other: &Self) -> bool {
        let twins = [self, other].map(|message| message.twin.as_ref().map(Arc::as_ptr));
        self.frame.is(&other.frame) && twins[0] == twins[1]
    }

    /// The same, where nobody else has the message: no reference is counted.
    pub(crate) fn into_frame(self) -> Frame {
        self.frame
    }

    pub(crate) fn payload(&self) -> &[u8] {
        self.frame.payload()
    }

    /// The message for another server: what kind it is, and its payload.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let plain = if self.twin.is_none() { NEVER_COMPRESSED } else { 0 };
        [&[self.frame.first() & 0x0f | plain], self.payload()].concat()
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
    pub(crate) fn deflated(&self, payload: Vec<u8>) -> Frame {
        Frame::sharing(FIN | RSV1 | (self.frame.first() & 0x0f), payload.into())
    }
}

impl Twin {
    /// The compressed frame for a receiver with a window of so many bits; `None` where compressing does not pay. What was
    /// compressed for a larger window does not suit, and such a receiver gets its own.
    pub(crate) fn get(&self, bits: u8, compress: impl Fn() -> Option<Frame>) -> Option<Frame> {
        match self.0.get_or_init(|| (bits, compress())) {
            (made_for, frame) if *made_for <= bits => frame.clone(),
            _ => compress(),
        }
    }
}

/// Shares the payload from 4 KiB on, and copies a shorter one. A message that was received has just the memory that it needs; one of
/// a slice of something larger keeps all of that.
impl From<Message> for Prepared {
    fn from(message: Message) -> Self {
        Self::new(match message {
            Message::Text(text) => Frame::sharing(FIN | TEXT, text.into()),
            Message::Binary(bytes) => Frame::sharing(FIN | BINARY, bytes),
        })
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
        self.frame.first() == other.frame.first() && self.payload() == other.payload()
    }
}

impl Eq for Prepared {}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (head, payload) = (self.frame.head().escape_ascii(), self.payload().escape_ascii());
        f.debug_struct("Prepared")
            .field("frame", &format_args!("b\"{head}{payload}\""))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_binary_stay_apart() {
        assert_eq!(Prepared::text("é").frame().pieces().0, &b"\x81\x02\xc3\xa9"[..]);
        assert_eq!(
            Prepared::from(Message::binary(vec![0xc3, 0xa9])).frame().pieces().0,
            &b"\x82\x02\xc3\xa9"[..]
        );
    }

    #[test]
    fn a_long_message_that_was_received_is_shared_and_equal_to_a_copy() {
        for message in [Message::text("é".repeat(5000)), Message::binary(vec![7; 100_000])] {
            let shared = Prepared::from(message.clone());
            assert_eq!(shared.payload().as_ptr(), message.as_bytes().as_ptr());
            let copied = match &message {
                Message::Text(text) => Prepared::text(&**text),
                Message::Binary(bytes) => Prepared::binary(bytes),
            };
            assert_ne!(copied.payload().as_ptr(), message.as_bytes().as_ptr());
            assert_eq!((&shared, shared.len()), (&copied, copied.len()));
            assert_eq!(shared.to_bytes(), copied.to_bytes());
        }
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
