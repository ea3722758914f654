//! What a client must not send, and what it is told then.

use futures_util::FutureExt;
use ws::{CloseCode, Message, WsConf};

use crate::support::{masked, pair, text};

const FIN: u8 = 0x80;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;

fn limit(max_message_bytes: usize) -> WsConf {
    WsConf { max_message_bytes, ..WsConf::default() }
}

/// Sends bytes, expects that they are an offence, and returns the code and the reason of the close that it deserves.
async fn verdict(conf: WsConf, bytes: &[u8]) -> (CloseCode, String) {
    let (mut socket, mut peer) = pair(conf, 1 << 20).await;
    peer.write(bytes).await;
    let error = loop {
        match socket.recv().now_or_never().expect("a verdict without waiting for more") {
            Ok(message) => assert!(message.is_some(), "the client has not closed: {bytes:x?}"),
            Err(error) => break error,
        }
    };
    assert!(error.is_protocol(), "{error:?}: {bytes:x?}");
    assert!(!error.is_closed() && !error.is_timeout() && !error.is_stopping(), "{error:?}");
    assert!(matches!(socket.recv().await, Ok(None)), "after the error");
    let frame = error.close_frame().expect("the client can be told");
    (frame.code(), frame.reason().to_owned())
}

#[tokio::test]
async fn a_breach_of_the_protocol_is_1002() {
    let unmasked = b"\x81\x05hello".to_vec();
    let long_ping = masked(FIN | 0x9, [0; 126]);
    for (what, bytes) in [
        ("unmasked", unmasked),
        ("RSV1", masked(FIN | 0x40 | TEXT, "x")),
        ("RSV2", masked(FIN | 0x20 | TEXT, "x")),
        ("RSV3", masked(FIN | 0x10 | TEXT, "x")),
        ("RSV1 on a ping", masked(FIN | 0x40 | 0x9, "")),
        ("reserved opcode 3", masked(FIN | 0x3, "")),
        ("reserved opcode 7", masked(FIN | 0x7, "")),
        ("reserved opcode 11", masked(FIN | 0xb, "")),
        ("reserved opcode 15", masked(FIN | 0xf, "")),
        ("fragmented ping", masked(0x9, "")),
        ("fragmented pong", masked(0xa, "")),
        ("fragmented close", masked(0x8, [0x03, 0xe8])),
        ("control frame over 125 bytes", long_ping),
        ("stray continuation", masked(FIN, "x")),
        ("stray continuation after a message", [text("whole"), masked(FIN, "x")].concat()),
        ("message inside a message", [masked(TEXT, "a"), text("b")].concat()),
        ("close of one byte", masked(FIN | 0x8, [3])),
    ] {
        let (code, reason) = verdict(WsConf::default(), &bytes).await;
        assert_eq!(code, CloseCode::PROTOCOL_ERROR, "{what}");
        assert!(!reason.is_empty(), "{what}");
    }
}

#[tokio::test]
async fn a_length_over_the_limit_is_refused_by_the_head_alone() {
    for len in [65_536, u64::MAX >> 1] {
        let mut head = vec![FIN | BINARY, 0x80 | 127];
        head.extend(len.to_be_bytes());
        head.extend([0; 4]);
        let (code, _) = verdict(limit(1000), &head).await;
        assert_eq!(code, CloseCode::MESSAGE_TOO_BIG, "{len}");
    }
}

#[tokio::test]
async fn text_that_is_not_utf8_is_1007() {
    let split = [masked(TEXT, b"\xce\xba\xe1"), masked(FIN, b"\xbd")].concat();
    let early = [masked(TEXT, b"ok"), masked(0, b"\xff")].concat();
    for (what, bytes) in [
        ("no UTF-8", masked(FIN | TEXT, b"\xff\xfe")),
        ("overlong", masked(FIN | TEXT, b"\xc0\xaf")),
        ("surrogate", masked(FIN | TEXT, b"\xed\xa0\x80")),
        ("beyond Unicode", masked(FIN | TEXT, b"\xf5\x80\x80\x80")),
        ("cut off", masked(FIN | TEXT, b"caf\xc3")),
        ("cut off, in fragments", split),
        ("in a fragment that is not the last", early),
        ("in a close's reason", masked(FIN | 0x8, b"\x03\xe8\xff")),
    ] {
        let (code, reason) = verdict(WsConf::default(), &bytes).await;
        assert_eq!(code, CloseCode::INVALID_PAYLOAD, "{what}");
        assert_eq!(reason, "text is not valid UTF-8", "{what}");
    }
}

#[tokio::test]
async fn a_message_over_the_limit_is_1009_and_the_reason_names_the_limit() {
    let over = "x".repeat(1001);
    for (what, bytes) in [
        ("text", text(&over)),
        ("binary", masked(FIN | BINARY, &over)),
        ("fragments", [masked(TEXT, &over[..600]), masked(FIN, &over[600..])].concat()),
        ("fragments without end", [masked(BINARY, &over[..600]), masked(0, &over[600..])].concat()),
        ("fragments by one byte", [masked(TEXT, &over[1..]), masked(FIN, "x")].concat()),
    ] {
        let (code, reason) = verdict(limit(1000), &bytes).await;
        assert_eq!(code, CloseCode::MESSAGE_TOO_BIG, "{what}");
        assert_eq!(reason, "message is larger than 1000 bytes", "{what}");
    }
}

#[tokio::test]
async fn a_message_of_exactly_the_limit_passes() {
    let (mut socket, mut peer) = pair(limit(1000), 1 << 20).await;
    let full = "x".repeat(1000);
    let fragments = [masked(TEXT, &full[..600]), masked(FIN, &full[600..])].concat();
    peer.write([text(&full), fragments, text("and on")].concat()).await;
    for expected in [&full, &full, "and on"] {
        assert_eq!(socket.recv().await.unwrap(), Some(Message::text(expected)));
    }
}

#[tokio::test]
async fn the_limit_is_a_messages_and_not_a_connections() {
    let (mut socket, mut peer) = pair(limit(10), 1 << 20).await;
    for _ in 0..100 {
        peer.write([masked(TEXT, "12345"), masked(FIN, "67890")].concat()).await;
        assert_eq!(socket.recv().await.unwrap(), Some(Message::text("1234567890")));
    }
}
