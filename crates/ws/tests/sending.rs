//! Sending from several tasks, in parts, and what that makes of the socket.

use std::time::Duration;

use futures_util::{FutureExt, SinkExt};
use rest::Engine;
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep};
use ws::{CloseCode, Compression, Error, Message, Prepared, Upgrader, WebSocket, WsConf};

use crate::record::{Call, Record};
use crate::support::{Frame, conf, masked, pair, serve, text};

const STALL: Duration = Duration::from_secs(10);

fn is_pending<T>(future: impl Future<Output = T>) -> bool {
    future.now_or_never().is_none()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_tasks_send_at_once_and_each_keeps_its_order() {
    const TASKS: usize = 8;
    const COUNT: usize = 500;
    let (mut socket, mut peer) = pair(WsConf::default(), 50).await;
    let sender = socket.sender();
    let sending = (0..TASKS).map(|task| {
        let sender = sender.clone();
        tokio::spawn(async move {
            for i in 0..COUNT {
                sender.send(format!("{task} {i}")).await.unwrap();
            }
        })
    });
    let sending: Vec<_> = sending.collect();
    tokio::spawn(async move { socket.recv().await });
    let mut next = [0; TASKS];
    for _ in 0..TASKS * COUNT {
        let line = peer.text().await;
        let (task, i) = line.split_once(' ').unwrap();
        let next = &mut next[task.parse::<usize>().unwrap()];
        assert_eq!(i, next.to_string(), "{line}");
        *next += 1;
    }
    for task in sending {
        task.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_queued_is_bounded_in_bytes_and_in_messages() {
    for (limit, len, expected) in [(1024, 300, 1 + 4), (1 << 20, 10, 1 + 64)] {
        let conf = WsConf { max_queued_bytes: limit, ..WsConf::default() };
        let (socket, mut peer) = pair(conf, 4).await;
        let sender = socket.sender();
        for _ in 0..1000 {
            assert!(is_pending(sender.send("x".repeat(len))), "the pipe is full");
        }
        let closing = tokio::spawn(socket.close(ws::CloseFrame::new(CloseCode::NORMAL, "")));
        let queued = peer.rest().await.iter().filter(|frame| frame.payload.len() == len).count();
        assert_eq!(queued, expected, "the one that is being written, and what there was room for");
        closing.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_sender_gives_up_a_peer_that_takes_nothing_and_waits_for_a_slow_one() {
    let (socket, mut peer) = pair(WsConf::default(), 16).await;
    let sender = socket.sender();
    let slow = tokio::spawn({
        let sender = sender.clone();
        async move { sender.send("x".repeat(100)).await }
    });
    for _ in 0..102 {
        sleep(STALL - Duration::from_secs(1)).await;
        peer.io.read_u8().await.unwrap();
    }
    slow.await.unwrap().unwrap();

    let begin = Instant::now();
    let error = sender.send("x".repeat(100)).await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    assert!(begin.elapsed() >= STALL && begin.elapsed() <= 2 * STALL, "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_sender_is_told_when_the_connection_is_gone() {
    let (socket, _peer) = pair(WsConf::default(), 16).await;
    let sender = socket.sender();
    let stuck = tokio::spawn({
        let sender = sender.clone();
        async move { sender.send("x".repeat(100)).await }
    });
    tokio::task::yield_now().await;
    socket.close(ws::CloseFrame::new(CloseCode::NORMAL, "")).await;
    assert!(stuck.await.unwrap().unwrap_err().is_closed());
    assert!(sender.send("too late").await.unwrap_err().is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_message_in_parts_is_one_message() {
    let (mut socket, mut peer) = pair(WsConf::default(), 1 << 20).await;
    let mut message = socket.stream_text().await.unwrap();
    for part in ["Once", "", " upon a time"] {
        message.write(part).await.unwrap();
    }
    message.finish().await.unwrap();
    for (first, payload) in [(0x01, "Once"), (0x00, " upon a time"), (0x80, "")] {
        assert_eq!(peer.frame().await, Frame::new(first, payload));
    }

    let mut message = socket.stream_binary().await.unwrap();
    message.write(&[7; 100_000]).await.unwrap();
    message.finish().await.unwrap();
    for (first, len) in [(0x02, 65_536), (0x00, 34_464), (0x80, 0)] {
        assert_eq!(peer.frame().await, Frame::new(first, vec![7; len]));
    }

    socket.stream_text().await.unwrap().finish().await.unwrap();
    assert_eq!(peer.frame().await, Frame::new(0x81, ""), "no part at all");
}

#[tokio::test(start_paused = true)]
async fn pongs_go_between_the_parts_of_a_message_and_other_messages_behind_it() {
    let (socket, mut peer) = pair(WsConf::default(), 1 << 16).await;
    let (mut reader, mut writer) = socket.split();
    let sender = writer.sender();
    let mut message = writer.stream_text().await.unwrap();
    message.write("half").await.unwrap();
    let other = tokio::spawn(async move { sender.send("behind").await });
    peer.write(masked(0x89, "now")).await;
    assert!(is_pending(reader.recv()));
    tokio::task::yield_now().await;
    message.write(" a word").await.unwrap();
    message.finish().await.unwrap();
    other.await.unwrap().unwrap();
    for (first, payload) in [(0x01, "half"), (0x8a, "now"), (0x00, " a word"), (0x80, ""), (0x81, "behind")] {
        assert_eq!(peer.frame().await, Frame::new(first, payload));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_left_unfinished_is_not_taken_for_a_whole_one() {
    let (mut socket, mut peer) = pair(WsConf::default(), 1 << 16).await;
    let sender = socket.sender();
    let mut message = socket.stream_text().await.unwrap();
    message.write("half").await.unwrap();
    drop(message);
    assert!(socket.send("more").await.unwrap_err().is_closed());
    assert!(sender.send("more").await.unwrap_err().is_closed());
    assert!(is_pending(socket.recv()), "which also writes");
    assert_eq!(peer.frame().await, Frame::new(0x01, "half"));
    assert_eq!(peer.closed().await, (1011, "a message was left unfinished".to_owned()));
}

/// A story that compresses well, and what it is told in.
fn story(part: usize) -> String {
    format!("{part}: all work and no play makes Jack a dull boy. ").repeat(part % 50)
}

#[tokio::test]
async fn parts_and_senders_are_compressed_with_and_without_context_takeover() {
    async fn tells(mut socket: WebSocket) -> Result<(), Error> {
        let sender = socket.sender();
        let other = tokio::spawn(async move {
            for i in 0..50 {
                sender.send(story(i)).await?;
            }
            Ok::<_, Error>(())
        });
        for _ in 0..3 {
            let mut message = socket.stream_text().await?;
            for part in 0..100 {
                message.write(&story(part)).await?;
            }
            message.finish().await?;
        }
        other.await.expect("no panic")?;
        socket.send("the end").await
    }
    for takeover in [false, true] {
        let compression = Compression { server_context_takeover: takeover, ..Compression::default() };
        let upgrader = Upgrader::new(WsConf { compression, ..WsConf::default() });
        let mut engine = Engine::new(conf());
        engine.add_route(upgrader.route("/ws", tells));
        let served = serve(engine).await;
        let larger = WsConf { max_message_bytes: 1 << 20, ..WsConf::default() };
        let mut client = ws::Dialer::new(larger).connect(format!("ws://{}/ws", served.addr)).await.unwrap();

        let (mut long, mut short) = (0, 0);
        let whole = (0..100).map(story).collect::<String>();
        loop {
            let Message::Text(text) = client.recv().await.unwrap().unwrap() else { panic!("a text") };
            if text == "the end" {
                break;
            } else if text.len() == whole.len() {
                assert!(text == whole.as_str(), "context takeover {takeover}");
                long += 1;
            } else {
                assert_eq!(text, story(short).as_str(), "context takeover {takeover}");
                short += 1;
            }
        }
        assert_eq!((long, short), (3, 50));
    }
}

#[tokio::test]
async fn short_frames_go_out_in_one_write_long_ones_vectored_and_each_turn_is_flushed_once() {
    use Call::{Flush, Vectored, Write};
    let record = Record::default();
    let (_reader, mut writer) = WebSocket::from_raw(record.clone(), WsConf::default()).await.split();
    for (what, lens, expected) in [
        ("short ones are copied together", vec![100; 64], vec![Write(64 * 102), Flush]),
        ("long ones are not", vec![10_000; 5], vec![Vectored(5), Flush]),
        ("a mixture", vec![100, 100, 10_000, 100, 10_000], vec![Vectored(4), Flush]),
        ("at most 64 KiB at once", vec![30_000; 5], vec![Vectored(2), Vectored(2), Write(30_004), Flush]),
        ("but one that is longer", vec![100_000], vec![Write(100_010), Flush]),
    ] {
        for len in lens {
            SinkExt::feed(&mut writer, Prepared::binary(vec![7; len])).await.unwrap();
        }
        assert_eq!(record.calls(), [], "{what}: nothing before it is flushed");
        SinkExt::<Prepared>::flush(&mut writer).await.unwrap();
        assert_eq!(record.calls(), expected, "{what}");
    }
}

#[tokio::test]
async fn a_long_message_is_passed_on_in_two_pieces_to_a_socket_that_takes_several_and_else_in_one() {
    use Call::{Flush, Vectored, Write};
    for (record, expected) in [
        (Record::vectored(), [Vectored(2), Flush]), // its head, and what was received
        (Record::default(), [Write(10_004), Flush]),
    ] {
        let mut socket = WebSocket::from_raw(record.clone(), WsConf::default()).await;
        record.say(masked(0x82, [7; 10_000]));
        let message = socket.recv().await.unwrap().unwrap();
        socket.send(message).await.unwrap();
        assert_eq!(record.calls(), expected);
    }
}

#[tokio::test]
async fn what_is_fed_goes_out_in_one_write_once_there_is_nothing_more_to_receive() {
    let record = Record::default();
    let mut socket = WebSocket::from_raw(record.clone(), WsConf::default()).await;
    record.say([text("one"), text("two"), masked(0x89, "ping"), text("three")].concat());
    for _ in 0..3 {
        let message = socket.recv().await.unwrap().unwrap();
        socket.feed(message).await.unwrap();
    }
    let calls = record.calls();
    assert!(is_pending(socket.recv()));
    // The pong does not wait, and takes along what was fed before it.
    assert_eq!(calls, [Call::Write(6 + 5 + 5), Call::Flush]);
    assert_eq!(record.calls(), [Call::Write(7), Call::Flush]);

    socket.feed("four").await.unwrap();
    assert_eq!(record.calls(), []);
    socket.flush().await.unwrap();
    assert_eq!(record.calls(), [Call::Write(6), Call::Flush]);
}

#[tokio::test(start_paused = true)]
async fn a_close_overtakes_nothing_and_is_not_lost_behind_a_full_queue() {
    let (socket, mut peer) = pair(WsConf::default(), 16).await;
    let sender = socket.sender();
    for i in 0..10 {
        assert!(is_pending(sender.send(format!("message {i} of some length"))));
    }
    let closing = tokio::spawn(socket.close(ws::CloseFrame::new(CloseCode::NORMAL, "bye")));
    for i in 0..10 {
        assert_eq!(peer.text().await, format!("message {i} of some length"));
    }
    assert_eq!(peer.closed().await, (1000, "bye".to_owned()));
    closing.await.unwrap();
}
