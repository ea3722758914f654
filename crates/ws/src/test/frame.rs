use crate::close::CloseFrame;
use crate::frame::{BINARY, FIN, MASK, TEXT};
use crate::mask;

/// A frame as it goes over the wire, whatever is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// `FIN` (0x80), the reserved bits and the opcode: 0x81 for a whole text.
    pub first: u8,
    /// The payload, without any mask.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Creates a frame with this first byte.
    pub fn new(first: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self { first, payload: payload.into() }
    }

    /// Creates a whole text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(FIN | TEXT, text.into())
    }

    /// Creates a whole binary message.
    pub fn binary(bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(FIN | BINARY, bytes)
    }

    /// Creates a ping.
    pub fn ping(payload: impl Into<Vec<u8>>) -> Self {
        Self::new(0x89, payload)
    }

    /// The frame's bytes with a mask, as a client sends them. The key is always the same.
    pub fn masked(&self) -> Vec<u8> {
        let mut bytes = self.head(MASK);
        bytes.extend(KEY);
        let begin = bytes.len();
        bytes.extend(&self.payload);
        mask::apply(&mut bytes[begin..], KEY);
        bytes
    }

    /// The frame's bytes without a mask, as a server sends them.
    pub fn unmasked(&self) -> Vec<u8> {
        [&self.head(0)[..], &self.payload].concat()
    }

    /// The code and the reason of a close frame.
    ///
    /// # Panics
    ///
    /// If it is another frame, or has no code, or a reason that is not UTF-8.
    #[track_caller]
    pub fn close(&self) -> (u16, String) {
        assert_eq!(self.first, 0x88, "{self:?} is a close");
        let (code, reason) = self.payload.split_first_chunk::<2>().expect("a close with a code");
        (u16::from_be_bytes(*code), String::from_utf8(reason.to_vec()).expect("UTF-8"))
    }

    fn head(&self, mask: u8) -> Vec<u8> {
        let mut head = vec![self.first];
        match (u8::try_from(self.payload.len()), u16::try_from(self.payload.len())) {
            (Ok(len @ 0..=125), _) => head.push(mask | len),
            (_, Ok(len)) => {
                head.push(mask | 126);
                head.extend(len.to_be_bytes());
            }
            _ => {
                head.push(mask | 127);
                head.extend((self.payload.len() as u64).to_be_bytes());
            }
        }
        head
    }
}

impl From<CloseFrame> for Frame {
    fn from(close: CloseFrame) -> Self {
        Self::new(0x88, [&close.code().0.to_be_bytes()[..], close.reason().as_bytes()].concat())
    }
}

/// That of the examples in RFC 6455.
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
