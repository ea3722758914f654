//! The wire format of protobuf, as far as OTLP needs it: <https://protobuf.dev/programming-guides/encoding/>.

/// What a field holds.
#[derive(Clone, Debug)]
pub(crate) enum Field {
    Number(u64),
    Bytes(Vec<u8>),
}

impl Field {
    pub(crate) fn number(&self) -> u64 {
        let Self::Number(number) = self else { panic!("not a number: {self:?}") };
        *number
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        let Self::Bytes(bytes) = self else { panic!("not bytes: {self:?}") };
        bytes
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes().to_vec()).expect("a text")
    }

    pub(crate) fn message(&self) -> Message {
        Message::decode(self.bytes())
    }
}

/// A message: its fields by their numbers, in their order.
#[derive(Clone, Debug)]
pub(crate) struct Message(Vec<(u64, Field)>);

impl Message {
    pub(crate) fn decode(mut bytes: &[u8]) -> Self {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let tag = varint(&mut bytes);
            let field = match tag & 7 {
                0 => Field::Number(varint(&mut bytes)),
                1 => Field::Number(fixed(&mut bytes, 8)),
                2 => {
                    let length = usize::try_from(varint(&mut bytes)).expect("a length");
                    Field::Bytes(take(&mut bytes, length).to_vec())
                }
                5 => Field::Number(fixed(&mut bytes, 4)),
                other => panic!("wire type {other}"),
            };
            fields.push((tag >> 3, field));
        }
        Self(fields)
    }

    /// All fields of this number.
    pub(crate) fn all(&self, number: u64) -> impl Iterator<Item = &Field> {
        self.0.iter().filter(move |(own, _)| *own == number).map(|(_, field)| field)
    }

    /// The last field of this number, which is the one that counts.
    pub(crate) fn last(&self, number: u64) -> Option<&Field> {
        self.all(number).last()
    }

    /// The messages below, along a path of numbers.
    pub(crate) fn below(&self, path: &[u64]) -> Vec<Self> {
        let Some((first, rest)) = path.split_first() else { return vec![self.clone()] };
        self.all(*first).flat_map(|field| field.message().below(rest)).collect()
    }
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return number;
        }
    }
    panic!("a number without end");
}

fn fixed(bytes: &mut &[u8], length: usize) -> u64 {
    take(bytes, length).iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn take<'b>(bytes: &mut &'b [u8], length: usize) -> &'b [u8] {
    let (taken, rest) = bytes.split_at(length);
    *bytes = rest;
    taken
}
