//! What a connection costs in memory: its own, and all that a server has for it. Alone in its process and without libtest, as it counts what is allocated.

#![expect(clippy::unwrap_used, reason = "a test, though libtest does not know")]

use std::alloc::System;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use flate2::{Compress, Compression as Level, FlushCompress};
use futures_util::FutureExt;
use rest::conf::LogConf;
use rest::test::Server;
use rest::{Engine, RestConf};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use ws::{Error, Message, WebSocket, WsConf};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const MIB: usize = 1 << 20;

/// What tungstenite takes, which is there while a message is in parts.
const TUNGSTENITE: usize = 1000;

/// A socket whose client has said so much, and which holds no memory of its own.
#[derive(Clone, Default)]
struct Wire {
    said: Arc<Mutex<Bytes>>,
    /// Whether the client reads nothing.
    is_stuck: Arc<AtomicBool>,
}

impl Wire {
    fn say(&self, bytes: &Bytes) {
        *self.said.lock().expect("no panic") = bytes.clone();
    }

    fn is_read(&self) -> bool {
        self.said.lock().expect("no panic").is_empty()
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut said = self.said.lock().expect("no panic");
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
        if self.is_stuck.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = pieces.iter().map(|piece| piece.len()).sum();
        self.poll_write(cx, &[]).map_ok(|_| length)
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

fn held() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

fn head(first: u8, len: usize) -> Vec<u8> {
    let mut head = vec![first];
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len @ ..=125), _) => head.push(0x80 | len),
        (_, Ok(len)) => {
            head.push(0x80 | 126);
            head.extend(len.to_be_bytes());
        }
        _ => {
            head.push(0x80 | 127);
            head.extend((len as u64).to_be_bytes());
        }
    }
    head.extend([0; 4]);
    head
}

/// Polls once, and finds nothing complete.
fn wait(socket: &mut WebSocket) {
    assert!(socket.recv().now_or_never().is_none());
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    [&head(first, payload.len()), payload].concat()
}

/// Deflates, as a client with a context of its own for each message.
fn deflate(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + payload.len() / 8 + 100);
    let mut deflate = Compress::new(Level::fast(), false);
    deflate.compress_vec(payload, &mut out, FlushCompress::Sync).unwrap();
    out.truncate(out.len() - 4);
    out
}

/// What cannot be made shorter.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..len).map(|_| next()).collect()
}

/// Opens a socket, with compression or without, and polls it once.
async fn open(wire: &Wire, compressed: bool) -> WebSocket {
    let conf = WsConf { max_message_bytes: MIB, max_fragments: MIB, ..WsConf::default() };
    let offer = if compressed { "permessage-deflate" } else { "none" };
    let mut socket = ws::test::offered(wire.clone(), conf, offer).await;
    wait(&mut socket);
    socket
}

/// Polls until all was read, and finds nothing complete.
fn read(wire: &Wire, socket: &mut WebSocket) {
    while !wire.is_read() {
        wait(socket);
    }
    for _ in 0..100 {
        wait(socket); // it may end a turn with something left
    }
}

/// The greatest of what is held while a message comes in, which is polled for again and again, and the message.
async fn peak(socket: &mut WebSocket) -> (usize, Result<Option<Message>, Error>) {
    let mut peak = 0;
    let received = std::future::poll_fn(|cx| {
        let polled = std::pin::pin!(socket.recv()).poll(cx);
        peak = peak.max(held());
        polled
    });
    let received = received.await;
    (peak, received)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let wire = Wire::default();
    for kind in [Kind::Server, Kind::CompressingServer, Kind::Client] {
        idle_and_after_bursts(&wire, kind).await;
    }
    for compressed in [false, true] {
        in_a_message(&wire, compressed).await;
        behind(&wire, compressed).await;
        in_fragments(&wire, compressed).await;
    }
    in_a_compressed_message(&wire).await;
    of_a_bomb(&wire).await;
    of_pings(&wire).await;
    of_a_server().await;
}

/// Which end of the connection is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Server,
    CompressingServer,
    Client,
}

impl Kind {
    async fn open(self, wire: &Wire) -> WebSocket {
        if self == Self::Client {
            let conf = WsConf { max_message_bytes: MIB, ..WsConf::default() };
            let mut socket = WebSocket::from_raw_client(wire.clone(), conf).await;
            wait(&mut socket);
            return socket;
        }
        open(wire, self == Self::CompressingServer).await
    }

    /// A frame as its peer sends it.
    fn frame(self, first: u8, payload: &[u8]) -> Bytes {
        let mut head = head(first, payload.len());
        if self == Self::Client {
            head.truncate(head.len() - 4);
            head[1] &= 0x7f;
        }
        Bytes::from([&head, payload].concat())
    }
}

/// Idle: at most 1,900 bytes. After messages of 1 MiB: no more than 1.2 times that.
async fn idle_and_after_bursts(wire: &Wire, kind: Kind) {
    let plain = kind.frame(0x82, &noise(MIB));
    let (long, short) = match kind {
        Kind::CompressingServer => {
            let short = kind.frame(0xc1, b"\xf2\x48\xcd\xc9\xc9\x07\x00");
            (kind.frame(0xc2, &deflate(&vec![7; MIB])), short)
        }
        _ => (plain.clone(), kind.frame(0x81, b"hello")),
    };
    let bursts = [&long, &plain, &long];
    // The thread gets its buffers and its compressors, and the runtime its own.
    let mut first = kind.open(wire).await;
    for said in bursts.into_iter().chain([&short]) {
        wire.say(said);
        let message = first.recv().await.unwrap().unwrap();
        first.send(message).await.unwrap();
        wait(&mut first);
    }
    drop(first);

    let before = held();
    let mut socket = kind.open(wire).await;
    let idle = held() - before;
    assert!(idle <= 1900, "{idle} bytes for an idle connection of a {kind:?}");
    for burst in bursts {
        wire.say(burst);
        let message = socket.recv().await.unwrap().unwrap();
        assert_eq!(message.len(), MIB);
        socket.send(message).await.unwrap();
        wait(&mut socket);
        wire.say(&short);
        assert_eq!(socket.recv().await.unwrap().unwrap().len(), 5);
        wait(&mut socket);
        let after = held() - before;
        assert!(after * 5 <= idle * 6, "{after} bytes after a burst, {idle} before, {kind:?}");
    }
    println!("{kind:?}: {idle} bytes of heap for an idle connection, {} after bursts", held() - before);
}

/// In a message: at most twice what has come in of it beside tungstenite, not what it announces.
async fn in_a_message(wire: &Wire, compressed: bool) {
    let begun = Bytes::from([head(0x82, MIB), vec![7; MIB - 1]].concat());
    wire.say(&Bytes::new());
    let before = held();
    let mut idle = open(wire, compressed).await;
    let empty = held() - before;
    for len in [14, 15, 1000, 10_000, 100_000, MIB - 1] {
        wire.say(&begun.slice(..len));
        let mut socket = open(wire, compressed).await;
        read(wire, &mut socket);
        let more = held() - before - 2 * empty;
        assert!(more <= TUNGSTENITE + 2 * len, "{more} bytes more when {len} of a MiB have come in");
    }
    wait(&mut idle);
}

/// With messages that nobody has asked for yet: what they take.
async fn behind(wire: &Wire, compressed: bool) {
    let said = Bytes::from(frame(0x81, b"hello").repeat(1000));
    wire.say(&Bytes::new());
    let before = held();
    let mut socket = open(wire, compressed).await;
    let idle = held() - before;
    wire.say(&said);
    let all = said.len();
    socket.recv().await.unwrap();
    let behind = held() - before;
    assert!(behind <= idle + 2 * all, "{behind} bytes with {all} behind");
    for _ in 1..1000 {
        socket.recv().await.unwrap();
    }
    wait(&mut socket);
    let after = held() - before;
    assert!(after * 5 <= idle * 6, "{after} bytes after many messages, {idle} before");
}

/// In a message of one-byte fragments: twice its bytes, whatever the fragments took on the wire.
async fn in_fragments(wire: &Wire, compressed: bool) {
    const COUNT: usize = 100_000;
    let fragments = Bytes::from([frame(0x02, b"x"), frame(0, b"x").repeat(COUNT)].concat());
    wire.say(&Bytes::new());
    let mut socket = open(wire, compressed).await;
    let before = held();
    wire.say(&fragments);
    read(wire, &mut socket);
    let more = held() - before;
    assert!(more <= 2 * COUNT + 4096, "{more} bytes more for {COUNT} fragments of a byte");
}

/// In a compressed message: what has come in of it, then a stream and what that has made of it.
async fn in_a_compressed_message(wire: &Wire) {
    const STREAM: usize = 64 * 1024;
    let begun = Bytes::from(frame(0xc2, &deflate(&noise(MIB / 2))));
    wire.say(&Bytes::new());
    let before = held();
    let socket = open(wire, true).await;
    let idle = held() - before;
    drop(socket);
    for (len, bound) in
        [(14, 128), (100, 400), (16_000, 33_000), (20_000, 40_000 + STREAM), (400_000, 800_000 + STREAM)]
    {
        wire.say(&begun.slice(..len));
        let mut socket = open(wire, true).await;
        read(wire, &mut socket);
        let more = held() - before - idle;
        assert!(
            more <= TUNGSTENITE + bound,
            "{more} bytes more when {len} of a compressed message have come in"
        );
    }
}

/// Of a message that becomes as much as it may, or more: the limit and a piece.
async fn of_a_bomb(wire: &Wire) {
    const PIECE: usize = 64 * 1024;
    let fits = Bytes::from(frame(0xc2, &deflate(&vec![0; MIB])));
    let bomb = Bytes::from(frame(0xc2, &deflate(&vec![0; 4 * MIB])));
    wire.say(&Bytes::new());
    for said in [&fits, &bomb] {
        let before = held();
        let mut socket = open(wire, true).await;
        wire.say(said);
        let (peak, received) = peak(&mut socket).await;
        let more = peak - before;
        assert!(more <= MIB + PIECE, "{more} bytes for a limit of 1 MiB");
        assert_eq!(received.is_ok(), said == &fits);
        drop(received);
    }
}

/// Of pings that are not answered because the client reads nothing: a pong or two.
async fn of_pings(wire: &Wire) {
    wire.say(&Bytes::new());
    let conf = WsConf { max_overhead_frames: MIB, ..WsConf::default() };
    let mut socket = WebSocket::from_raw(wire.clone(), conf).await;
    wait(&mut socket);
    wire.is_stuck.store(true, Ordering::Relaxed);
    let pings = Bytes::from(frame(0x89, &[b'p'; 100]).repeat(100_000));
    let before = held();
    wire.say(&pings);
    read(wire, &mut socket);
    let more = held() - before;
    assert!(more <= 4096, "{more} bytes more for 100,000 pings");
}

/// Idle, with all that a server has for it: its task, its span in the log, its place in the runtime. Less than 4 KB.
async fn of_a_server() {
    const CONNECTIONS: usize = 200;
    async fn echo(mut socket: WebSocket) -> Result<(), Error> {
        while let Some(message) = socket.recv().await? {
            socket.send(message).await?;
        }
        Ok(())
    }
    let log = tracing_subscriber::registry().with(LogConf::default().layer_to(io::sink));
    log.init();
    let mut engine: Engine = Engine::new(RestConf::default());
    engine.add_route(ws::route("/echo", echo));
    let server = Server::start(engine).await;
    let first = talk(server.addr()).await;
    let mut clients = Vec::with_capacity(CONNECTIONS);

    let before = held();
    for _ in 0..CONNECTIONS {
        clients.push(talk(server.addr()).await);
    }
    let idle = (held() - before) / CONNECTIONS;
    assert!(idle <= 4000, "{idle} bytes for an idle connection of a server");
    println!("{idle} bytes of heap for an idle connection of a server");
    drop((clients, first));
    server.stop().await;
}

/// Connects, offers compression, says something and hears it. What is left of that on this side holds no memory.
async fn talk(addr: SocketAddr) -> std::net::TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let request = "GET /echo HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                   Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut heard = [0; 1024];
    let mut end = 0;
    while !heard[..end].ends_with(b"\r\n\r\n") {
        end += stream.read(&mut heard[end..]).await.unwrap();
    }
    assert!(heard.starts_with(b"HTTP/1.1 101 "), "{}", heard[..end].escape_ascii());
    stream.write_all(&frame(0x81, b"hello")).await.unwrap();
    stream.read_exact(&mut heard[..7]).await.unwrap();
    assert_eq!(&heard[..7], b"\x81\x05hello");
    stream.into_std().unwrap()
}
