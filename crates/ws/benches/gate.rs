//! What the frame gate and the outbox cost: an echo in memory, through us, and through tokio-tungstenite alone.
//!
//! `cargo bench -p zeroxide-ws --bench gate`
//!
//! It is the CPU time of the thread that counts, where the system tells it, so that other loads matter less.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use flate2::{Compress, Compression as Level, FlushCompress};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, duplex};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;
use ws::{Compression, WebSocket, WsConf};

const MIB: usize = 1 << 20;

/// Messages that are there whole, one at a time.
fn short(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("echo");
    group.throughput(Throughput::Elements(1));
    for length in [64, 16 << 10] {
        let frame = masked(0x82, &vec![7; length]);
        group.bench_function(BenchmarkId::new("tungstenite", length), |bencher| {
            bencher.iter_custom(|count| one_by_one(&frame, length, count, alone));
        });
        group.bench_function(BenchmarkId::new("ws", length), |bencher| {
            bencher.iter_custom(|count| one_by_one(&frame, length, count, plain));
        });
    }
}

/// Messages of 1 MiB that come in pieces, as from a network and as from a fast one.
fn long(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a MiB in pieces");
    group.throughput(Throughput::Bytes(MIB as u64));
    group.sample_size(20);
    let text =
        (0..).flat_map(|n: u64| format!("line {n} of many, ").into_bytes()).take(MIB).collect::<Vec<_>>();
    let frames = [("binary", 0x82, &text), ("text", 0x81, &text)]
        .map(|(name, first, payload)| (name, masked(first, payload)));
    for piece in [1500, 16 << 10] {
        for (name, frame) in &frames {
            let frame = Arc::new(frame.clone());
            group.bench_function(BenchmarkId::new(format!("tungstenite, {name}"), piece), |bencher| {
                bencher.iter_custom(|count| in_pieces(&frame, piece, count, alone));
            });
            group.bench_function(BenchmarkId::new(format!("ws, {name}"), piece), |bencher| {
                bencher.iter_custom(|count| in_pieces(&frame, piece, count, plain));
            });
        }
        let frame = Arc::new(masked(0xc1, &deflated(&text)));
        group.bench_function(BenchmarkId::new("ws, compressed text", piece), |bencher| {
            bencher.iter_custom(|count| in_pieces(&frame, piece, count, compressed));
        });
    }
}

async fn alone<S: AsyncRead + AsyncWrite + Unpin>(io: S) {
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
    while let Some(Ok(message)) = socket.next().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

async fn plain<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(io: S) {
    let compression = Compression { enabled: false, ..Compression::default() };
    echo(WebSocket::from_raw(io, WsConf { max_message_bytes: MIB, compression, ..WsConf::default() }).await)
        .await;
}

/// Says nothing compressed: that is another matter.
async fn compressed<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(io: S) {
    let compression = Compression { threshold: usize::MAX, ..Compression::default() };
    let conf = WsConf { max_message_bytes: MIB, compression, ..WsConf::default() };
    echo(ws::test::offered(io, conf, "permessage-deflate").await).await;
}

async fn echo(mut socket: WebSocket) {
    while let Ok(Some(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

/// How long it takes until so many messages have come back, one at a time.
fn one_by_one<F>(frame: &[u8], length: usize, count: u64, echo: fn(tokio::io::DuplexStream) -> F) -> Duration
where
    F: Future<Output = ()> + Send + 'static,
{
    run(async {
        let (mut near, far) = duplex(MIB);
        let echo = tokio::spawn(echo(far));
        let mut answer = vec![0; if length < 126 { 2 } else { 4 } + length];
        for _ in 0..count {
            near.write_all(frame).await.expect("the other end reads");
            near.read_exact(&mut answer).await.expect("the other end answers");
        }
        drop(near);
        echo.await.expect("it ends with its peer");
    })
}

/// How long it takes to answer so many messages, which come in pieces of this size.
fn in_pieces<F: Future<Output = ()>>(
    frame: &Arc<Vec<u8>>,
    piece: usize,
    count: u64,
    echo: fn(Pieces) -> F,
) -> Duration {
    run(echo(Pieces { frame: frame.clone(), at: 0, left: count, piece, is_there: false }))
}

fn run(future: impl Future<Output = ()>) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (begin, wall) = (cpu(), Instant::now());
    runtime.block_on(future);
    match (begin, cpu()) {
        (Some(begin), Some(end)) => end - begin,
        _ => wall.elapsed(),
    }
}

/// The CPU time that this thread has taken so far.
fn cpu() -> Option<Duration> {
    std::thread::yield_now(); // so that the system adds up
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    stat.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// A client who says the same again and again, in pieces, each of which has to be waited for; what it hears is gone.
struct Pieces {
    frame: Arc<Vec<u8>>,
    at: usize,
    left: u64,
    piece: usize,
    is_there: bool,
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            return Poll::Ready(Ok(())); // the end, however often it is asked for
        }
        self.is_there = !self.is_there;
        if !self.is_there {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let n = self.piece.min(self.frame.len() - self.at).min(buf.remaining());
        buf.put_slice(&self.frame[self.at..self.at + n]);
        self.at += n;
        if self.at == self.frame.len() {
            (self.at, self.left) = (0, self.left - 1);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pieces {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(pieces.iter().map(|piece| piece.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ ..126), _) => frame.push(0x80 | length),
        (_, Ok(length)) => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    let key = [1, 2, 3, 4];
    frame.extend(key);
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// Compresses as a client does that takes no context over.
fn deflated(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len());
    let mut compress = Compress::new(Level::fast(), false);
    compress.compress_vec(payload, &mut out, FlushCompress::Sync).expect("a stream that has not ended");
    out.truncate(out.len() - 4);
    out
}

criterion_group!(benches, short, long);
criterion_main!(benches);
