//! What is said on an open socket, in both directions.

use bytes::Bytes;
use futures_util::FutureExt;
use ws::{Message, Prepared, WebSocket, WsConf};

use crate::support::{Frame, masked, pair, text};

const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CONTINUATION: u8 = 0x0;
const FIN: u8 = 0x80;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// More than any test here sends, so that a pipe never makes anybody wait.
const WIDE: usize = 1 << 20;

/// A client that waits for nothing and nobody: the frames are in the pipe before the socket looks.
async fn received(frames: &[Vec<u8>]) -> Vec<Message> {
    let (mut socket, mut peer) = pair(WsConf::default(), WIDE).await;
    peer.write(frames.concat()).await;
    let mut messages = Vec::new();
    while let Some(message) = socket.recv().now_or_never() {
        messages.push(message.expect("no offence").expect("no close"));
    }
    messages
}

#[tokio::test]
async fn text_and_binary_are_kept_apart() {
    let (mut socket, mut peer) = pair(WsConf::default(), WIDE).await;
    peer.write([text("hé"), masked(FIN | BINARY, "hé"), text(""), masked(FIN | BINARY, "")].concat()).await;
    for expected in
        [Message::text("hé"), Message::binary("hé"), Message::text(""), Message::binary(Bytes::new())]
    {
        assert_eq!(socket.recv().await.unwrap(), Some(expected));
    }

    socket.send("hé").await.unwrap();
    socket.send(Message::binary(&b"\xff"[..])).await.unwrap();
    socket.send(Message::text("")).await.unwrap();
    assert_eq!(peer.frame().await, Frame::new(FIN | TEXT, "hé"));
    assert_eq!(peer.frame().await, Frame::new(FIN | BINARY, *b"\xff"));
    assert_eq!(peer.frame().await, Frame::new(FIN | TEXT, ""));
}

#[tokio::test]
async fn a_message_of_any_length_arrives_whole_both_ways() {
    let conf = WsConf { max_message_bytes: 100_000, ..WsConf::default() };
    for len in [0, 1, 125, 126, 127, 4095, 4096, 4097, 65_535, 65_536, 100_000] {
        let (mut socket, mut peer) = pair(conf.clone(), WIDE).await;
        let long = "x".repeat(len);
        peer.write(text(&long)).await;
        let message = socket.recv().await.unwrap().unwrap();
        assert_eq!(message, Message::text(long.as_str()), "{len} bytes in");
        socket.send(message).await.unwrap();
        assert_eq!(peer.text().await, long, "{len} bytes out");
    }
}

#[tokio::test]
async fn fragments_are_put_together() {
    let whole = "fragmented: é".as_bytes();
    let (first, rest) = whole.split_at(whole.len() - 1); // in the middle of a character
    let messages = received(&[
        masked(TEXT, first),
        masked(CONTINUATION, ""),
        masked(FIN | CONTINUATION, rest),
        masked(BINARY, "a"),
        masked(FIN | CONTINUATION, "b"),
    ])
    .await;
    assert_eq!(messages, [Message::text("fragmented: é"), Message::binary("ab")]);
}

#[tokio::test]
async fn a_ping_is_answered_with_its_payload_while_a_message_is_awaited() {
    let (mut socket, mut peer) = pair(WsConf::default(), WIDE).await;
    let waiting = tokio::spawn(async move { socket.recv().await });
    for payload in ["", "hello", &"x".repeat(125)] {
        peer.write(masked(PING, payload)).await;
        assert_eq!(peer.frame().await, Frame::new(PONG, payload));
    }
    assert!(!waiting.is_finished(), "a ping is no message");
}

#[tokio::test]
async fn control_frames_may_come_between_fragments() {
    let (mut socket, mut peer) = pair(WsConf::default(), WIDE).await;
    let frames = [
        masked(TEXT, "a"),
        masked(PING, "between"),
        masked(CONTINUATION, "b"),
        masked(PONG, "nobody asked"),
        masked(FIN | CONTINUATION, "c"),
    ];
    peer.write(frames.concat()).await;
    assert_eq!(socket.recv().await.unwrap(), Some(Message::text("abc")));
    assert_eq!(peer.frame().await, Frame::new(PONG, "between"));
}

#[tokio::test]
async fn of_a_flood_of_pings_only_the_newest_is_answered_while_the_socket_is_stuck() {
    // given a client that pings and pings and reads nothing
    let (mut socket, mut peer) = pair(WsConf::default(), 300).await;
    let received = tokio::spawn(async move { (socket.recv().await, socket.recv().await, socket) });
    for i in 0..1000 {
        peer.write(masked(PING, format!("{i:0>125}"))).await;
    }
    peer.write([text("done"), text("really")].concat()).await;
    let (first, second, mut socket) = received.await.unwrap();
    assert_eq!(first.unwrap(), Some(Message::text("done")));
    assert_eq!(second.unwrap(), Some(Message::text("really")));

    // when it reads
    let sent = tokio::spawn(async move { socket.send("behind them").await });
    let mut pongs = Vec::new();
    let last = loop {
        let frame = peer.frame().await;
        if frame.first != PONG {
            break frame;
        }
        pongs.push(frame.payload);
    };

    // then it gets what the pipe held, what was being written (16 go together), and the newest
    sent.await.unwrap().unwrap();
    assert_eq!(last, Frame::new(FIN | TEXT, "behind them"));
    assert!(pongs.len() <= 20, "{} pongs were kept", pongs.len());
    assert_eq!(pongs.last().unwrap(), format!("{:0>125}", 999).as_bytes(), "the newest is the last");
}

#[tokio::test]
async fn recv_loses_nothing_when_it_is_dropped_anywhere() {
    // given a fragmented message with a ping inside, and one more
    let frames =
        [masked(TEXT, "one "), masked(PING, "?"), masked(FIN | CONTINUATION, "message"), text("two")];
    let (mut socket, mut peer) = pair(WsConf::default(), WIDE).await;
    // when it comes byte by byte, and a `recv` begins and is dropped at each
    let mut messages = Vec::new();
    for byte in frames.concat() {
        peer.write([byte]).await;
        if let Some(message) = socket.recv().now_or_never() {
            messages.push(message.unwrap().unwrap());
        }
    }
    // then all is there
    assert_eq!(messages, [Message::text("one message"), Message::text("two")]);
    assert_eq!(peer.frame().await, Frame::new(PONG, "?"));
}

#[tokio::test]
async fn a_dropped_send_sends_the_message_whole_or_not_at_all() {
    let (mut socket, mut peer) = pair(WsConf::default(), 16).await;
    let long = "x".repeat(1000);

    drop(socket.send("never polled"));
    assert!(socket.send(long.as_str()).now_or_never().is_none(), "the pipe is too short for it");
    let next = tokio::spawn(async move { socket.send("next").await });

    assert_eq!(peer.text().await, long);
    assert_eq!(peer.text().await, "next");
    next.await.unwrap().unwrap();
}

#[tokio::test]
async fn dropped_sends_do_not_pile_up() {
    let (mut socket, mut peer) = pair(WsConf::default(), 16).await;
    for _ in 0..10_000 {
        assert!(socket.send("x".repeat(100)).now_or_never().is_none(), "the client reads nothing");
    }
    let last = tokio::spawn(async move { socket.send("last").await });
    let mut sent = 0;
    while peer.text().await != "last" {
        sent += 1;
    }
    last.await.unwrap().unwrap();
    assert!(sent <= 256, "{sent} messages were kept for a client that reads nothing");
}

#[tokio::test]
async fn a_frame_is_never_torn_by_a_pong() {
    // given a message that is being written to a client that takes it byte by byte
    let (socket, mut peer) = pair(WsConf::default(), 64).await;
    let (mut reader, mut writer) = socket.split();
    let long = "x".repeat(100_000);
    let message = Prepared::text(&long);
    let sending = tokio::spawn(async move { writer.send(message).await });
    let receiving = tokio::spawn(async move { (reader.recv().await, reader) });
    tokio::task::yield_now().await;
    // when the client pings
    peer.write([masked(PING, "now"), text("and go on")].concat()).await;
    // then the pong comes behind the message
    let (message, _reader) = receiving.await.unwrap();
    assert_eq!(message.unwrap(), Some(Message::text("and go on")));
    assert_eq!(peer.text().await, long);
    assert_eq!(peer.frame().await, Frame::new(PONG, "now"));
    sending.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_sink_writes_what_it_was_fed_in_order() {
    use futures_util::{SinkExt, StreamExt, stream};

    let (socket, mut peer) = pair(WsConf::default(), 1000).await;
    let (_reader, mut writer) = socket.split();
    let fed = tokio::spawn(async move {
        let mut lines = stream::iter((0..1000).map(|i| Ok(format!("line {i}"))));
        SinkExt::<String>::send_all(&mut writer, &mut lines.by_ref()).await
    });
    for i in 0..1000 {
        assert_eq!(peer.text().await, format!("line {i}"));
    }
    fed.await.unwrap().unwrap();
}

/// Both halves wait for the same socket most of the time: a wake-up that one of them took from the other would hang this.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_halves_work_in_two_tasks() {
    const COUNT: usize = 3000;
    let (socket, peer): (WebSocket, _) = pair(WsConf::default(), 50).await;
    let (mut reader, mut writer) = socket.split();
    let sending = tokio::spawn(async move {
        for i in 0..COUNT {
            writer.send(format!("from the server {i}")).await.unwrap();
        }
        writer
    });
    let receiving = tokio::spawn(async move {
        for i in 0..COUNT {
            let expected = Message::text(format!("from the client {i}"));
            assert_eq!(reader.recv().await.unwrap(), Some(expected));
        }
        // Goes on reading, as only a polled reader answers pings.
        tokio::spawn(async move { reader.recv().await });
    });

    let (read, write) = tokio::io::split(peer.io);
    let mut ears = crate::support::Peer::client(tokio::io::join(read, tokio::io::sink()));
    let mut mouth = crate::support::Peer::client(tokio::io::join(tokio::io::empty(), write));
    let talking = tokio::spawn(async move {
        for i in 0..COUNT {
            mouth.write(masked(PING, i.to_string())).await;
            mouth.write(text(&format!("from the client {i}"))).await;
        }
        mouth
    });
    let (mut texts, mut newest_pong) = (0, Vec::new());
    while texts < COUNT || newest_pong != (COUNT - 1).to_string().as_bytes() {
        let frame = ears.frame().await;
        if frame.first == PONG {
            newest_pong = frame.payload;
            continue;
        }
        assert_eq!(frame, Frame::new(FIN | TEXT, format!("from the server {texts}")));
        texts += 1;
    }
    let _open = (talking.await.unwrap(), sending.await.unwrap());
    receiving.await.unwrap();
}
