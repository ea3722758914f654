//! Ends that are none, or too many.

use std::time::Duration;

use rest::Engine;
use rest::extract::State;
use tokio::sync::mpsc;
use tokio::time::Instant;
use ws::{CloseCode, CloseFrame, Error, WebSocket, WsConf};

use crate::support::{Frame, close, conf, masked, pair, serve, text};

#[tokio::test(start_paused = true)]
async fn a_flood_of_closes_gets_one_echo_and_what_is_behind_them_is_ignored() {
    let (mut socket, mut peer) = pair(WsConf::default(), 1 << 20).await;
    peer.write([close(4000, "one"), close(4001, "two").repeat(1000), text("ghost")].concat()).await;
    assert_eq!(socket.recv().await.unwrap(), None);
    assert_eq!(socket.recv().await.unwrap(), None);
    let begin = Instant::now();
    socket.close(CloseFrame::new(CloseCode::NORMAL, "")).await;
    assert_eq!(begin.elapsed(), Duration::ZERO);
    assert_eq!(peer.rest().await, [Frame::new(0x88, *b"\x0f\xa0one")]);
}

#[tokio::test]
async fn a_close_on_the_wire_has_its_code_and_its_reason_and_not_a_byte_more() {
    for reason in ["", "a", &"r".repeat(123)] {
        let (socket, mut peer) = pair(WsConf::default(), 1 << 16).await;
        let closing = tokio::spawn(socket.close(CloseFrame::new(CloseCode(4321), reason)));
        let frame = peer.frame().await;
        assert_eq!(frame.payload, [&4321u16.to_be_bytes()[..], reason.as_bytes()].concat());
        peer.write(close(4321, "")).await;
        assert_eq!(peer.next().await, None);
        closing.await.expect("no panic");
    }
}

/// Tells how each of its sockets has ended.
async fn told(mut socket: WebSocket, State(ends): State<mpsc::UnboundedSender<Result<(), bool>>>) {
    let end = loop {
        match socket.recv().await {
            Ok(Some(_)) => {}
            Ok(None) => break Ok(()),
            Err(error) => break Err(Error::is_closed(&error)),
        }
    };
    ends.send(end).expect("the test listens");
}

#[tokio::test]
async fn a_reset_anywhere_is_the_end_of_one_connection_once() {
    let (ends, mut ended) = mpsc::unbounded_channel();
    let mut engine = Engine::with_state(conf(), ends);
    engine.add_route(ws::route("/", told));
    let served = serve(engine).await;
    let whole = text("hello");
    for cut in [0, 1, 4, 7, whole.len()] {
        let mut peer = served.open("/").await;
        peer.write(&whole[..cut]).await;
        peer.io.set_zero_linger().expect("a socket");
        drop(peer);
        assert_eq!(ended.recv().await, Some(Err(true)), "after {cut} bytes");
    }
    served.stop().await; // at once: no connection is left
    assert_eq!(ended.recv().await, None, "no end was told twice");
}

#[tokio::test]
async fn nothing_of_a_connection_is_left_behind_its_close() {
    let (ends, mut ended) = mpsc::unbounded_channel();
    let mut engine = Engine::with_state(conf(), ends);
    engine.add_route(ws::route("/", told));
    let served = serve(engine).await;
    for _ in 0..100 {
        let mut peer = served.open("/").await;
        peer.write(close(1000, "")).await;
        assert_eq!(peer.frame().await.close().0, 1000);
        assert_eq!(peer.next().await, None);
        assert_eq!(ended.recv().await, Some(Ok(())));
    }
    let begin = std::time::Instant::now();
    served.stop().await;
    assert!(begin.elapsed() < Duration::from_secs(5), "a task was left: {:?}", begin.elapsed());
}

#[tokio::test]
async fn frames_behind_an_offence_are_neither_delivered_nor_answered() {
    let (mut socket, mut peer) = pair(WsConf::default(), 1 << 16).await;
    peer.write([masked(0x83, ""), masked(0x89, "ping"), text("ghost"), close(1000, "")].concat()).await;
    assert!(socket.recv().await.unwrap_err().is_protocol());
    assert_eq!(socket.recv().await.unwrap(), None);
    let closing = tokio::spawn(socket.close(CloseFrame::new(CloseCode::PROTOCOL_ERROR, "")));
    assert_eq!(peer.closed().await.0, 1002, "the first frame, and no pong before it");
    peer.half_close().await;
    closing.await.expect("no panic");
}
