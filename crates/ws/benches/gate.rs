//! What the frame gate and the outbox cost: an echo in memory, through us, and through tokio-tungstenite alone.
//!
//! `cargo bench -p zeroxide-ws --bench gate`

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;
use ws::{Compression, WebSocket, WsConf};

fn echo(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("echo");
    for length in [64, 16 << 10] {
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("tungstenite", length), |bencher| {
            bencher.iter_custom(|count| time(length, count, alone));
        });
        group.bench_function(BenchmarkId::new("ws", length), |bencher| {
            bencher.iter_custom(|count| time(length, count, ours));
        });
    }
}

async fn alone(io: DuplexStream) {
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
    while let Some(Ok(message)) = socket.next().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

async fn ours(io: DuplexStream) {
    let conf =
        WsConf { compression: Compression { enabled: false, ..Compression::default() }, ..WsConf::default() };
    let mut socket = WebSocket::from_raw(io, conf).await;
    while let Ok(Some(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

/// How long it takes until so many messages have come back, one at a time.
fn time<F>(length: usize, count: u64, echo: fn(DuplexStream) -> F) -> Duration
where
    F: Future<Output = ()> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (mut near, far) = duplex(1 << 20);
        let echo = tokio::spawn(echo(far));
        let frame = masked(length);
        let mut answer = vec![0; if length < 126 { 2 } else { 4 } + length];
        let begin = Instant::now();
        for _ in 0..count {
            near.write_all(&frame).await.expect("the other end reads");
            near.read_exact(&mut answer).await.expect("the other end answers");
        }
        let took = begin.elapsed();
        drop(near);
        echo.await.expect("it ends with its peer");
        took
    })
}

fn masked(length: usize) -> Vec<u8> {
    let mut frame = vec![0x82];
    match u16::try_from(length).expect("short enough") {
        length @ ..126 => frame.push(0x80 | u8::try_from(length).expect("it is below 126")),
        length => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
    }
    frame.extend([1, 2, 3, 4]);
    frame.resize(frame.len() + length, 7);
    frame
}

criterion_group!(benches, echo);
criterion_main!(benches);
