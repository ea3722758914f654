//! How a socket ends: RFC 6455 section 7.

use std::time::Duration;

use tokio::time::Instant;
use ws::{CloseCode, CloseFrame, Message, Prepared, WsConf};

use crate::support::{Frame, close, masked, pair, text};

const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

fn bye() -> CloseFrame {
    CloseFrame::new(CloseCode::NORMAL, "bye")
}

#[tokio::test(start_paused = true)]
async fn close_says_why_and_ends_when_the_client_has_closed_too() {
    let (socket, mut peer) = pair(WsConf::default(), 1 << 16).await;
    let begin = Instant::now();
    let closing = tokio::spawn(socket.close(bye()));
    assert_eq!(peer.frame().await, Frame::new(0x88, *b"\x03\xe8bye"));
    assert!(!closing.is_finished(), "it waits for the client's close");
    peer.write([text("on my way out"), close(1000, "")].concat()).await;
    closing.await.unwrap();
    assert_eq!(peer.rest().await, [], "the close is the last frame");
    assert_eq!(begin.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_closes_is_cut_at_the_timeout() {
    let (socket, mut peer) = pair(WsConf::default(), 1 << 16).await;
    let begin = Instant::now();
    socket.close(bye()).await;
    assert_eq!(begin.elapsed(), CLOSE_TIMEOUT);
    assert_eq!(peer.frame().await.close(), (1000, "bye".to_owned()));
    assert_eq!(peer.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_talks_on_is_cut_at_the_timeout() {
    let (socket, mut peer) = pair(WsConf::default(), 1000).await;
    let begin = Instant::now();
    let closing = tokio::spawn(socket.close(bye()));
    while !closing.is_finished() {
        let _ = tokio::io::AsyncWriteExt::write_all(&mut peer.io, &text("and another thing")).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(begin.elapsed() <= CLOSE_TIMEOUT + Duration::from_millis(100), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_is_cut_at_the_timeout() {
    let (mut socket, _peer) = pair(WsConf::default(), 16).await;
    let stuck = socket.send("x".repeat(1000));
    assert!(futures_util::FutureExt::now_or_never(stuck).is_none());
    let begin = Instant::now();
    socket.close(bye()).await;
    assert_eq!(begin.elapsed(), CLOSE_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_goes_before_the_close() {
    let (socket, mut peer) = pair(WsConf::default(), 16).await;
    let long = Prepared::text("x".repeat(1000));
    let mut socket = socket;
    assert!(futures_util::FutureExt::now_or_never(socket.send(long)).is_none());
    let closing = tokio::spawn(socket.close(bye()));
    assert_eq!(peer.text().await.len(), 1000);
    assert_eq!(peer.closed().await, (1000, "bye".to_owned()));
    closing.await.unwrap();
}

/// Where nobody reads before the other does, both wait until the time is up, and the close is lost.
#[tokio::test(start_paused = true)]
async fn closing_reads_while_it_writes() {
    // given a socket and a client who both have more to say than the pipe holds
    let (mut socket, mut peer) = pair(WsConf::default(), 100).await;
    assert!(futures_util::FutureExt::now_or_never(socket.send("x".repeat(1000))).is_none());
    let begin = Instant::now();
    let closing = tokio::spawn(socket.close(bye()));
    // when the client says it all before it reads
    for _ in 0..100 {
        peer.write(text("one more thing")).await;
    }
    // then it still gets everything
    assert_eq!(peer.text().await.len(), 1000);
    assert_eq!(peer.closed().await, (1000, "bye".to_owned()));
    closing.await.unwrap();
    assert_eq!(begin.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_clients_close_is_the_end_and_is_echoed_with_its_code() {
    for (said, echoed) in [
        (close(1000, ""), &b"\x03\xe8"[..]),
        (close(1001, "navigating"), b"\x03\xe9navigating"),
        (close(4321, "mine"), b"\x10\xe1mine"),
        (masked(0x88, ""), b""),
    ] {
        let (mut socket, mut peer) = pair(WsConf::default(), 1 << 16).await;
        peer.write([text("last"), said, text("ignored")].concat()).await;
        assert_eq!(socket.recv().await.unwrap(), Some(Message::text("last")));
        assert_eq!(socket.recv().await.unwrap(), None);
        assert_eq!(socket.recv().await.unwrap(), None, "again");
        assert_eq!(peer.frame().await, Frame::new(0x88, echoed));

        let error = socket.send("too late").await.unwrap_err();
        assert!(error.is_closed(), "{error:?}");
        socket.close(bye()).await;
        assert_eq!(peer.next().await, None, "no second close");
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_with_a_code_that_must_not_be_sent_is_answered_with_1002() {
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
        let (mut socket, mut peer) = pair(WsConf::default(), 1 << 16).await;
        peer.write(close(code, "")).await;
        assert_eq!(socket.recv().await.unwrap(), None, "{code}");
        assert_eq!(peer.frame().await.close().0, 1002, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn both_may_close_at_the_same_time() {
    let (socket, mut peer) = pair(WsConf::default(), 1 << 16).await;
    peer.write(close(1001, "me too")).await;
    let begin = Instant::now();
    socket.close(bye()).await;
    assert_eq!(begin.elapsed(), Duration::ZERO, "the client's close needs no further answer");
    assert_eq!(peer.frame().await.close(), (1000, "bye".to_owned()));
    assert_eq!(peer.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_stream_without_a_close_is_an_error() {
    for bytes in [Vec::new(), text("cut in the middle")[..7].to_vec(), masked(0x1, "a fragment")] {
        let (mut socket, mut peer) = pair(WsConf::default(), 1 << 16).await;
        peer.write(&bytes).await;
        drop(peer);
        let error = socket.recv().await.unwrap_err();
        assert!(error.is_closed() && !error.is_protocol(), "{error:?}");
        assert_eq!(error.close_frame(), None, "there is nobody to tell");
        assert_eq!(socket.recv().await.unwrap(), None);
        let begin = Instant::now();
        socket.close(bye()).await;
        assert_eq!(begin.elapsed(), Duration::ZERO);
    }
}
