//! Masking, RFC 6455 section 5.3: a client's payload is mixed with a key that nobody can foresee, so that no page can choose
//! the bytes that a proxy sees.

use bytes::{BufMut, Bytes, BytesMut};

use crate::frame::MASK;

/// Masks a frame that has no mask yet, with a key of its own from a cryptographic generator.
pub(crate) fn masked(head: &[u8], payload: &[u8]) -> Bytes {
    masked_by(rand::random(), head, payload)
}

fn masked_by(key: [u8; 4], head: &[u8], payload: &[u8]) -> Bytes {
    let mut masked = BytesMut::with_capacity(head.len() + key.len() + payload.len());
    masked.put_slice(head);
    masked[1] |= MASK;
    masked.put_slice(&key);
    let begin = masked.len();
    masked.put_slice(payload);
    apply(&mut masked[begin..], key);
    masked.freeze()
}

/// Masks or unmasks a payload.
pub(crate) fn apply(payload: &mut [u8], key: [u8; 4]) {
    if key == [0; 4] {
        return; // which changes nothing
    }
    let mut wide = [0; 64];
    wide.iter_mut().zip(key.iter().cycle()).for_each(|(wide, key)| *wide = *key);
    let xor = |bytes: &mut [u8]| bytes.iter_mut().zip(&wide).for_each(|(byte, key)| *byte ^= key);
    // Blocks whose length the compiler knows, as it makes a few instructions of each.
    let (blocks, rest) = payload.as_chunks_mut::<64>();
    blocks.iter_mut().for_each(|block| xor(block));
    xor(rest);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prepared::Prepared;

    #[test]
    fn the_example_of_the_rfc() {
        // Section 5.7.
        let masked = masked_by([0x37, 0xfa, 0x21, 0x3d], b"\x81\x05", b"Hello");
        assert_eq!(masked, &b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"[..]);
    }

    #[test]
    fn a_frame_of_any_length_keeps_its_head_and_its_payload() {
        for len in [0, 1, 63, 64, 65, 125, 126, 65_535, 65_536] {
            let prepared = Prepared::binary(vec![7; len]);
            let head = prepared.len() - len;
            let mut masked = masked(prepared.frame().head(), prepared.payload()).to_vec();
            let key = [masked[head], masked[head + 1], masked[head + 2], masked[head + 3]];
            apply(&mut masked[head + 4..], key);
            masked.drain(head..head + 4);
            masked[1] &= !MASK;
            assert_eq!(masked, prepared.frame().pieces().0[..], "{len} bytes");
        }
    }

    #[test]
    fn no_two_frames_have_the_same_key() {
        let keys = (0..1000).map(|_| masked(b"\x81\x00", b"")).collect::<std::collections::HashSet<_>>();
        assert!(keys.len() > 990, "{} different keys of 1000", keys.len());
    }
}
