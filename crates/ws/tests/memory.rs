//! What a connection costs in memory. Alone in its process and without libtest, as it counts what is allocated.

#![expect(clippy::unwrap_used, reason = "a test, though libtest does not know")]

use std::alloc::System;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use futures_util::FutureExt;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use ws::{WebSocket, WsConf};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const MIB: usize = 1 << 20;

/// A socket whose client has said so much, and which holds no memory of its own.
#[derive(Clone, Default)]
struct Wire(Arc<Mutex<Bytes>>);

impl Wire {
    fn say(&self, bytes: &Bytes) {
        *self.0.lock().expect("no panic") = bytes.clone();
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut said = self.0.lock().expect("no panic");
        if said.is_empty() {
            return Poll::Pending;
        }
        let n = said.len().min(buf.remaining());
        buf.put_slice(&said[..n]);
        said.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn held() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

fn head(first: u8, len: usize) -> Vec<u8> {
    let mut head = vec![first, 0x80 | 127];
    head.extend((len as u64).to_be_bytes());
    head.extend([0; 4]);
    head
}

/// Polls once, and finds nothing complete.
fn wait(socket: &mut WebSocket) {
    assert!(socket.recv().now_or_never().is_none());
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let conf = WsConf { max_message_bytes: MIB, ..WsConf::default() };
    let long = Bytes::from([head(0x82, MIB), vec![7; MIB]].concat());
    let pieces = Bytes::from([head(0x82, MIB), vec![7; 100_000]].concat());
    let short = Bytes::from_static(b"\x81\x85\0\0\0\0hello");
    let wire = Wire::default();
    let open = || WebSocket::from_raw(wire.clone(), conf.clone());
    wait(&mut open().await); // the thread gets its buffer, and the runtime its own

    // idle: less than 4 KiB
    let before = held();
    let mut socket = open().await;
    wait(&mut socket);
    let idle = held() - before;
    assert!(idle <= 4096, "{idle} bytes for an idle connection");

    // after bursts: no more than before
    for _ in 0..3 {
        wire.say(&long);
        let message = socket.recv().await.unwrap().unwrap();
        assert_eq!(message.len(), MIB);
        let peak = held() - before;
        assert!(peak <= 2 * MIB + idle, "{peak} bytes for a message of 1 MiB");
        socket.send(message).await.unwrap();
        wait(&mut socket);
        wire.say(&short);
        assert_eq!(socket.recv().await.unwrap().unwrap().len(), 5);
        wait(&mut socket);
        let after = held() - before;
        assert!(after * 5 <= idle * 6, "{after} bytes after a burst, {idle} before");
    }

    // in a message: what has come in of it, not what it announces
    for len in [14, 15, 1000, 10_000, 100_000] {
        wire.say(&pieces.slice(..len));
        let mut socket = open().await;
        wait(&mut socket);
        let more = held() - before - 2 * idle;
        assert!(more <= 2 * len + 128, "{more} bytes more when {len} of a MiB have come in");
    }

    // with messages that nobody has asked for yet: what they take
    wire.say(&Bytes::from(short.repeat(1000)));
    socket.recv().await.unwrap();
    let behind = held() - before;
    assert!(behind <= idle + 11_000 + 12_000, "{behind} bytes with 11 kB behind");
    for _ in 1..1000 {
        socket.recv().await.unwrap();
    }
    wait(&mut socket);
    wire.say(&Bytes::new());
    let after = held() - before;
    assert!(after * 5 <= idle * 6, "{after} bytes after many messages, {idle} before");
    println!("{idle} bytes of heap for an idle connection, {after} after bursts: ok");
}
