use std::borrow::Borrow;
use std::cell::Cell;

use bytes::{Bytes, BytesMut};

use crate::deflate::Deflater;
use crate::outbox::Packed;
use crate::prepared::Prepared;

/// Several messages as the bytes of one write, made once for all connections that get the same: a hub's loop offers what is new
/// to one after another.
pub(crate) struct Joined {
    deflater: Option<Deflater>,
    of: Vec<Prepared>,
    bytes: Bytes,
    packed: Packed,
}

thread_local! {
    /// What the thread has joined last: plain, and for those who have compression. So a thread keeps the memory of two writes.
    static LAST: [Cell<Option<Joined>>; 2] = const { [Cell::new(None), Cell::new(None)] };
}

impl Joined {
    /// Joins messages as a connection with this compression gets them, unless the thread has just done the same.
    ///
    /// To be given back by [`keep`](Self::keep). It is taken out meanwhile, so that a panic leaves none that is half made.
    pub(crate) fn join(
        messages: impl Iterator<Item = impl Borrow<Prepared>>,
        deflater: Option<Deflater>,
    ) -> Self {
        let last = LAST.with(|last| last[usize::from(deflater.is_some())].take());
        let mut joined = last.filter(|last| last.deflater == deflater).unwrap_or_else(|| Self {
            deflater,
            of: Vec::new(),
            bytes: Bytes::new(),
            packed: Packed::default(),
        });
        let (mut count, mut is_same) = (0, true);
        for message in messages {
            let message = message.borrow();
            if !joined.of.get(count).is_some_and(|known| known.is(message)) {
                is_same = false;
                joined.of.truncate(count);
                joined.of.push(message.clone());
            }
            count += 1;
        }
        if !is_same || count < joined.of.len() {
            joined.of.truncate(count);
            joined.make();
        }
        joined
    }

    /// How many messages they are.
    pub(crate) fn len(&self) -> usize {
        self.of.len()
    }

    /// The bytes, and how much of them is compressed; `None` where they are too many to be copied.
    pub(crate) fn bytes(&self) -> Option<(&Bytes, Packed)> {
        (!self.bytes.is_empty()).then_some((&self.bytes, self.packed))
    }

    /// The messages, one by one.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &Prepared> {
        self.of.iter()
    }

    /// Lets the thread find it again, if it is not too large for that.
    pub(crate) fn keep(self) {
        if !self.bytes.is_empty() {
            LAST.with(|last| last[usize::from(self.deflater.is_some())].set(Some(self)));
        }
    }

    fn make(&mut self) {
        (self.bytes, self.packed) = (Bytes::new(), Packed::default());
        if self.of.iter().map(Prepared::len).sum::<usize>() > MAX_BYTES {
            return;
        }
        let mut bytes = BytesMut::new();
        for message in &self.of {
            let frame = message.frame_for(self.deflater);
            self.packed.add(&frame, message.len());
            bytes.extend_from_slice(frame.head());
            bytes.extend_from_slice(frame.payload());
        }
        self.bytes = bytes.freeze();
    }
}

/// More is not copied together: it goes out in writes of the usual size.
const MAX_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compression::Half;
    use crate::conf::Compression;

    fn join(messages: &[Prepared], deflater: Option<Deflater>) -> Option<Bytes> {
        let joined = Joined::join(messages.iter(), deflater);
        let bytes = joined.bytes().map(|(bytes, _)| bytes.clone());
        joined.keep();
        bytes
    }

    #[test]
    fn the_same_messages_are_joined_once_and_others_anew() {
        let [one, two, same] = ["one", "two", "two"].map(Prepared::text);
        let first = join(&[one.clone(), two.clone()], None).expect("it is short");
        assert_eq!(*first, *b"\x81\x03one\x81\x03two");

        let again = join(&[one.clone(), two.clone()], None).expect("it is short");
        assert_eq!(again.as_ptr(), first.as_ptr(), "shared");
        for others in
            [&[one.clone(), same][..], &[two.clone(), one.clone()], &[one.clone(), two.clone(), one]]
        {
            let other = join(others, None).expect("it is short");
            assert_ne!(other.as_ptr(), first.as_ptr());
            let frames: Vec<u8> = others
                .iter()
                .flat_map(|message| [message.frame().head(), message.payload()].concat())
                .collect();
            assert_eq!(*other, *frames);
        }
    }

    #[test]
    fn those_with_compression_and_those_without_each_get_their_own() {
        let deflater = Deflater::new(&Half { takeover: false, bits: None }, &Compression::default());
        let messages =
            ["All work and no play", "makes Jack a dull boy"].map(|text| Prepared::text(text.repeat(99)));
        let plain = join(&messages, None).expect("it is short");
        let packed = join(&messages, deflater).expect("it is short");
        assert!(packed.len() < plain.len() / 2, "{} bytes of {}", packed.len(), plain.len());

        assert_eq!(
            join(&messages, None).expect("it is short").as_ptr(),
            plain.as_ptr(),
            "kept beside the other"
        );
        assert_eq!(join(&messages, deflater).expect("it is short").as_ptr(), packed.as_ptr());
    }

    #[test]
    fn what_is_too_much_to_copy_is_not_joined() {
        let long = Prepared::binary(vec![7; MAX_BYTES / 2]);
        assert_eq!(join(&[long.clone(), long.clone()], None), None);
        let [one, two] = ["one", "two"].map(Prepared::text);
        assert!(join(&[one, two], None).is_some());
    }
}
