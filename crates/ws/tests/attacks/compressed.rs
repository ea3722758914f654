//! What can be hidden in compressed messages.

use flate2::{Compress, Compression as Level, FlushCompress};
use futures_util::FutureExt;
use tokio::io::{AsyncWriteExt, duplex};
use ws::test::offered;
use ws::{Compression, Error, Message, WebSocket, WsConf};

use crate::support::{Peer, masked, text};

const MIB: usize = 1 << 20;
const FIN: u8 = 0x80;
const TEXT: u8 = 0x41; // RSV1: compressed
const BINARY: u8 = 0x42;

/// A server's socket with compression, and its client.
async fn pair(conf: WsConf) -> (WebSocket, Peer) {
    let (near, far) = duplex(8 * MIB);
    (offered(near, conf, "permessage-deflate").await, Peer::client(far))
}

fn limit(max_message_bytes: usize) -> WsConf {
    WsConf { max_message_bytes, ..WsConf::default() }
}

fn deflate(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + payload.len() / 8 + 100);
    Compress::new(Level::best(), false).compress_vec(payload, &mut out, FlushCompress::Sync).expect("room");
    out.truncate(out.len() - 4);
    out
}

fn told(error: &Error) -> (u16, String) {
    let frame = error.close_frame().expect("the client is told");
    (frame.code().0, frame.reason().to_owned())
}

/// Polls until there is something; returns it, and how often others had the thread before.
fn turns(socket: &mut WebSocket) -> (Result<Option<Message>, Error>, usize) {
    let mut turns = 0;
    loop {
        match socket.recv().now_or_never() {
            Some(received) => return (received, turns),
            None => turns += 1,
        }
    }
}

#[tokio::test]
async fn a_bomb_stops_at_the_limit_and_leaves_others_the_thread() {
    let bomb = deflate(&vec![0; 16 * MIB]);
    assert!(bomb.len() < 20_000, "{} bytes", bomb.len());
    let (mut socket, mut peer) = pair(limit(8 * MIB)).await;
    peer.write(masked(FIN | BINARY, &bomb)).await;
    let (received, turns) = turns(&mut socket);
    assert_eq!(told(&received.unwrap_err()), (1009, format!("message is larger than {} bytes", 8 * MIB)));
    assert!(turns >= 13, "{turns} turns, so much more than half a MiB in one");
}

#[tokio::test]
async fn blocks_that_become_nothing_leave_others_the_thread() {
    let conf = limit(4 * MIB);
    let (mut socket, mut peer) = pair(conf).await;
    let empty = b"\0\0\0\xff\xff".repeat(MIB / 2); // stored blocks of no bytes
    peer.write(masked(BINARY, &empty)).await;
    peer.write(masked(FIN, b"\x00")).await;
    let (received, turns) = turns(&mut socket);
    assert_eq!(received.unwrap(), Some(Message::binary(Vec::new())));
    assert!(turns >= 4, "{turns} turns");
}

#[tokio::test]
async fn many_small_compressed_messages_leave_others_the_thread() {
    let (mut socket, mut peer) = pair(limit(MIB)).await;
    let mut near_one = masked(FIN | TEXT, b"\x00").repeat(10_000);
    near_one.extend(text("done"));
    peer.write(near_one).await;
    for _ in 0..10_000 {
        assert_eq!(socket.recv().await.unwrap(), Some(Message::text("")));
    }
    assert_eq!(socket.recv().await.unwrap(), Some(Message::text("done")));
    // As fragments of one message there is one `recv` for all of them.
    peer.write(masked(BINARY, b"\x00\x01\x00\xfe\xff\x2a")).await;
    peer.write(masked(0, b"\x00\x01\x00\xfe\xff\x2a").repeat(100_000)).await;
    peer.write(masked(FIN, b"\x00")).await;
    let (received, turns) = turns(&mut socket);
    assert_eq!(received.unwrap().unwrap().len(), 100_001);
    assert!(turns >= 80, "{turns} turns, so many more than 1024 frames in each");
}

#[tokio::test]
async fn odd_but_legal_blocks_pass() {
    let many = b"\x00\x01\x00\xfe\xff\x78".repeat(100); // stored blocks of one byte
    for (what, wire, expected) in [
        ("an empty message", masked(FIN | TEXT, b"\x00"), String::new()),
        ("one without a byte", masked(FIN | TEXT, b""), String::new()),
        (
            "one in empty fragments",
            [masked(TEXT, ""), masked(0, ""), masked(FIN, "")].concat(),
            String::new(),
        ),
        ("stored", masked(FIN | TEXT, b"\x00\x05\x00\xfa\xffHello\x00"), "Hello".to_owned()),
        ("a last block", masked(FIN | TEXT, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), "Hello".to_owned()),
        ("a hundred blocks", masked(FIN | TEXT, [&many[..], b"\x00"].concat()), "x".repeat(100)),
        ("no compression", masked(FIN | 0x1, "Hello"), "Hello".to_owned()),
    ] {
        let (mut socket, mut peer) = pair(limit(1000)).await;
        for _ in 0..2 {
            peer.write(&wire).await;
            assert_eq!(socket.recv().await.unwrap(), Some(Message::text(expected.as_str())), "{what}");
        }
    }
}

#[tokio::test]
async fn garbage_in_any_place_is_1007() {
    let good = deflate("All work and no play makes Jack a dull boy. ".repeat(50).as_bytes());
    let cases = [
        // The last: whether what follows makes it whole where the context goes on.
        ("a reserved type of block", vec![0x06], false),
        ("a reference to what was never sent", b"\xf2\x00\x11\x00\x00".to_vec(), false),
        ("half a block", good[..good.len() / 2].to_vec(), true),
        ("a stored block whose lengths differ", b"\x00\x05\x00\xff\xffHello\x00".to_vec(), false),
        ("a last block with a missing tail", b"\xf3\x48\xcd\xc9\xc9\x07\x00".to_vec(), true),
        ("a table of too many codes", vec![0xfc, 0xff, 0xff, 0xff], false),
        ("a byte behind the message", [&good[..], b"\xff\xff\xff"].concat(), false),
    ];
    for takeover in [false, true] {
        for (what, payload, may_go_on) in &cases {
            let compression = Compression { client_context_takeover: takeover, ..Compression::default() };
            let (mut socket, mut peer) = pair(WsConf { compression, ..limit(MIB) }).await;
            peer.write(masked(FIN | BINARY, payload)).await;
            match socket.recv().now_or_never().expect("a verdict") {
                Ok(Some(_)) if takeover && *may_go_on => {}
                received => {
                    let told = told(&received.unwrap_err());
                    assert_eq!(told, (1007, "compressed data cannot be inflated".to_owned()), "{what}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_ratio_over_the_limit_is_1008_and_one_below_it_passes() {
    let compression = Compression { max_ratio: 50, ..Compression::default() };
    let conf = WsConf { compression, ..limit(MIB) };
    let lines = (0..20_000).map(|i| format!("{i} ")).collect::<String>();
    let (mut socket, mut peer) = pair(conf).await;
    peer.write(masked(FIN | BINARY, deflate(lines.as_bytes()))).await;
    assert_eq!(socket.recv().await.unwrap().unwrap().len(), lines.len());
    peer.write(masked(FIN | BINARY, deflate(&[7; 16 * 1024]))).await;
    assert_eq!(socket.recv().await.unwrap().unwrap().len(), 16 * 1024, "so much is free");
    peer.write(masked(FIN | BINARY, deflate(&[7; 100_000]))).await;
    let error = socket.recv().await.unwrap_err();
    assert_eq!(told(&error), (1008, "a message inflates to too much".to_owned()));
}

#[tokio::test]
async fn a_compressed_message_may_come_in_any_pieces() {
    let mut random = 1u32;
    let words = (0..8000).map(|_| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        format!("{} ", random >> 12)
    });
    let payload = words.collect::<String>();
    let wire = deflate(payload.as_bytes());
    assert!(wire.len() > 20_000, "{} bytes, more than are kept before there is a stream", wire.len());
    for size in [1, 100, 10_000, 17_000, 50_000] {
        let (near, mut far) = duplex(MIB);
        let mut socket = offered(near, limit(MIB), "permessage-deflate").await;
        let frames = wire.chunks(size).enumerate().flat_map(|(i, part)| {
            let end = if (i + 1) * size >= wire.len() { FIN } else { 0 };
            masked(end | if i == 0 { TEXT } else { 0 }, part)
        });
        let frames = frames.collect::<Vec<_>>();
        let receiving = tokio::spawn(async move { socket.recv().await });
        for piece in frames.chunks(size.min(1000) * 7) {
            far.write_all(piece).await.expect("it reads");
            tokio::task::yield_now().await;
        }
        let message = receiving.await.expect("no panic").unwrap();
        assert!(message == Some(Message::text(payload.as_str())), "pieces of {size} bytes");
    }
}
