//! A socket in the client's role, on a connection whose handshake is done.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::io::AsyncReadExt;
use tokio::time::Instant;
use ws::test::{Frame, Peer};
use ws::{CloseCode, CloseFrame, Compression, Error, Message, Prepared, WebSocket, WsConf};

/// More than any test here sends, so that a pipe never makes anybody wait.
const WIDE: usize = 1 << 20;

fn bye() -> CloseFrame {
    CloseFrame::new(CloseCode::NORMAL, "bye")
}

#[tokio::test]
async fn every_frame_of_a_client_is_masked_by_a_key_of_its_own() {
    // given a message that is sent a hundred times
    let (mut socket, mut peer) = Peer::of_client(WsConf::default(), WIDE).await;
    let message = Prepared::text("always the same");
    for _ in 0..100 {
        socket.send(message.clone()).await.unwrap();
    }
    // then no two of its frames are alike on the wire
    let mut frames = HashSet::new();
    for _ in 0..100 {
        let mut frame = [0; 2 + 4 + 15];
        peer.io.read_exact(&mut frame).await.unwrap();
        assert_eq!(frame[..2], [0x81, 0x80 | 15]);
        frames.insert(frame);
    }
    assert_eq!(frames.len(), 100);
}

#[tokio::test]
async fn a_client_masks_pongs_and_closes_too() {
    // `Peer` wants a mask on each frame.
    let (mut socket, mut peer) = Peer::of_client(WsConf::default(), WIDE).await;
    peer.send(Frame::ping("now")).await;
    assert!(socket.recv().now_or_never().is_none(), "a ping is no message");
    assert_eq!(peer.frame().await, Frame::new(0x8a, "now"));
    peer.send(CloseFrame::new(CloseCode::GOING_AWAY, "that is all")).await;
    assert_eq!(socket.recv().await.unwrap(), None);
    assert_eq!(peer.frame().await.close(), (1001, "that is all".to_owned()), "the echo");
}

#[tokio::test]
async fn a_message_of_any_length_arrives_whole_both_ways() {
    let conf = WsConf { max_message_bytes: 100_000, ..WsConf::default() };
    for len in [0, 1, 125, 126, 127, 512, 513, 4095, 4096, 4097, 65_535, 65_536, 100_000] {
        let (mut socket, mut peer) = Peer::of_client(conf.clone(), WIDE).await;
        let long = "x".repeat(len);
        peer.send(Frame::text(&long)).await;
        let message = socket.recv().await.unwrap().unwrap();
        assert_eq!(message, Message::text(long.as_str()), "{len} bytes in");
        socket.send(message).await.unwrap();
        assert_eq!(peer.text().await, long, "{len} bytes out");
    }
}

#[tokio::test]
async fn fragments_are_put_together_byte_by_byte() {
    let (mut socket, mut peer) = Peer::of_client(WsConf::default(), WIDE).await;
    let frames =
        [Frame::new(0x01, "one "), Frame::ping("?"), Frame::new(0x80, "message"), Frame::binary("two")];
    let mut messages = Vec::new();
    for byte in frames.iter().flat_map(Frame::unmasked) {
        peer.write([byte]).await;
        messages.extend(socket.recv().now_or_never().map(|message| message.unwrap().unwrap()));
    }
    assert_eq!(messages, [Message::text("one message"), Message::binary("two")]);
}

#[tokio::test]
async fn what_a_server_must_not_send_is_refused_by_its_head() {
    for (head, reason) in [
        (&b"\x81\x80"[..], "a server's frame must not be masked"),
        (b"\xc1\x00", "a reserved bit is set"),
        (b"\x83\x00", "a reserved opcode"),
        (b"\x80\x00", "a continuation of no message"),
        (b"\x09\x00", "a fragmented control frame"),
        (b"\x89\x7e", "a control frame over 125 bytes"),
    ] {
        let (mut socket, mut peer) = Peer::of_client(WsConf::default(), WIDE).await;
        peer.write(head).await;
        let error = socket.recv().await.unwrap_err();
        assert!(error.is_protocol());
        assert_eq!(error.to_string(), reason);
    }
}

#[tokio::test]
async fn a_client_says_why_it_leaves_when_nobody_does_it_for_it() {
    // given a client that reads a message over its limit
    let conf = WsConf { max_message_bytes: 100, ..WsConf::default() };
    let (mut socket, mut peer) = Peer::of_client(conf, WIDE).await;
    peer.send(Frame::text("x".repeat(101))).await;
    let error = socket.recv().await.unwrap_err();
    // when it is dropped, as `?` does
    drop(socket);
    // then the server has been told
    assert_eq!(error.close_frame().unwrap().code(), CloseCode::MESSAGE_TOO_BIG);
    assert_eq!(peer.frame().await.close(), (1009, "message is larger than 100 bytes".to_owned()));
    assert_eq!(peer.next().await, None);
}

#[tokio::test]
async fn a_handler_that_is_run_need_not_close() {
    let refusal = || CloseFrame::new(CloseCode(4000), "enough");
    for (ended, close) in [
        (Ok(()), (1000, String::new())),
        (Err(refusal().into()), (4000, "enough".to_owned())),
        (Err(Error::peer("its own affair")), (1011, String::new())),
    ] {
        let (socket, mut peer) = Peer::of_client(WsConf::default(), WIDE).await;
        let is_ok = ended.is_ok();
        let running = tokio::spawn(socket.run(async |socket: WebSocket| {
            drop(socket);
            ended
        }));
        assert_eq!(peer.closed().await, close);
        peer.half_close().await;
        assert_eq!(running.await.unwrap().is_ok(), is_ok);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_waits_for_the_server_to_end_the_connection() {
    // given a client that closes, and a server that answers
    let (socket, mut peer) = Peer::of_client(WsConf::default(), WIDE).await;
    let begin = Instant::now();
    let closing = tokio::spawn(socket.close(bye()));
    assert_eq!(peer.closed().await, (1000, "bye".to_owned()));
    // then the client's half stays open
    let end = tokio::time::timeout(Duration::from_secs(1), peer.next()).await;
    assert!(end.is_err(), "the client must not end the connection first: {end:?}");
    // until the server ends its own
    peer.half_close().await;
    assert_eq!(peer.next().await, None);
    closing.await.unwrap();
    assert_eq!(begin.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_ends_the_connection_is_cut() {
    let (socket, mut peer) = Peer::of_client(WsConf::default(), WIDE).await;
    let begin = Instant::now();
    let closing = tokio::spawn(socket.close(bye()));
    peer.closed().await;
    closing.await.unwrap();
    assert_eq!(begin.elapsed(), WsConf::default().close_timeout);
    assert_eq!(peer.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_pinged_and_given_up() {
    let conf = WsConf::default();
    let (mut socket, mut peer) = Peer::of_client(conf.clone(), WIDE).await;
    let begin = Instant::now();
    let received = tokio::spawn(async move { socket.recv().await });
    assert_eq!(peer.frame().await.first, 0x89);
    assert_eq!(begin.elapsed(), conf.ping_interval);
    let error = received.await.unwrap().unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert_eq!(begin.elapsed(), conf.ping_interval + conf.pong_timeout);
}

#[tokio::test(start_paused = true)]
async fn two_sockets_talk_and_close_at_once() {
    let (mut client, mut server) = ws::test::pair(WsConf::default(), WsConf::default()).await;
    client.send("ping").await.unwrap();
    assert_eq!(server.recv().await.unwrap(), Some(Message::text("ping")));
    server.send("pong").await.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some(Message::text("pong")));
    let begin = Instant::now();
    tokio::join!(client.close(bye()), server.close(bye()));
    assert_eq!(begin.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn all_that_two_sockets_can_agree_on_carries_messages_both_ways() {
    let letters = (0..3000).map(|i| format!("{} ", i * i)).collect::<String>();
    for bits in [9, 12, 15] {
        for takeovers in 0..16_u8 {
            let conf = |shift: u8, window_bits| WsConf {
                max_message_bytes: 1 << 20,
                compression: Compression {
                    server_context_takeover: takeovers >> shift & 1 != 0,
                    client_context_takeover: takeovers >> (shift + 1) & 1 != 0,
                    window_bits,
                    ..Compression::default()
                },
                ..WsConf::default()
            };
            let (mut client, mut server) = ws::test::pair(conf(0, bits), conf(2, 12)).await;
            for text in ["short", &letters, &letters, &"x".repeat(100_000)] {
                let there = client.send(text);
                let (sent, received) = tokio::join!(there, server.recv());
                sent.unwrap();
                assert_eq!(received.unwrap(), Some(Message::text(text)), "{bits} bits, {takeovers:b}");
                let (sent, received) = tokio::join!(server.send(text), client.recv());
                sent.unwrap();
                assert_eq!(received.unwrap(), Some(Message::text(text)), "{bits} bits, {takeovers:b}");
            }
        }
    }
}

#[tokio::test]
async fn a_limit_of_the_receiver_holds_for_what_was_compressed() {
    let conf = WsConf { max_message_bytes: 1000, ..WsConf::default() };
    let (mut client, mut server) = ws::test::pair(conf, WsConf::default()).await;
    server.send("x".repeat(1000)).await.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some(Message::text("x".repeat(1000))));
    server.send("x".repeat(1001)).await.unwrap();
    let error = client.recv().await.unwrap_err();
    assert_eq!(error.close_frame().unwrap().code(), CloseCode::MESSAGE_TOO_BIG, "{error}");
}
