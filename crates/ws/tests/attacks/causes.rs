//! Each cause of a refusal, over a real session: the head that gives it away and nothing behind it, then the close that is
//! sent, with its code and its reason.

use rest::Engine;
use tokio::net::TcpStream;
use ws::{Error, Upgrader, WebSocket, WsConf};

use crate::support::{Head, Peer, Served, close, conf, masked, request, serve};

const MAX_HEAD: usize = 14;
const LIMIT: usize = 70_000;

const MASK: &str = "a client's frame must be masked";
const RSV: &str = "a reserved bit is set";
const OPCODE: &str = "a reserved opcode";
const FRAGMENTED: &str = "a fragmented control frame";
const LONG: &str = "a control frame over 125 bytes";
const STRAY: &str = "a continuation of no message";
const INSIDE: &str = "a message inside a fragmented one";
const SHORTEST: &str = "a length that is not in its shortest form";
const MSB: &str = "a length of 64 bits";
const BIG: &str = "message is larger than 70000 bytes";
const MANY: &str = "a message of too many fragments";
const FLOOD: &str = "too many control frames or empty fragments";
const UTF8: &str = "text is not valid UTF-8";
const DEFLATE: &str = "compressed data cannot be inflated";

async fn listen(mut socket: WebSocket) -> Result<(), Error> {
    while socket.recv().await?.is_some() {}
    Ok(())
}

async fn engine() -> Served {
    let limits =
        WsConf { max_message_bytes: LIMIT, max_fragments: 3, max_overhead_frames: 16, ..WsConf::default() };
    let mut engine = Engine::new(conf());
    engine.add_route(Upgrader::new(limits).route("/", listen));
    serve(engine).await
}

/// Connects with compression or without.
async fn open(served: &Served, compressed: bool) -> Peer<TcpStream> {
    let offer: &[&str] = if compressed { &["permessage-deflate"] } else { &[] };
    let mut peer = served.connect().await;
    peer.write(request("/", &[("Sec-WebSocket-Extensions", offer)])).await;
    let answer: Head = peer.head().await;
    assert_eq!(answer.header("sec-websocket-extensions").is_some(), compressed, "{answer:?}");
    peer
}

/// A head alone, masked, whose length is in the form that `len` has.
fn head(first: u8, len: &[u8]) -> Vec<u8> {
    let mut head = vec![first, 0x80 | len[0]];
    head.extend(&len[1..]);
    head.extend([1, 2, 3, 4]);
    head
}

/// A length of 8 bytes.
fn long(len: u64) -> Vec<u8> {
    [&[127][..], &len.to_be_bytes()].concat()
}

#[tokio::test]
async fn each_offence_in_a_head_is_refused_by_the_head_with_its_own_close() {
    let served = engine().await;
    let begun = masked(0x1, "a");
    let three = [masked(0x1, "a"), masked(0, "b"), masked(0, "c")].concat();
    let none = Vec::new();
    let mut rows = vec![
        (&none, vec![0x81, 0x05], 1002, MASK),
        (&none, vec![0x89, 0x00], 1002, MASK),
        (&none, vec![0x81, 0x7f], 1002, MASK),
        (&begun, vec![0xc0, 0x81], 1002, RSV),
        (&none, vec![0xc9, 0x80], 1002, RSV),
        (&none, vec![0xc8, 0x80], 1002, RSV),
        (&none, vec![0x09, 0x80], 1002, FRAGMENTED),
        (&none, vec![0x0a, 0x80], 1002, FRAGMENTED),
        (&none, vec![0x08, 0x82], 1002, FRAGMENTED),
        (&none, vec![0x89, 0xfe], 1002, LONG),
        (&none, vec![0x8a, 0xff], 1002, LONG),
        (&none, vec![0x88, 0xfe], 1002, LONG),
        (&none, vec![0x80, 0x81], 1002, STRAY),
        (&none, vec![0x00, 0x80], 1002, STRAY),
        (&begun, vec![0x81, 0x81], 1002, INSIDE),
        (&begun, vec![0x02, 0x81], 1002, INSIDE),
        (&none, head(0x81, &[126, 0, 125]), 1002, SHORTEST),
        (&none, head(0x82, &[126, 0, 0]), 1002, SHORTEST),
        (&none, head(0x82, &long(0xffff)), 1002, SHORTEST),
        (&none, head(0x82, &long(0)), 1002, SHORTEST),
        (&none, head(0x82, &long(1 << 63)), 1002, MSB),
        (&none, head(0x82, &long(u64::MAX)), 1002, MSB),
        (&none, head(0x82, &long(u64::MAX >> 1)), 1009, BIG),
        (&none, head(0x02, &long(LIMIT as u64 + 1)), 1009, BIG),
        (&begun, head(0x80, &long(u64::MAX >> 1)), 1009, BIG), // a sum that overflows
        (&begun, head(0x00, &long(LIMIT as u64)), 1009, BIG),
        (&three, head(0x80, &[1]), 1008, MANY),
    ];
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        rows.push((&none, vec![0x80 | opcode, 0x80], 1002, OPCODE));
    }
    for bits in [0x10, 0x20, 0x30, 0x50, 0x60, 0x70] {
        rows.push((&none, vec![0x81 | bits, 0x80], 1002, RSV));
        rows.push((&begun, vec![0x80 | bits, 0x80], 1002, RSV));
    }
    for compressed in [false, true] {
        for (before, offence, code, reason) in &rows {
            assert!(offence.len() <= MAX_HEAD, "{offence:x?}");
            let mut peer = open(&served, compressed).await;
            peer.write([&before[..], offence].concat()).await;
            let told = peer.closed().await;
            assert_eq!(told, (*code, (*reason).to_owned()), "{before:x?} then {offence:x?}");
            assert_eq!(peer.next().await, None, "{offence:x?}");
        }
    }
}

#[tokio::test]
async fn each_offence_behind_a_head_is_refused_with_its_own_close() {
    let served = engine().await;
    let pings = masked(0x89, "").repeat(17);
    let empty = [masked(0x2, ""), masked(0, "").repeat(16)].concat();
    let deflated = |payload: &[u8]| masked(0xc1, payload);
    for (compressed, wire, code, reason) in [
        (false, masked(0xc1, "x"), 1002, RSV), // compressed, where that was not agreed on
        (false, masked(0x81, b"\xff"), 1007, UTF8),
        (false, masked(0x01, b"a\xff"), 1007, UTF8), // with more to come
        (false, masked(0x88, b"\x03\xe8\xff"), 1007, UTF8),
        (true, deflated(b"\x06"), 1007, DEFLATE),
        (true, deflated(b"\xf2\x48"), 1007, DEFLATE),
        (true, deflated(b"\x00\x01\x00\xfe\xff\xff\x00"), 1007, UTF8), // a stored block with 0xff
        (false, pings, 1008, FLOOD),
        (false, empty, 1008, "a message of too many fragments"),
        (true, masked(0x8a, "").repeat(17), 1008, FLOOD),
        (false, masked(0x88, [3]), 1002, "Invalid close sequence"),
    ] {
        let mut peer = open(&served, compressed).await;
        peer.write(&wire).await;
        let mut frame = peer.frame().await;
        while frame.first == 0x8a {
            frame = peer.frame().await;
        }
        assert_eq!(frame.close(), (code, reason.to_owned()), "{wire:x?}");
    }
}

#[tokio::test]
async fn a_close_with_a_code_that_is_none_is_answered_with_1002_and_others_with_themselves() {
    let served = engine().await;
    let good = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 4999];
    let bad = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2999, 5000, 65_535];
    let rows = good.map(|code| (code, code)).into_iter().chain(bad.map(|code| (code, 1002)));
    for (said, answered) in rows {
        let mut peer = open(&served, false).await;
        peer.write(close(said, "")).await;
        assert_eq!(peer.frame().await.close().0, answered, "{said}");
        assert_eq!(peer.next().await, None, "{said}: the server ends the connection");
    }
}

#[tokio::test]
async fn the_limits_hold_from_the_first_frame_on_also_where_nobody_has_logged_in() {
    let limits = WsConf {
        max_message_bytes: LIMIT,
        first_message_timeout: std::time::Duration::from_secs(30),
        ..WsConf::default()
    };
    let mut engine = Engine::new(conf());
    engine.add_route(Upgrader::new(limits).route("/", listen));
    let served = serve(engine).await;
    for offence in [head(0x82, &long(u64::MAX >> 1)), head(0x01, &long(LIMIT as u64 + 1))] {
        let mut peer = open(&served, true).await;
        peer.write(&offence).await;
        // A message that is compressed nowhere: the limit is what counts.
        assert_eq!(peer.closed().await, (1009, BIG.to_owned()));
    }
}
