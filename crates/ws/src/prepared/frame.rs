use bytes::{BufMut, Bytes, BytesMut};

use crate::batch::GATHER;

/// A frame as it goes out, before any mask. A clone is a reference count or two.
///
/// Short payloads stand behind their head, so that there is one piece to write. A long one that somebody has already stays
/// where it is, and the head is apart: to copy it costs more than to write two pieces at once.
#[derive(Clone)]
pub(crate) struct Frame {
    /// The head, and what stands behind it.
    front: Bytes,
    /// The payload, where that is apart.
    apart: Option<Bytes>,
}

impl Frame {
    /// Makes a frame in one piece. Its first byte is `FIN`, the reserved bits and the opcode.
    pub(crate) fn copied(first: u8, payload: &[u8]) -> Self {
        Self { front: front(first, payload.len(), payload), apart: None }
    }

    /// Makes a frame that shares the payload, if it is long.
    pub(crate) fn sharing(first: u8, payload: Bytes) -> Self {
        if payload.len() < APART {
            return Self::copied(first, &payload);
        }
        Self { front: front(first, payload.len(), &[]), apart: Some(payload) }
    }

    /// `FIN`, the reserved bits and the opcode.
    pub(crate) fn first(&self) -> u8 {
        self.front[0]
    }

    /// Head and payload.
    pub(crate) fn len(&self) -> usize {
        self.front.len() + self.apart.as_ref().map_or(0, Bytes::len)
    }

    pub(crate) fn head(&self) -> &[u8] {
        let end = match self.front[1] {
            127 => 10,
            126 => 4,
            _ => 2,
        };
        &self.front[..end]
    }

    pub(crate) fn payload(&self) -> &[u8] {
        match &self.apart {
            Some(apart) => apart,
            None => &self.front[self.head().len()..],
        }
    }

    /// What is to be written, and what behind that.
    pub(crate) fn pieces(&self) -> (&Bytes, Option<&Bytes>) {
        (&self.front, self.apart.as_ref())
    }

    /// The same, where nobody else has the frame: no reference is counted.
    pub(crate) fn into_pieces(self) -> (Bytes, Option<Bytes>) {
        (self.front, self.apart)
    }

    /// Whether the other is a clone, and not merely equal.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.front.as_ptr() == other.front.as_ptr()
    }
}

/// A head for a payload of this length, RFC 6455 section 5.2, and what stands behind it.
fn front(first: u8, length: usize, behind: &[u8]) -> Bytes {
    let head = match length {
        ..126 => 2,
        126..=0xffff => 4,
        _ => 10,
    };
    let mut front = BytesMut::with_capacity(head + behind.len()); // exactly, so that to freeze it allocates nothing
    front.put_u8(first);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ 0..=125), _) => front.put_u8(length),
        (_, Ok(length)) => {
            front.put_u8(126);
            front.put_u16(length);
        }
        _ => {
            front.put_u8(127);
            front.put_u64(length as u64);
        }
    }
    front.put_slice(behind);
    front.freeze()
}

/// From this length on a payload is apart. A batch gathers what is shorter.
const APART: usize = GATHER;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frames_head_has_the_shortest_length_that_fits_whether_the_payload_is_apart_or_not() {
        for (len, head) in [
            (0, &[0x82, 0][..]),
            (125, &[0x82, 125]),
            (126, &[0x82, 126, 0, 126]),
            (APART - 1, &[0x82, 126, 0x0f, 0xff]),
            (APART, &[0x82, 126, 0x10, 0]),
            (65_535, &[0x82, 126, 0xff, 0xff]),
            (65_536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let payload = vec![7; len];
            for frame in [Frame::copied(0x82, &payload), Frame::sharing(0x82, payload.clone().into())] {
                assert_eq!(frame.head(), head, "{len} bytes");
                assert_eq!(frame.payload(), payload, "{len} bytes");
                assert_eq!(frame.len(), head.len() + len);
            }
        }
    }

    #[test]
    fn a_long_payload_is_shared_and_a_short_one_is_in_one_piece_with_its_head() {
        let long = Bytes::from(vec![7; APART]);
        assert_eq!(Frame::sharing(0x82, long.clone()).payload().as_ptr(), long.as_ptr());
        assert!(Frame::sharing(0x82, long.slice(1..)).pieces().1.is_none());
    }
}
