//! permessage-deflate, from the handshake to the close, with a client made of bytes.

#![expect(clippy::unwrap_used, reason = "its helpers are a test's too")]

use flate2::{Compress, Compression as Level, Decompress, FlushCompress, FlushDecompress};
use rest::{Engine, RestConf};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use ws::{Compression, Error, Prepared, Upgrader, WebSocket, WsConf};

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const TEXT: u8 = 0x1;
const PING: u8 = 0x9;
const LIMIT: usize = 100_000;

async fn echo(mut socket: WebSocket) -> Result<(), Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

async fn secretive(mut socket: WebSocket) -> Result<(), Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(Prepared::from(message).uncompressed()).await?;
    }
    Ok(())
}

fn conf() -> WsConf {
    WsConf { max_message_bytes: LIMIT, ..WsConf::default() }
}

/// Opens a socket; also returns the extensions that were agreed on.
async fn open(upgrader: Upgrader, offer: &str) -> (TcpStream, Option<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut engine = Engine::new(RestConf::default());
    engine.add_route(upgrader.clone().route("/echo", echo));
    engine.add_route(upgrader.route("/secret", secretive));
    tokio::spawn(engine.serve(listener, std::future::pending()));
    let mut client = TcpStream::connect(addr).await.unwrap();
    let (path, offer) = offer.split_once(' ').unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Extensions: {offer}\r\n\r\n"
    );
    client.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    let extensions = head.lines().find_map(|line| line.strip_prefix("sec-websocket-extensions: "));
    (client, extensions.map(str::to_owned))
}

fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mask = [9, 8, 7, 6];
    let mut frame = vec![first];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(len @ ..=125), _) => frame.push(0x80 | len),
        (_, Ok(len)) => {
            frame.push(0x80 | 126);
            frame.extend(len.to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

async fn read(client: &mut TcpStream) -> (u8, Vec<u8>) {
    let first = client.read_u8().await.unwrap();
    let len = match client.read_u8().await.unwrap() {
        126 => usize::from(client.read_u16().await.unwrap()),
        127 => usize::try_from(client.read_u64().await.unwrap()).unwrap(),
        len => len.into(),
    };
    let mut payload = vec![0; len];
    client.read_exact(&mut payload).await.unwrap();
    (first, payload)
}

/// Reads the close, and returns its code and reason.
async fn closed(client: &mut TcpStream) -> (u16, String) {
    let (first, payload) = read(client).await;
    assert_eq!(first, 0x88, "{payload:?}");
    (u16::from_be_bytes([payload[0], payload[1]]), String::from_utf8(payload[2..].to_vec()).unwrap())
}

fn deflate(compress: &mut Compress, text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 1000);
    compress.compress_vec(text, &mut out, FlushCompress::Sync).unwrap();
    assert!(out.ends_with(&[0, 0, 0xff, 0xff]));
    out.truncate(out.len() - 4);
    out
}

fn inflate(decompress: &mut Decompress, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(2 * LIMIT);
    let payload = [payload, &[0, 0, 0xff, 0xff]].concat();
    decompress.decompress_vec(&payload, &mut out, FlushDecompress::Sync).unwrap();
    out
}

fn long_text() -> String {
    (0..9000).map(|i| format!("line {i} ")).collect()
}

#[tokio::test]
async fn messages_are_compressed_both_ways() {
    let (mut client, extensions) = open(Upgrader::new(conf()), "/echo permessage-deflate").await;
    let expected = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    assert_eq!(extensions.as_deref(), Some(expected));
    for text in [long_text(), "ä".repeat(300), "x".repeat(LIMIT)] {
        let compressed = deflate(&mut Compress::new(Level::fast(), false), text.as_bytes());
        client.write_all(&frame(FIN | RSV1 | TEXT, compressed)).await.unwrap();
        let (first, payload) = read(&mut client).await;
        assert_eq!(first, FIN | RSV1 | TEXT);
        assert!(payload.len() < text.len() / 2, "{} of {} bytes", payload.len(), text.len());
        assert_eq!(inflate(&mut Decompress::new(false), &payload), text.as_bytes());
    }
    for (first, payload) in [(RSV1, &b"\xf2\x48\xcd\xc9\xc9\x07\x00"[..]), (0, b"Hello"), (RSV1, b"\0")] {
        client.write_all(&frame(FIN | first | TEXT, payload)).await.unwrap();
        let expected = if payload.len() == 1 { &b""[..] } else { b"Hello" };
        assert_eq!(read(&mut client).await, (FIN | TEXT, expected.to_vec()), "too short to be compressed");
    }
}

#[tokio::test]
async fn a_ping_between_compressed_fragments_is_answered_at_once() {
    let (mut client, _) = open(Upgrader::new(conf()), "/echo permessage-deflate").await;
    client.write_all(&frame(RSV1 | TEXT, b"\xf2\x48\xcd")).await.unwrap();
    client.write_all(&frame(FIN | PING, "now")).await.unwrap();
    assert_eq!(read(&mut client).await, (0x8a, b"now".to_vec()));
    client.write_all(&frame(0, "")).await.unwrap();
    client.write_all(&frame(FIN, b"\xc9\xc9\x07\x00")).await.unwrap();
    assert_eq!(read(&mut client).await, (FIN | TEXT, b"Hello".to_vec()));
}

#[tokio::test]
async fn context_is_taken_over_where_both_ends_say_so() {
    let compression = Compression {
        server_context_takeover: true,
        client_context_takeover: true,
        ..Compression::default()
    };
    let upgrader = Upgrader::new(WsConf { compression, ..conf() });
    let (mut client, extensions) = open(upgrader, "/echo permessage-deflate").await;
    assert_eq!(extensions.as_deref(), Some("permessage-deflate"));
    let (mut compress, mut decompress) = (Compress::new(Level::fast(), false), Decompress::new(false));
    let text = long_text()[..8000].to_owned();
    let mut sizes = Vec::new();
    for _ in 0..3 {
        client.write_all(&frame(FIN | RSV1 | TEXT, deflate(&mut compress, text.as_bytes()))).await.unwrap();
        let (first, payload) = read(&mut client).await;
        assert_eq!(first, FIN | RSV1 | TEXT);
        assert_eq!(inflate(&mut decompress, &payload), text.as_bytes());
        sizes.push(payload.len());
    }
    assert!(sizes[2] * 10 < sizes[0], "{sizes:?}");
}

#[tokio::test]
async fn what_a_client_must_not_send_is_refused() {
    let bomb = deflate(&mut Compress::new(Level::best(), false), &vec![0; 64 << 20]);
    let over = deflate(&mut Compress::new(Level::best(), false), &vec![b'x'; LIMIT + 1]);
    let too_big = (1009, format!("message is larger than {LIMIT} bytes"));
    let garbage = (1007, "compressed data cannot be inflated".to_owned());
    let reserved = (1002, "a reserved bit is set".to_owned());
    let utf8 = (1007, "text is not valid UTF-8".to_owned());
    let latin1 = deflate(&mut Compress::new(Level::fast(), false), b"caf\xe9 au lait");
    for (what, wire, expected) in [
        ("a bomb", frame(FIN | RSV1 | TEXT, bomb), &too_big),
        ("a byte too many", frame(FIN | RSV1 | TEXT, over), &too_big),
        ("garbage", frame(FIN | RSV1 | TEXT, [0xff; 20]), &garbage),
        ("half a message", frame(FIN | RSV1 | TEXT, b"\xf2\x48"), &garbage),
        ("a compressed ping", frame(FIN | RSV1 | PING, "x"), &reserved),
        ("RSV2", frame(FIN | 0x20 | TEXT, "x"), &reserved),
        ("RSV1 inside", [frame(RSV1 | TEXT, b"\xf2"), frame(RSV1 | FIN, b"\x48")].concat(), &reserved),
        ("no UTF-8", frame(FIN | RSV1 | TEXT, latin1), &utf8),
    ] {
        let (mut client, _) = open(Upgrader::new(conf()), "/echo permessage-deflate").await;
        client.write_all(&wire).await.unwrap();
        assert_eq!(&closed(&mut client).await, expected, "{what}");
    }
}

#[tokio::test]
async fn compression_is_off_where_it_was_not_agreed_on() {
    let off = Compression { enabled: false, ..Compression::default() };
    for (upgrader, offer) in [
        (Upgrader::new(conf()), "/echo permessage-deflate; server_max_window_bits=8"),
        (Upgrader::new(conf()), "/echo x-unknown"),
        (Upgrader::new(WsConf { compression: off, ..conf() }), "/echo permessage-deflate"),
        (Upgrader::new(conf()).compress_if(|parts| parts.uri.path() != "/echo"), "/echo permessage-deflate"),
    ] {
        let (mut client, extensions) = open(upgrader, offer).await;
        assert_eq!(extensions, None);
        client.write_all(&frame(FIN | TEXT, "x".repeat(1000))).await.unwrap();
        assert_eq!(read(&mut client).await, (FIN | TEXT, "x".repeat(1000).into_bytes()));
        client.write_all(&frame(FIN | RSV1 | TEXT, b"\0")).await.unwrap();
        assert_eq!(closed(&mut client).await.0, 1002);
    }
}

#[tokio::test]
async fn a_message_can_be_left_uncompressed() {
    let (mut client, extensions) = open(Upgrader::new(conf()), "/secret permessage-deflate").await;
    assert!(extensions.is_some());
    client.write_all(&frame(FIN | TEXT, "x".repeat(1000))).await.unwrap();
    assert_eq!(read(&mut client).await, (FIN | TEXT, "x".repeat(1000).into_bytes()));
}
