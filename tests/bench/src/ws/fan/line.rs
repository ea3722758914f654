use std::time::Duration;

use super::super::client::masked;

/// What a talker says: who, the how many-eth, and when; then words up to the length that is asked for.
pub(super) struct Line {
    pub(super) talker: usize,
    pub(super) number: u32,
    /// Since the load began.
    pub(super) at: Duration,
}

/// What is said until everyone is known to be there.
pub(super) const PROBE: &[u8] = b"is everyone there?";

/// The shortest.
const HEAD: usize = 1 + 8 + 16;

impl Line {
    /// As a client's frame; `words` is what it ends with.
    pub(super) fn frame(&self, words: &[u8]) -> Vec<u8> {
        let Self { talker, number, at } = self;
        let head = format!("{talker:01x}{number:08x}{:016x}", at.as_nanos() as u64);
        masked(0x81, &[head.as_bytes(), &words[HEAD..]].concat())
    }

    /// `None` for what is no line.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let text = str::from_utf8(text.get(..HEAD)?).ok()?;
        let number = |from: usize, to: usize| u64::from_str_radix(text.get(from..to)?, 16).ok();
        Some(Self {
            talker: number(0, 1)? as usize,
            number: number(1, 9)? as u32,
            at: Duration::from_nanos(number(9, HEAD)?),
        })
    }
}

/// What somebody may say in a chat, of so many bytes.
pub(super) fn words(bytes: usize) -> Vec<u8> {
    let words = (0..)
        .map(|n| format!(r#"{{"id":{n},"user":"user-{}","text":"line {} of many"}}"#, n * n % 97, n * 7));
    words.flat_map(String::into_bytes).take(bytes).collect()
}
