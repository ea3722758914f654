//! The inspector against a slow parser that sees all bytes at once, and was written without looking at it.

use proptest::prelude::*;

use super::*;
use crate::compression::Half;
use crate::conf::Compression;
use crate::deflate::{Deflater, History};
use crate::frame::{FIN, MAX_SLICE_HEAD, write_slice_head};
use crate::inflate::Limits;
use crate::prepared::Prepared;

/// What a receiver makes of frames, whatever slices they came in.
#[derive(Clone, Debug, PartialEq)]
enum Item {
    Byte(u8),
    EndOfMessage,
    Begin(u8),
    Control(u8, Vec<u8>),
}

const LIMITS: Limits = Limits { bytes: 1 << 20, ratio: 0 };

fn conf() -> WsConf {
    WsConf { max_message_bytes: 70_000, max_fragments: 8, max_overhead_frames: 16, ..WsConf::default() }
}

/// The parser: no state but a position, no mercy, no speed.
fn reference(role: Role, wire: &[u8], conf: &WsConf) -> (Vec<Item>, Option<Verdict>) {
    let mut items = Vec::new();
    let mut at = 0;
    let mut message: Option<(u64, usize)> = None;
    let mut tokens = conf.max_overhead_frames;
    macro_rules! need {
        ($range:expr) => {
            match wire.get($range) {
                Some(bytes) => bytes,
                None => return (items, None),
            }
        };
    }
    macro_rules! refuse {
        ($reason:expr) => {
            return (items, Some(Verdict::Protocol($reason)))
        };
    }
    loop {
        let start = need!(at..at + 2);
        let (fin, rsv, opcode) = (start[0] >= 0x80, start[0] / 16 % 8, start[0] % 16);
        let (masked, short) = (start[1] >= 0x80, start[1] % 128);
        if rsv != 0 {
            refuse!("a reserved bit is set");
        }
        if role == Role::Server && !masked {
            refuse!("a client's frame must be masked");
        }
        if role == Role::Client && masked {
            refuse!("a server's frame must not be masked");
        }
        if ![0, 1, 2, 8, 9, 10].contains(&opcode) {
            refuse!("a reserved opcode");
        }
        if opcode >= 8 && !fin {
            refuse!("a fragmented control frame");
        }
        if opcode >= 8 && short > 125 {
            refuse!("a control frame over 125 bytes");
        }
        if opcode == 0 && message.is_none() {
            refuse!("a continuation of no message");
        }
        if (opcode == 1 || opcode == 2) && message.is_some() {
            refuse!("a message inside a fragmented one");
        }
        let (length, after) = match short {
            126 => (u64::from(u16::from_be_bytes(need!(at + 2..at + 4).try_into().unwrap())), at + 4),
            127 => (u64::from_be_bytes(need!(at + 2..at + 10).try_into().unwrap()), at + 10),
            _ => (u64::from(short), at + 2),
        };
        if length > u64::MAX / 2 {
            refuse!("a length of 64 bits");
        }
        if (short == 126 && length < 126) || (short == 127 && length < 65_536) {
            refuse!("a length that is not in its shortest form");
        }
        let (bytes, fragments) = message.unwrap_or((0, 0));
        if opcode < 8 && bytes + length > conf.max_message_bytes as u64 {
            return (items, Some(Verdict::TooBig(conf.max_message_bytes)));
        }
        let key = if masked { need!(after..after + 4) } else { &[0; 4] };
        let after = if masked { after + 4 } else { after };
        let is_fragment = opcode == 0 || (opcode < 8 && !fin);
        if opcode >= 8 || (is_fragment && length == 0) {
            if tokens == 0 {
                return (items, Some(Verdict::Flood("too many control frames or empty fragments")));
            }
            tokens -= 1;
        } else if tokens < conf.max_overhead_frames {
            tokens += 1;
        }
        if is_fragment && fragments + 1 > conf.max_fragments {
            return (items, Some(Verdict::Flood("a message of too many fragments")));
        }
        let body = &wire[after..];
        let whole = body.len() as u64 >= length;
        let body = if whole { &body[..usize::try_from(length).unwrap()] } else { body };
        let plain = body.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
        if opcode >= 8 {
            if whole {
                items.push(Item::Control(opcode, plain.collect()));
            }
            if opcode == 8 {
                return (items, None);
            }
        } else {
            if opcode != 0 && (!body.is_empty() || length == 0) {
                items.push(Item::Begin(opcode));
            }
            items.extend(plain.map(Item::Byte));
            if whole && fin {
                items.push(Item::EndOfMessage);
            }
            message = (!fin).then_some((bytes + length, fragments + 1));
        }
        if !whole {
            return (items, None);
        }
        at = after + body.len();
    }
}

/// Reads what the inspector let through, which is in order but for its end, and masked in either role.
fn items(wire: &[u8]) -> Vec<Item> {
    let no_limits =
        WsConf { max_fragments: usize::MAX, max_overhead_frames: usize::MAX, ..WsConf::default() };
    // Slices of short messages have lengths in the shortest form too, so that the same parser will do.
    reference(Role::Server, wire, &WsConf { max_message_bytes: 1 << 30, ..no_limits }).0
}

/// Passes `wire` in pieces of these sizes to buffers of these sizes, each over and over again.
fn pass(conf: &WsConf, wire: &[u8], pieces: &[usize], rooms: &[usize]) -> (Vec<u8>, Option<Verdict>) {
    pass_with(inspector(Role::Server, conf), wire, pieces, rooms)
}

fn inspector(role: Role, conf: &WsConf) -> Inspector {
    Inspector::new(role, conf, None, Instant::now())
}

fn pass_with(
    mut inspector: Inspector,
    wire: &[u8],
    pieces: &[usize],
    rooms: &[usize],
) -> (Vec<u8>, Option<Verdict>) {
    let now = Instant::now();
    let (mut passed, mut begin, mut end) = (Vec::new(), 0, 0);
    let (mut pieces, mut rooms) = (pieces.iter().cycle(), rooms.iter().cycle());
    loop {
        let mut room = vec![0xee; *rooms.next().unwrap()];
        let (mut input, mut step) = (&wire[begin..end], Passed::default());
        // As the gate asks, where tungstenite has nothing; now and then it has.
        let next = if room.len() % 2 == 0 { inspector.take_next(&mut input, || now) } else { Ok(None) };
        begin = end - input.len();
        let whole = match next {
            Ok(None) => {
                step = inspector.pass(input, &mut room, || now);
                passed.extend_from_slice(&room[..step.written]);
                begin += step.read;
                inspector.take_whole()
            }
            Ok(whole) => whole,
            Err(verdict) => return (passed, Some(verdict)),
        };
        if let Some(Whole { is_text, payload }) = whole {
            assert_eq!(step.written, 0, "what was passed before is to be read first");
            let first = FIN | if is_text { TEXT } else { BINARY };
            if let Ok(len) = payload.len().try_into() {
                let mut head = [0; MAX_SLICE_HEAD];
                let end = write_slice_head(&mut head, first, len, [0; 4]);
                passed.extend(&head[..end]);
            } else {
                passed.extend([first, 0xff]);
                passed.extend((payload.len() as u64).to_be_bytes());
                passed.extend([0; 4]);
            }
            passed.extend(payload);
            continue;
        }
        if step.verdict.is_some() {
            return (passed, step.verdict);
        }
        if step.read == 0 && step.written == 0 && !inspector.has_more() {
            if end == wire.len() {
                return (passed, None);
            }
            end = wire.len().min(end + pieces.next().unwrap());
        }
    }
}

/// One of a peer's frames, mostly such as may stand there.
#[derive(Clone, Debug)]
struct Draft {
    opcode: u8,
    fin: bool,
    payload: Vec<u8>,
    mask: [u8; 4],
    /// 0 to 9: something is wrong with it. 10 and more: nothing is.
    flaw: u8,
}

fn draft() -> impl Strategy<Value = Draft> {
    let len = prop_oneof![6 => 0..20usize, 2 => 120..130usize, 2 => 1000..1050usize, 1 => 2000..5000usize,
        1 => 65_530..65_540usize];
    let payload = (len, any::<u8>())
        .prop_map(|(len, seed)| (0..len).map(|i| u8::try_from(i % 251).unwrap() ^ seed).collect());
    let opcode = prop_oneof![4 => 1..=2u8, 1 => 9..=10u8, 1 => Just(8u8).prop_filter("rarely", |_| true)];
    (opcode, any::<bool>(), payload, any::<[u8; 4]>(), 0..120u8)
        .prop_map(|(opcode, fin, payload, mask, flaw)| Draft { opcode, fin, payload, mask, flaw })
}

fn wire(role: Role, drafts: &[Draft], flaws: bool) -> Vec<u8> {
    let mut wire = Vec::new();
    let mut open = false;
    for draft in drafts {
        let Draft { mut opcode, mut fin, mut payload, mask, flaw } = draft.clone();
        if opcode >= 8 {
            fin = true;
            payload.truncate(125);
        } else if open {
            opcode = 0;
        }
        let flaw = if flaws { flaw } else { u8::MAX };
        match flaw {
            0 => opcode ^= 1,
            1 => opcode = 3 + draft.mask[0] % 5,
            2 => opcode = 11 + draft.mask[0] % 5,
            3 => fin = !fin,
            4 => payload = vec![0; 126],
            _ => {}
        }
        let rsv = if flaw == 5 { 0x10 << (payload.len() % 3) } else { 0 };
        wire.push(if fin { 0x80 } else { 0 } | rsv | opcode);
        let is_masked = (flaw == 6) != (role == Role::Server);
        let bit = if is_masked { 0x80 } else { 0 };
        let len = payload.len() as u64 | if flaw == 7 { 1 << 63 } else { 0 };
        match (u8::try_from(len), u16::try_from(len)) {
            (Ok(len @ ..=125), _) if flaw != 8 && flaw != 9 => wire.push(bit | len),
            (_, Ok(len)) if flaw != 9 => {
                wire.push(bit | 126);
                wire.extend(len.to_be_bytes());
            }
            _ => {
                wire.push(bit | 127);
                wire.extend(len.to_be_bytes());
            }
        }
        let mask = if is_masked { mask } else { [0; 4] };
        wire.extend(mask.iter().filter(|_| is_masked));
        wire.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
        if opcode < 8 {
            open = !fin;
        }
    }
    wire
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Server), Just(Role::Client)]
}

fn sizes(least: usize) -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![least..least + 20, least..3000, least..70_000], 1..6)
}

proptest! {
    #[test]
    fn verdicts_and_what_goes_before_them_are_the_slow_parsers(
        role in role(),
        drafts in prop::collection::vec(draft(), 0..25),
        cut in 0..100usize,
        pieces in sizes(1),
        rooms in sizes(MAX_HEAD),
    ) {
        let mut wire = wire(role, &drafts, true);
        wire.truncate(wire.len() - wire.len() * cut.saturating_sub(70) / 100);
        let expected = reference(role, &wire, &conf());
        let (passed, verdict) = pass_with(inspector(role, &conf()), &wire, &pieces, &rooms);
        prop_assert_eq!(verdict, expected.1);
        prop_assert!(items(&passed) == expected.0, "{:x?} became {:x?}", wire, passed);
    }

    #[test]
    fn short_frames_are_passed_as_they_are(
        drafts in prop::collection::vec(draft(), 0..8),
        pieces in sizes(1),
        rooms in sizes(MAX_HEAD),
    ) {
        let mut drafts = drafts;
        drafts.retain(|draft| draft.opcode != 8);
        for draft in &mut drafts {
            draft.payload.truncate(DIRECT.into());
        }
        let wire = wire(Role::Server, &drafts, false);
        let rooms: Vec<_> = rooms.iter().map(|room| room | 1).collect(); // so that nothing goes past tungstenite
        prop_assert_eq!(pass(&WsConf::default(), &wire, &pieces, &rooms), (wire, None));
    }

    #[test]
    fn compressed_messages_come_out_as_they_went_in(
        drafts in prop::collection::vec((draft(), 1..6usize), 0..6),
        pieces in sizes(1),
        rooms in sizes(MAX_HEAD),
        takeover: bool,
    ) {
        let peer = Half { takeover, bits: None };
        let deflater = Deflater::new(&peer, &Compression { threshold: 0, ..Compression::default() }).unwrap();
        let mut history = History::default();
        let (mut wire, mut expected) = (Vec::new(), Vec::new());
        for (draft, fragments) in &drafts {
            let message = Prepared::binary(&draft.payload);
            let frame = if takeover {
                deflater.own(&mut history, &message)
            } else {
                deflater.shared(&message)
            };
            let compressed = Prepared::payload_of(&frame);
            let len = compressed.len() / fragments + 1;
            for at in (0..compressed.len().max(1)).step_by(len) {
                let part = &compressed[at..compressed.len().min(at + len)];
                let fin = if at + len >= compressed.len() { FIN } else { 0 };
                let first = if at == 0 { frame[0] & 0x4f } else { 0 };
                let mut head = [0; MAX_SLICE_HEAD];
                let end = write_slice_head(&mut head, fin | first, part.len().try_into().unwrap(), draft.mask);
                wire.extend(&head[..end]);
                wire.extend(part.iter().zip(draft.mask.iter().cycle()).map(|(byte, key)| byte ^ key));
                wire.extend(b"\x89\x80\0\0\0\0"); // pings everywhere
                expected.push((fin, at));
            }
        }
        let inflater = Some(Inflater::new(&peer, LIMITS));
        let inspector = Inspector::new(Role::Server, &WsConf::default(), inflater, Instant::now());
        let (passed, verdict) = pass_with(inspector, &wire, &pieces, &rooms);
        prop_assert_eq!(verdict, None);
        let items = items(&passed);
        let pings = items.iter().filter(|item| matches!(item, Item::Control(9, _))).count();
        prop_assert_eq!(pings, expected.len());
        let messages = items.into_iter().filter(|item| !matches!(item, Item::Control(..))).collect::<Vec<_>>();
        let mut plain = Vec::new();
        for (draft, _) in &drafts {
            plain.push(Item::Begin(2));
            plain.extend(draft.payload.iter().copied().map(Item::Byte));
            plain.push(Item::EndOfMessage);
        }
        prop_assert!(messages == plain, "{} items became {}", plain.len(), messages.len());
    }

    #[test]
    fn compressed_noise_is_inflated_or_refused(
        noise in prop::collection::vec(any::<u8>(), 0..100),
        pieces in sizes(1),
        takeover: bool,
    ) {
        let mut wire = vec![FIN | RSV1 | BINARY, 0x80 | u8::try_from(noise.len()).unwrap(), 0, 0, 0, 0];
        wire.extend(noise);
        let inflater = Inflater::new(&Half { takeover, bits: None }, LIMITS);
        let inspector = Inspector::new(Role::Server, &WsConf::default(), Some(inflater), Instant::now());
        let (_, verdict) = pass_with(inspector, &wire, &pieces, &[100]);
        prop_assert!(matches!(verdict, None | Some(Verdict::Deflate | Verdict::TooBig(_))), "{:?}", verdict);
    }

    #[test]
    fn noise_is_judged_as_the_slow_parser_does(
        role in role(),
        wire in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let (passed, verdict) = pass_with(inspector(role, &conf()), &wire, &[1], &[MAX_HEAD]);
        let expected = reference(role, &wire, &conf());
        prop_assert_eq!((items(&passed), verdict), expected);
    }
}

#[test]
fn no_head_announces_much_more_than_has_come_in() {
    let mut head = vec![0x82, 0xff];
    head.extend(1_000_000_u64.to_be_bytes());
    head.extend([1, 2, 3, 4]);
    let conf = WsConf { max_message_bytes: 1 << 20, ..WsConf::default() };
    let (passed, verdict) = pass(&conf, &head, &[14], &[2048]);
    assert_eq!((passed, verdict), (vec![], None), "the head alone");
    head.extend([0; 100]);
    let (passed, verdict) = pass(&conf, &head, &[114], &[2048]);
    assert_eq!((&passed[..6], passed.len(), verdict), (&[0x02, 0xe4, 1, 2, 3, 4][..], 106, None));
}

#[test]
fn a_frame_is_refused_by_its_head() {
    for head in [
        &b"\xc1"[..],                                // RSV1: with the second byte
        b"\x83\x80",                                 // reserved opcode
        b"\x81\x05",                                 // no mask
        b"\x09\x80",                                 // fragmented ping
        b"\x89\xfe",                                 // ping over 125 bytes
        b"\x80\x80",                                 // stray continuation
        b"\x81\xfe\x00\x7d",                         // 125 bytes in the form for more
        b"\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00", // a length's highest bit
        b"\x81\xff\x00\x00\x00\x00\x00\x01\x11\x71", // one byte too many
        b"\x01\xfe\xff\xff\x00\x00\x00\x00",         // with what follows
    ] {
        let is_long = head == b"\x01\xfe\xff\xff\x00\x00\x00\x00";
        let mut wire = head.to_vec();
        if head.len() == 1 {
            wire.push(0x80);
        }
        if is_long {
            wire.extend([0; 0xffff]);
            wire.extend(b"\x80\xfe\x11\x72"); // 70,001 bytes together
        }
        let (_, verdict) = pass(&conf(), &wire, &[1], &[2048]);
        assert!(verdict.is_some(), "{head:x?}");
    }
}

#[test]
fn what_stands_behind_a_close_is_not_looked_at() {
    let wire = b"\x88\x80\0\0\0\0\xff\xff\xff\xff\xff";
    assert_eq!(pass(&conf(), wire, &[3], &[20]), (wire[..6].to_vec(), None));
}

#[test]
fn a_message_is_unfinished_from_its_first_byte_to_its_last() {
    let now = Instant::now();
    let mut inspector = inspector(Role::Server, &WsConf { max_message_bytes: 1 << 20, ..conf() });
    let mut out = vec![0; 1 << 20];
    let mut unfinished = |wire: &[u8]| {
        inspector.pass(wire, &mut out, || now);
        inspector.unfinished()
    };
    assert_eq!(unfinished(b""), None);
    assert!(unfinished(b"\x01").is_some(), "a byte of a head");
    let begin = unfinished(b"\x80\0\0\0\0");
    assert!(begin.is_some(), "an empty first fragment");
    assert_eq!(unfinished(b"\x89\x80\0\0\0\0"), begin, "a ping inside is no progress");
    assert_eq!(unfinished(b"\x00\xff\0\0\0\0\0\x02\0\0\0\0\0\0"), begin, "nor is a head");
    assert_eq!(unfinished(&[0; 65_535]), begin);
    let later = unfinished(&[0; 1]);
    assert!(later.is_some() && later != begin, "64 KiB are");
    assert_eq!(unfinished(&[0; 65_536]).map(|_| ()), Some(()));
    assert_eq!(unfinished(b"\x80\x80\0\0\0\0"), None, "its end");
}
