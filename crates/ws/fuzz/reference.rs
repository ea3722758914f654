//! What a receiver has to make of frames that are not compressed, by a parser that sees all bytes at once: no state but a
//! position, no mercy, no speed. It was written without looking at the inspector, which it judges.

/// What a peer may do.
pub(crate) struct Rules {
    /// Whether it is a client, which masks.
    pub(crate) masks: bool,
    pub(crate) max_message_bytes: usize,
    pub(crate) max_fragments: usize,
    /// How many control frames and empty fragments it may send, if no time passes.
    pub(crate) max_overhead_frames: usize,
}

/// A message or a control frame: its opcode and its payload.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item(pub(crate) u8, pub(crate) Vec<u8>);

/// What came of some bytes. What is behind an offence or a close is nobody's business.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) items: Vec<Item>,
    /// The code and the reason that the peer is told of it.
    pub(crate) offence: Option<(u16, String)>,
}

pub(crate) fn receive(wire: &[u8], rules: &Rules) -> Outcome {
    let mut items = Vec::new();
    let mut at = 0;
    let mut message: Option<(Item, usize)> = None;
    let mut tokens = rules.max_overhead_frames;
    macro_rules! need {
        ($range:expr) => {
            match wire.get($range) {
                Some(bytes) => bytes,
                None => return Outcome { items, offence: None },
            }
        };
    }
    macro_rules! refuse {
        ($code:literal $reason:expr) => {
            return Outcome { items, offence: Some(($code, $reason.to_string())) }
        };
    }
    loop {
        let start = need!(at..at + 2);
        let (fin, rsv, opcode) = (start[0] >= 0x80, start[0] / 16 % 8, start[0] % 16);
        let (masked, short) = (start[1] >= 0x80, start[1] % 128);
        if rsv != 0 {
            refuse!(1002 "a reserved bit is set");
        }
        if rules.masks && !masked {
            refuse!(1002 "a client's frame must be masked");
        }
        if !rules.masks && masked {
            refuse!(1002 "a server's frame must not be masked");
        }
        if ![0, 1, 2, 8, 9, 10].contains(&opcode) {
            refuse!(1002 "a reserved opcode");
        }
        if opcode >= 8 && !fin {
            refuse!(1002 "a fragmented control frame");
        }
        if opcode >= 8 && short > 125 {
            refuse!(1002 "a control frame over 125 bytes");
        }
        if opcode == 0 && message.is_none() {
            refuse!(1002 "a continuation of no message");
        }
        if (opcode == 1 || opcode == 2) && message.is_some() {
            refuse!(1002 "a message inside a fragmented one");
        }
        let (length, after) = match short {
            126 => (need!(at + 2..at + 4), at + 4),
            127 => (need!(at + 2..at + 10), at + 10),
            _ => (&start[1..], at + 2),
        };
        let length = length.iter().fold(0, |sum, byte| sum * 256 + u64::from(*byte));
        let length = if short < 126 { u64::from(short) } else { length };
        if length > u64::MAX / 2 {
            refuse!(1002 "a length of 64 bits");
        }
        if (short == 126 && length < 126) || (short == 127 && length < 65_536) {
            refuse!(1002 "a length that is not in its shortest form");
        }
        let (mut begun, fragments) = message.take().unwrap_or((Item(opcode, Vec::new()), 0));
        if opcode < 8 && begun.1.len() as u64 + length > rules.max_message_bytes as u64 {
            refuse!(1009 format!("message is larger than {} bytes", rules.max_message_bytes));
        }
        let key = if masked { need!(after..after + 4) } else { &[0; 4] };
        let after = if masked { after + 4 } else { after };
        let is_fragment = opcode == 0 || (opcode < 8 && !fin);
        if opcode >= 8 || (is_fragment && length == 0) {
            if tokens == 0 {
                refuse!(1008 "too many control frames or empty fragments");
            }
            tokens -= 1;
        } else if tokens < rules.max_overhead_frames {
            tokens += 1;
        }
        if is_fragment && fragments + 1 > rules.max_fragments {
            refuse!(1008 "a message of too many fragments");
        }
        let body = &wire[after..];
        let whole = body.len() as u64 >= length;
        let body = usize::try_from(length).ok().and_then(|length| body.get(..length)).unwrap_or(body);
        let plain = body.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
        if opcode >= 8 {
            if whole {
                items.push(Item(opcode, plain.collect()));
            }
            if opcode == 8 {
                return Outcome { items, offence: None };
            }
            message = (fragments > 0).then_some((begun, fragments));
        } else {
            begun.1.extend(plain);
            let is_end = whole && fin;
            match std::str::from_utf8(&begun.1) {
                Err(error) if begun.0 == 1 && (is_end || error.error_len().is_some()) => {
                    refuse!(1007 "text is not valid UTF-8");
                }
                _ if is_end => items.push(begun),
                _ => message = Some((begun, fragments + 1)),
            }
        }
        if !whole {
            return Outcome { items, offence: None };
        }
        at = after + body.len();
    }
}
