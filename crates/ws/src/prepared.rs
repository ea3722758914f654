use bytes::{BufMut, Bytes, BytesMut};

use crate::Message;

/// A message as the complete frame that goes over the wire, made once and shared by all its receivers.
///
/// A clone is one reference count. Frames of a server carry no mask, so that the same bytes suit every client.
///
/// ```
/// use ws::Prepared;
///
/// let prepared = Prepared::text("Hello!");
/// let same = prepared.clone(); // no copy
/// assert_eq!(same.len(), 2 + 6); // the frame's head, and the text
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    frame: Bytes,
}

impl Prepared {
    /// Prepares a text message.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self { frame: frame(0x1, text.as_ref().as_bytes()) }
    }

    /// Prepares a binary message.
    pub fn binary(bytes: impl AsRef<[u8]>) -> Self {
        Self { frame: frame(0x2, bytes.as_ref()) }
    }

    /// The frame's length in bytes, its head included.
    #[expect(clippy::len_without_is_empty, reason = "a frame is never empty: it has a head")]
    pub fn len(&self) -> usize {
        self.frame.len()
    }

    pub(crate) fn frame(&self) -> &Bytes {
        &self.frame
    }

    pub(crate) fn into_frame(self) -> Bytes {
        self.frame
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

/// Makes an unfragmented, unmasked frame, RFC 6455 section 5.2.
fn frame(opcode: u8, payload: &[u8]) -> Bytes {
    const MAX_HEAD: usize = 10;
    let mut frame = BytesMut::with_capacity(MAX_HEAD + payload.len());
    frame.put_u8(0x80 | opcode);
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
        assert_eq!(Prepared::text("é").into_frame(), &b"\x81\x02\xc3\xa9"[..]);
        assert_eq!(Prepared::from(Message::binary(vec![0xc3, 0xa9])).into_frame(), &b"\x82\x02\xc3\xa9"[..]);
    }
}
