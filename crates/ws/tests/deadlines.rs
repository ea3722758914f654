//! Who is given up, when, and who is not. All times are the defaults': pings after 20 s of silence, 10 s for the answer,
//! 10 s for a write without progress.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep, timeout};
use ws::{CloseCode, Message, WsConf};

use crate::support::{Frame, masked, pair, text};

const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
const INTERVAL: Duration = Duration::from_secs(20);
const ANSWER: Duration = Duration::from_secs(10);
const STALL: Duration = Duration::from_secs(10);
const HOUR: Duration = Duration::from_secs(3600);

/// The n-th ping of a connection.
fn ping(n: u32) -> Frame {
    Frame::new(PING, n.to_be_bytes())
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_answers_is_gone_after_interval_and_timeout() {
    let (mut socket, mut peer) = pair(WsConf::default(), 1 << 16).await;
    let begin = Instant::now();
    let error = socket.recv().await.unwrap_err();
    assert_eq!(begin.elapsed(), INTERVAL + ANSWER);
    assert!(error.is_timeout() && !error.is_closed(), "{error:?}");
    let frame = error.close_frame().unwrap();
    assert_eq!((frame.code(), frame.reason()), (CloseCode::TIMEOUT, "no answer to a ping within 10s"));
    assert_eq!(peer.frame().await, ping(1));
    assert_eq!(socket.recv().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_vanished_with_a_full_pipe_is_gone_after_the_write_timeout() {
    let (socket, _peer) = pair(WsConf::default(), 16).await;
    let (mut reader, mut writer) = socket.split();
    assert!(futures_util::FutureExt::now_or_never(writer.send("x".repeat(1000))).is_none());
    let begin = Instant::now();
    let error = reader.recv().await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(begin.elapsed(), STALL);
}

/// That a pipe takes bytes shows nothing, until it was full. (A task that writes much has to pause, too: tokio's budget.)
#[tokio::test(start_paused = true)]
async fn a_client_that_vanished_is_gone_in_the_same_time_whatever_it_is_sent() {
    let (socket, _peer) = pair(WsConf::default(), 1 << 20).await;
    let (mut reader, mut writer) = socket.split();
    let begin = Instant::now();
    let sending = tokio::spawn(async move {
        loop {
            sleep(Duration::from_secs(1)).await;
            for _ in 0..300 {
                writer.send("are you there?").await.unwrap();
            }
        }
    });
    let error = reader.recv().await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(begin.elapsed(), INTERVAL + ANSWER);
    sending.abort();
}

#[tokio::test(start_paused = true)]
async fn an_idle_client_that_answers_lives_for_hours() {
    let (mut socket, mut peer) = pair(WsConf::default(), 1 << 16).await;
    let waiting = tokio::spawn(async move { (socket.recv().await, socket) });
    let begin = Instant::now();
    let mut pings = 0;
    while begin.elapsed() < HOUR {
        pings += 1;
        assert_eq!(peer.frame().await, ping(pings));
        sleep(ANSWER / 2).await;
        peer.write(masked(PONG, "")).await;
    }
    peer.write(text("still here")).await;
    let (message, _socket) = waiting.await.unwrap();
    assert_eq!(message.unwrap(), Some(Message::text("still here")));
    assert_eq!(pings, 144, "one per interval and answer");
}

#[tokio::test(start_paused = true)]
async fn the_next_ping_goes_out_after_the_interval_though_the_timeout_is_longer() {
    let conf = WsConf { ping_interval: Duration::from_secs(1), ..WsConf::default() };
    let (mut socket, mut peer) = pair(conf, 1 << 16).await;
    let waiting = tokio::spawn(async move { (socket.recv().await, socket) });
    let begin = Instant::now();
    for n in 1..=10 {
        assert_eq!(peer.frame().await, ping(n));
        assert_eq!(begin.elapsed(), Duration::from_secs(1) * n);
        peer.write(masked(PONG, n.to_be_bytes())).await;
    }
    let last = Instant::now();
    let (error, _socket) = waiting.await.unwrap();
    assert!(error.unwrap_err().is_timeout());
    assert_eq!(last.elapsed(), Duration::from_secs(1) + ANSWER);
}

#[tokio::test(start_paused = true)]
async fn any_byte_shows_life() {
    // given a client that answers no ping, but is in the middle of a long message
    let conf = WsConf { message_timeout: Duration::from_secs(3600), ..WsConf::default() };
    let (mut socket, mut peer) = pair(conf, 1 << 16).await;
    let waiting = tokio::spawn(async move { (socket.recv().await, socket) });
    let message = text(&"x".repeat(100));
    for byte in &message {
        sleep(INTERVAL + ANSWER / 2).await;
        peer.write([*byte]).await;
    }
    let (message, _socket) = waiting.await.unwrap();
    assert_eq!(message.unwrap().unwrap().len(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_talks_is_not_pinged() {
    let (mut socket, mut peer) = pair(WsConf::default(), 1 << 16).await;
    for _ in 0..100 {
        let (message, ()) = tokio::join!(socket.recv(), async {
            sleep(INTERVAL - Duration::from_secs(1)).await;
            peer.write(text("hello")).await;
        });
        message.unwrap();
    }
    assert!(timeout(Duration::ZERO, peer.next()).await.is_err(), "nothing was sent");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_was_busy_for_an_hour_finds_the_client_alive() {
    let (mut socket, mut peer) = pair(WsConf::default(), 1 << 16).await;
    // given a client that was pinged
    assert!(timeout(INTERVAL, socket.recv()).await.is_err());
    assert_eq!(peer.frame().await, ping(1));
    // when it answers, but nobody looks for an hour
    peer.write(masked(PONG, "")).await;
    sleep(HOUR).await;
    // then it is not given up for that
    let begin = Instant::now();
    let error = socket.recv().await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(begin.elapsed(), INTERVAL + ANSWER, "its time begins with the answer's being seen");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_was_busy_before_the_first_ping_asks_before_it_gives_up() {
    let (mut socket, mut peer) = pair(WsConf::default(), 1 << 16).await;
    sleep(HOUR).await;
    let waiting = tokio::spawn(async move { (socket.recv().await, socket) });
    assert_eq!(peer.frame().await, ping(1));
    peer.write(text("here")).await;
    let (message, _socket) = waiting.await.unwrap();
    assert_eq!(message.unwrap(), Some(Message::text("here")));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_no_byte_is_cut_after_the_write_timeout() {
    let (mut socket, _peer) = pair(WsConf::default(), 16).await;
    let begin = Instant::now();
    let error = socket.send("x".repeat(1000)).await.unwrap_err();
    assert_eq!(begin.elapsed(), STALL);
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(error.close_frame(), None, "what takes no byte takes no close");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_a_byte_now_and_then_gets_the_whole_message() {
    let (mut socket, mut peer) = pair(WsConf::default(), 16).await;
    let sending = tokio::spawn(async move { (socket.send("x".repeat(1000)).await, socket) });
    let mut frame = vec![0; 1004];
    for byte in &mut frame {
        sleep(STALL - Duration::from_secs(1)).await;
        *byte = peer.io.read_u8().await.unwrap();
    }
    let (sent, _socket) = sending.await.unwrap();
    sent.unwrap();
    assert_eq!(frame[4..], [b'x'; 1000]);
}

#[tokio::test(start_paused = true)]
async fn a_stall_is_timed_from_the_last_byte_taken() {
    let (mut socket, mut peer) = pair(WsConf::default(), 16).await;
    let sending = tokio::spawn(async move { (socket.send("x".repeat(1000)).await, socket) });
    sleep(STALL / 2).await;
    peer.io.read_u8().await.unwrap();
    let last = Instant::now();
    let (sent, _socket) = sending.await.unwrap();
    assert!(sent.unwrap_err().is_timeout());
    assert!(last.elapsed() >= STALL && last.elapsed() <= 2 * STALL, "{:?}", last.elapsed());
}

/// Its pong is late, as the ping stands behind the message; that it takes the message shows that it lives.
#[tokio::test(start_paused = true)]
async fn a_client_that_is_slow_to_take_a_long_message_is_not_given_up_for_its_pong() {
    let (socket, mut peer) = pair(WsConf::default(), 16).await;
    let (mut reader, mut writer) = socket.split();
    let receiving = tokio::spawn(async move { reader.recv().await });
    let sending = tokio::spawn(async move { writer.send("x".repeat(1000)).await });
    for _ in 0..900 {
        sleep(STALL / 2).await;
        peer.io.read_u8().await.unwrap();
    }
    peer.io.read_exact(&mut [0; 104]).await.unwrap();
    sending.await.unwrap().unwrap();
    assert_eq!(peer.frame().await, ping(1), "it was queued all the time");
    peer.write(text("got it")).await;
    assert_eq!(receiving.await.unwrap().unwrap(), Some(Message::text("got it")));
}

#[tokio::test(start_paused = true)]
async fn times_may_be_longer_than_any_clock() {
    let never = Duration::MAX;
    let conf = WsConf {
        ping_interval: never,
        pong_timeout: never,
        write_timeout: never,
        close_timeout: never,
        ..WsConf::default()
    };
    let (mut socket, mut peer) = pair(conf, 16).await;
    assert!(timeout(HOUR, socket.recv()).await.is_err());
    let sending = tokio::spawn(async move { socket.send("x".repeat(100)).await });
    sleep(HOUR).await;
    assert_eq!(peer.text().await.len(), 100);
    sending.await.unwrap().unwrap();
}
