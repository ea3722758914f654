//! The inspector against a slow parser that sees all bytes at once, and was written without looking at it: the fuzz target's.

#[path = "../../fuzz/reference.rs"]
mod reference;

use proptest::prelude::*;

use super::*;
use crate::compression::Half;
use crate::conf::Compression;
use crate::deflate::{Deflater, History};
use crate::error::Error;
use crate::frame::FIN;
use crate::inflate::Limits;
use crate::prepared::Prepared;
use crate::test::Frame;
use reference::{Item, Outcome, Rules};

const LIMITS: Limits = Limits { bytes: 1 << 20, ratio: 0 };

fn conf() -> WsConf {
    WsConf { max_message_bytes: 70_000, max_fragments: 8, max_overhead_frames: 16, ..WsConf::default() }
}

fn expected(role: Role, wire: &[u8]) -> Outcome {
    let WsConf { max_message_bytes, max_fragments, max_overhead_frames, .. } = conf();
    let masks = role == Role::Server;
    reference::receive(wire, &Rules { masks, max_message_bytes, max_fragments, max_overhead_frames })
}

/// The code and the reason that the peer is told.
fn told(verdict: Verdict) -> Option<(u16, String)> {
    let close = Error::from(verdict).close_frame()?;
    Some((close.code().0, close.reason().to_owned()))
}

/// Passes `wire` in pieces of these sizes to buffers of these sizes, each over and over again. Returns the messages and
/// control frames that came of it, and the verdict.
fn pass(conf: &WsConf, wire: &[u8], pieces: &[usize], rooms: &[usize]) -> Outcome {
    pass_with(inspector(Role::Server, conf), wire, pieces, rooms)
}

fn inspector(role: Role, conf: &WsConf) -> Inspector {
    Inspector::new(role, conf, None, Instant::now())
}

fn pass_with(mut inspector: Inspector, wire: &[u8], pieces: &[usize], rooms: &[usize]) -> Outcome {
    let now = Instant::now();
    let (mut items, mut passed, mut begin, mut end) = (Vec::new(), Vec::new(), 0, 0);
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
            Err(verdict) => return Outcome { items, offence: told(verdict) },
        };
        items.extend(take_controls(&mut passed));
        let is_idle = whole.is_none() && step == Passed::default() && !inspector.has_more();
        if let Some(message) = whole {
            assert_eq!(step.written, 0, "what was passed before is to be read first");
            let opcode = if matches!(message, Message::Text(_)) { TEXT } else { BINARY };
            items.push(Item(opcode, message.as_bytes().to_vec()));
        }
        if let Some(verdict) = step.verdict {
            return Outcome { items, offence: told(verdict) };
        }
        if is_idle {
            if end == wire.len() {
                return Outcome { items, offence: None };
            }
            end = wire.len().min(end + pieces.next().unwrap());
        }
    }
}

/// Takes the control frames that are whole, each of which is masked.
fn take_controls(passed: &mut Vec<u8>) -> Vec<Item> {
    let mut items = Vec::new();
    while let Some((&[first, len, ref key @ ..], rest)) = passed.split_first_chunk::<6>() {
        assert!(
            first & 0xf8 == 0x88 && (0x80..=0xfd).contains(&len),
            "{first:x} {len:x} is no control frame's"
        );
        let len = usize::from(len & 0x7f);
        let Some(payload) = rest.get(..len) else { break };
        let payload = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
        items.push(Item(first & 0xf, payload.collect()));
        passed.drain(..6 + len);
    }
    items
}

/// One of a peer's frames, mostly such as may stand there.
#[derive(Clone, Debug)]
struct Draft {
    opcode: u8,
    fin: bool,
    payload: Vec<u8>,
    mask: [u8; 4],
    /// 0 to 10: something is wrong with it. 11 and more: nothing is.
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
    let (mut open, mut text) = (false, None);
    for draft in drafts {
        let Draft { mut opcode, mut fin, mut payload, mask, flaw } = draft.clone();
        if opcode >= 8 {
            fin = true;
            payload.truncate(125);
        } else if open {
            opcode = 0;
        }
        match opcode {
            1 => text = Some("zß水🍌".bytes().cycle()),
            2 => text = None,
            _ => {}
        }
        if let Some(text) = text.as_mut().filter(|_| opcode < 2) {
            payload = text.by_ref().take(payload.len()).collect();
            if fin {
                payload.extend(text.take_while(|byte| *byte != b'z')); // up to a character's end
            }
        }
        let flaw = if flaws { flaw } else { u8::MAX };
        match flaw {
            0 => opcode ^= 1,
            1 => opcode = 3 + draft.mask[0] % 5,
            2 => opcode = 11 + draft.mask[0] % 5,
            3 => fin = !fin,
            4 => payload = vec![0; 126],
            10 => payload.iter_mut().take(1).for_each(|byte| *byte ^= 0x80),
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
        let expected = expected(role, &wire);
        let passed = pass_with(inspector(role, &conf()), &wire, &pieces, &rooms);
        prop_assert!(passed == expected, "{:x?} became {:x?}, not {:x?}", wire, passed, expected);
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
        let (mut wire, mut pings) = (Vec::new(), 0);
        for (draft, fragments) in &drafts {
            let message = Prepared::binary(&draft.payload);
            let frame = if takeover {
                deflater.own(&mut history, &message)
            } else {
                deflater.shared(&message)
            };
            let compressed = frame.payload();
            let len = compressed.len() / fragments + 1;
            for at in (0..compressed.len().max(1)).step_by(len) {
                let part = &compressed[at..compressed.len().min(at + len)];
                let fin = if at + len >= compressed.len() { FIN } else { 0 };
                let first = if at == 0 { frame.first() & 0x4f } else { 0 };
                wire.extend(Frame::new(fin | first, part).masked());
                wire.extend(b"\x89\x80\0\0\0\0"); // pings everywhere
                pings += 1;
            }
        }
        let inflater = Some(Inflater::new(&peer, LIMITS));
        let inspector = Inspector::new(Role::Server, &WsConf::default(), inflater, Instant::now());
        let Outcome { items, offence } = pass_with(inspector, &wire, &pieces, &rooms);
        prop_assert_eq!(offence, None);
        let (sent, messages) = items.into_iter().partition::<Vec<_>, _>(|item| item.0 >= 8);
        prop_assert_eq!(sent.len(), pings);
        let plain = drafts.into_iter().map(|(draft, _)| Item(BINARY, draft.payload)).collect::<Vec<_>>();
        prop_assert!(messages == plain, "{} messages became {}", plain.len(), messages.len());
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
        let offence = pass_with(inspector, &wire, &pieces, &[100]).offence;
        prop_assert!(matches!(offence, None | Some((1007 | 1009, _))), "{:?}", offence);
    }

    #[test]
    fn noise_is_judged_as_the_slow_parser_does(
        role in role(),
        wire in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let passed = pass_with(inspector(role, &conf()), &wire, &[1], &[MAX_HEAD]);
        prop_assert_eq!(passed, expected(role, &wire));
    }
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
        let refused = pass(&conf(), &wire, &[1], &[2048]).offence;
        assert!(refused.is_some(), "{head:x?}");
    }
}

#[test]
fn what_stands_behind_a_close_is_not_looked_at() {
    let wire = b"\x88\x80\0\0\0\0\xff\xff\xff\xff\xff";
    assert_eq!(pass(&conf(), wire, &[3], &[20]), Outcome { items: vec![Item(CLOSE, vec![])], offence: None });
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
