//! A message that is put together of its frames' payloads.

use crate::message::Message;
use crate::verdict::Verdict;

/// What has come in of a message. Its memory grows with that, whatever the heads of its frames announce.
#[derive(Debug)]
pub(super) struct Assembly {
    pub(super) is_compressed: bool,
    payload: Payload,
}

#[derive(Debug)]
enum Payload {
    Binary(Vec<u8>),
    Text(String, Cut),
}

/// The begin of a character whose end is yet to come.
#[derive(Debug, Default)]
struct Cut {
    bytes: [u8; 4],
    len: usize,
}

impl Assembly {
    pub(super) fn new(is_text: bool, is_compressed: bool) -> Self {
        let payload =
            if is_text { Payload::Text(String::new(), Cut::default()) } else { Payload::Binary(Vec::new()) };
        Self { is_compressed, payload }
    }

    pub(super) fn len(&self) -> usize {
        match &self.payload {
            Payload::Binary(bytes) => bytes.len(),
            Payload::Text(text, cut) => text.len() + cut.len,
        }
    }

    /// Makes room for so many bytes that have come in, unless there is: for twice all that has, as more may come, but beyond
    /// `limit` only as far as there is something to put there.
    pub(super) fn reserve(&mut self, more: usize, limit: usize) {
        match &mut self.payload {
            Payload::Binary(bytes) => {
                bytes.reserve_exact(room(bytes.len(), bytes.capacity(), more, limit));
            }
            Payload::Text(text, cut) => {
                text.reserve_exact(room(text.len(), text.capacity(), cut.len + more, limit));
            }
        }
    }

    /// Takes a piece.
    ///
    /// A text is judged as it comes in: a byte that cannot be UTF-8 is the last one.
    pub(super) fn push(&mut self, piece: &[u8], limit: usize) -> Result<(), Verdict> {
        self.reserve(piece.len(), limit);
        match &mut self.payload {
            Payload::Binary(bytes) => {
                bytes.extend_from_slice(piece);
                Ok(())
            }
            Payload::Text(text, cut) => cut.push(piece, text),
        }
    }

    /// The message, which is at its end.
    pub(super) fn into_message(self) -> Result<Message, Verdict> {
        match self.payload {
            Payload::Binary(mut bytes) => {
                bytes.shrink_to_fit();
                Ok(Message::binary(bytes))
            }
            Payload::Text(mut text, cut) if cut.len == 0 => {
                text.shrink_to_fit();
                Ok(Message::text(text))
            }
            Payload::Text(..) => Err(Verdict::Utf8),
        }
    }
}

impl Cut {
    /// Takes a piece, and passes on to `text` what is complete.
    fn push(&mut self, mut piece: &[u8], text: &mut String) -> Result<(), Verdict> {
        while self.len > 0 && !piece.is_empty() {
            self.bytes[self.len] = piece[0];
            self.len += 1;
            piece = &piece[1..];
            if let Some(character) = complete(&self.bytes[..self.len])? {
                text.push_str(character);
                self.len = 0;
            }
        }
        let (whole, rest) = piece.split_at(piece.len() - cut_off(piece));
        text.push_str(str::from_utf8(whole).map_err(|_| Verdict::Utf8)?);
        if !rest.is_empty() {
            complete(rest)?;
            self.bytes[..rest.len()].copy_from_slice(rest);
            self.len = rest.len();
        }
        Ok(())
    }
}

/// A character, or `None` where its end is yet to come.
fn complete(bytes: &[u8]) -> Result<Option<&str>, Verdict> {
    match str::from_utf8(bytes) {
        Ok(character) => Ok(Some(character)),
        Err(error) if error.error_len().is_none() => Ok(None),
        Err(_) => Err(Verdict::Utf8),
    }
}

/// How many bytes at the end of `piece` are a character's whose end is not there.
fn cut_off(piece: &[u8]) -> usize {
    let first = |n: usize| piece[piece.len() - n];
    let begin = (1..=piece.len().min(3)).find(|n| first(*n) >= 0xc0);
    begin.filter(|n| *n < first(*n).leading_ones() as usize).unwrap_or(0)
}

/// How much more room to make for so much more.
fn room(len: usize, capacity: usize, more: usize, limit: usize) -> usize {
    let needed = len + more;
    if needed <= capacity { 0 } else { (2 * needed).min(limit).max(needed) - len }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put_together(pieces: &[&[u8]]) -> Result<Message, Verdict> {
        let mut assembly = Assembly::new(true, false);
        for piece in pieces {
            assembly.push(piece, 1000)?;
        }
        assembly.into_message()
    }

    #[test]
    fn a_text_may_be_cut_anywhere() {
        let text = "zß水🍌\u{10ffff}";
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let bytes = text.as_bytes();
                let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                assert_eq!(put_together(&pieces), Ok(Message::text(text)), "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn a_text_ends_with_the_first_byte_that_cannot_be_utf8() {
        for (good, bad) in [
            (&b""[..], 0x80),
            (b"a", 0xc0),
            (b"a", 0xff),
            (b"\xc3", b'a'),
            (b"\xe0", 0x9f), // a longer form than needed
            (b"\xed", 0xa0), // half of a surrogate pair
            (b"\xf4", 0x90), // over U+10FFFF
            (b"\xf0\x9f\x8d", 0xc0),
        ] {
            let mut assembly = Assembly::new(true, false);
            assert_eq!(assembly.push(good, 1000), Ok(()), "{good:x?}");
            assert_eq!(assembly.push(&[bad], 1000), Err(Verdict::Utf8), "{bad:x} after {good:x?}");
            assert_eq!(
                put_together(&[&[good, &[bad]].concat()]),
                Err(Verdict::Utf8),
                "{bad:x} after {good:x?}"
            );
        }
    }

    #[test]
    fn a_text_must_not_end_inside_of_a_character() {
        assert_eq!(put_together(&[b"\xf0\x9f\x8d"]), Err(Verdict::Utf8));
        assert_eq!(put_together(&[]), Ok(Message::text("")));
    }

    #[test]
    fn room_is_at_most_twice_what_has_come_in_and_never_more_than_the_limit() {
        let mut assembly = Assembly::new(false, false);
        for len in 1..=1000 {
            assembly.push(b"x", 1000).unwrap();
            let Payload::Binary(bytes) = &assembly.payload else { unreachable!() };
            assert!(bytes.capacity() <= (2 * len).min(1000), "{} for {len}", bytes.capacity());
        }
    }
}
