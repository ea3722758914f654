//! What a handler sends in one turn goes out in one write, and never later than when it waits.

use std::future::pending;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep, timeout};
use ws::{Error, WebSocket, WsConf};

use crate::record::{Call, Record};
use crate::support::{masked, pair, text};

async fn echo(mut socket: WebSocket) -> Result<(), Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

/// Runs a handler for one poll, and tells what that has done with the socket.
async fn one_poll<F>(record: Record, handler: fn(WebSocket) -> F) -> Vec<Call>
where
    F: Future<Output = Result<(), Error>>,
{
    let socket = WebSocket::from_raw(record.clone(), WsConf::default()).await;
    assert!(socket.run(handler).now_or_never().is_none());
    record.calls()
}

#[tokio::test]
async fn all_that_came_in_together_is_answered_in_one_write() {
    let record = Record::default();
    record.say([text("one"), text("two"), text("three")].concat());
    assert_eq!(one_poll(record, echo).await, [Call::Write(5 + 5 + 7), Call::Flush]);
}

#[tokio::test]
async fn what_was_sent_goes_out_whatever_the_handler_then_waits_for() {
    let calls = one_poll(Record::default(), |mut socket| async move {
        socket.send("one").await?;
        socket.send("two").await?;
        pending().await
    });
    assert_eq!(calls.await, [Call::Write(5 + 5), Call::Flush]);
}

#[tokio::test]
async fn a_flush_goes_before_the_end_of_the_turn() {
    let calls = one_poll(Record::default(), |mut socket| async move {
        socket.send("one").await?;
        socket.flush().await?;
        socket.send("two").await?;
        pending().await
    });
    assert_eq!(calls.await, [Call::Write(5), Call::Flush, Call::Write(5), Call::Flush]);
}

#[tokio::test]
async fn more_than_fits_into_one_write_does_not_wait_for_the_end_of_the_turn() {
    let calls = one_poll(Record::default(), |mut socket| async move {
        for _ in 0..3 {
            socket.send("x".repeat(40_000)).await?;
        }
        pending().await
    });
    let write = |count| if count == 1 { Call::Write(40_004) } else { Call::Vectored(count) };
    assert_eq!(calls.await, [write(1), write(1), Call::Flush, write(1), Call::Flush]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_sends_faster_than_its_client_reads_has_to_wait() {
    let (socket, mut peer) = pair(WsConf::default(), 16).await;
    let sent = Arc::new(AtomicUsize::new(0));
    let count = sent.clone();
    let mut running = pin!(socket.run(async move |mut socket| {
        loop {
            socket.send("some text").await?;
            count.fetch_add(1, Ordering::Relaxed);
        }
    }));
    let mut most = 0;
    for heard in 1..500 {
        assert!(timeout(Duration::from_secs(1), &mut running).await.is_err());
        most = most.max(sent.load(Ordering::Relaxed) - heard);
        let hearing = async { assert_eq!(peer.text().await, "some text") };
        tokio::select! { () = hearing => {} _ = &mut running => panic!("it does not end") }
    }
    assert!(most <= 64 + 1, "{most} were queued");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_cut_though_its_handler_only_listens_and_it_talks() {
    let (socket, mut peer) = pair(WsConf::default(), 256).await;
    let begin = Instant::now();
    let running = socket.run(async |mut socket| {
        socket.send("x".repeat(1000)).await?;
        while socket.recv().await?.is_some() {}
        Ok(())
    });
    let talking = async {
        loop {
            peer.write(masked(0x82, "I talk on")).await;
            sleep(Duration::from_secs(1)).await;
        }
    };
    let error = tokio::select! { ended = running => ended.unwrap_err(), () = talking => unreachable!() };
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(begin.elapsed(), Duration::from_secs(10));
}

/// A connection that takes nothing any more.
struct Broken;

impl AsyncRead for Broken {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Broken {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_fails_at_the_end_of_a_turn_is_told_to_who_listens() {
    let socket = WebSocket::from_raw(Broken, WsConf::default()).await;
    let begin = Instant::now();
    let running = socket.run(async |socket| {
        let (mut reader, mut writer) = socket.split();
        let sending = async {
            writer.send("lost").await?;
            pending().await
        };
        // The listener first, so that the write fails after it has looked.
        tokio::select! { biased; heard = reader.recv() => heard.map(drop), sent = sending => sent }
    });
    assert!(running.await.unwrap_err().is_closed());
    assert_eq!(begin.elapsed(), Duration::ZERO);
}
