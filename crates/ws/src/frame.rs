//! Heads of frames, RFC 6455 section 5.2. What a head may say at which time is the inspector's affair.

/// The longest head of a masked frame: two bytes, a length of eight, a mask key.
pub(crate) const MAX_HEAD: usize = 14;

pub(crate) const FIN: u8 = 0x80;
pub(crate) const RSV1: u8 = 0x40;
pub(crate) const RSV: u8 = 0x70;
pub(crate) const MASK: u8 = 0x80;

pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;

/// A frame's head, as far as it has come in.
#[derive(Debug, Default)]
pub(crate) struct Head {
    bytes: [u8; MAX_HEAD],
    len: usize,
}

impl Head {
    /// Takes bytes from `input` until there are `wanted`; `false` where they do not suffice.
    pub(crate) fn fill(&mut self, wanted: usize, input: &mut &[u8]) -> bool {
        let n = wanted.saturating_sub(self.len).min(input.len());
        let (taken, rest) = input.split_at(n);
        self.bytes[self.len..self.len + n].copy_from_slice(taken);
        self.len += n;
        *input = rest;
        self.len >= wanted
    }

    /// Takes the first two bytes, which say how long the rest is.
    pub(crate) fn fill_start(&mut self, input: &mut &[u8]) -> bool {
        self.fill(2, input)
    }

    /// Takes the length. To be asked once the start is there.
    pub(crate) fn fill_length(&mut self, input: &mut &[u8]) -> bool {
        self.fill(self.length_end(), input)
    }

    /// Takes the mask's key, where there is one. To be asked once the length is there.
    pub(crate) fn fill_rest(&mut self, input: &mut &[u8]) -> bool {
        let key = if self.is_masked() { 4 } else { 0 };
        self.fill(self.length_end() + key, input)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// `FIN`, the reserved bits and the opcode.
    pub(crate) fn first(&self) -> u8 {
        self.bytes[0]
    }

    pub(crate) fn is_final(&self) -> bool {
        self.first() & FIN != 0
    }

    pub(crate) fn opcode(&self) -> u8 {
        self.first() & 0x0f
    }

    pub(crate) fn is_control(&self) -> bool {
        self.opcode() & 0x8 != 0
    }

    pub(crate) fn is_masked(&self) -> bool {
        self.bytes[1] & MASK != 0
    }

    /// The length as it stands in seven bits: itself, or 126 or 127 where it follows.
    pub(crate) fn short_length(&self) -> u8 {
        self.bytes[1] & !MASK
    }

    /// The payload's length.
    pub(crate) fn length(&self) -> u64 {
        match self.short_length() {
            126 | 127 => self.bytes[2..self.length_end()].iter().fold(0, |len, b| len << 8 | u64::from(*b)),
            len => len.into(),
        }
    }

    /// Whether no shorter form would do for the length.
    pub(crate) fn is_shortest(&self) -> bool {
        match self.short_length() {
            126 => self.length() > 125,
            127 => self.length() > 0xffff,
            _ => true,
        }
    }

    /// The key that the payload is masked with; zeros, which change nothing, where it is not.
    pub(crate) fn mask(&self) -> [u8; 4] {
        let mut mask = [0; 4];
        if self.is_masked() {
            let end = self.length_end();
            mask.copy_from_slice(&self.bytes[end..end + 4]);
        }
        mask
    }

    fn length_end(&self) -> usize {
        match self.short_length() {
            126 => 4,
            127 => 10,
            _ => 2,
        }
    }
}
