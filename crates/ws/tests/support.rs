//! A client made of raw bytes, and an engine to talk to.

use std::net::SocketAddr;
use std::time::Duration;

use rest::conf::Mode;
use rest::{Engine, RestConf, ServeError};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use ws::{WebSocket, WsConf};

/// The key of RFC 6455 section 1.3, and what the server makes of it.
pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// How long a client waits for something that must come. Only a failing test waits for that long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client that says exactly what it is told to say.
pub(crate) struct Peer<S = DuplexStream> {
    pub(crate) io: S,
    /// Read, but not yet asked for.
    ahead: Vec<u8>,
}

/// A frame as it came over the wire.
#[derive(Debug, PartialEq)]
pub(crate) struct Frame {
    /// `FIN`, the reserved bits and the opcode.
    pub(crate) first: u8,
    pub(crate) payload: Vec<u8>,
}

/// The head and the body of a response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// A socket, and the client at the other end of a pipe that holds so many bytes each way.
pub(crate) async fn pair(conf: WsConf, pipe: usize) -> (WebSocket, Peer) {
    let (server, client) = duplex(pipe);
    (WebSocket::from_raw(server, conf).await, Peer::new(client))
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    pub(crate) fn new(io: S) -> Self {
        Self { io, ahead: Vec::new() }
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let written = timeout(PATIENCE, self.io.write_all(bytes.as_ref())).await;
        written.expect("the server reads in time").expect("the connection is open");
    }

    /// Reads the next frame; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        self.fill(2).await.then_some(())?;
        assert_eq!(self.ahead[1] & 0x80, 0, "a server's frame has no mask");
        let (head, len) = match self.ahead[1] {
            126 => (4, 2..4),
            127 => (10, 2..10),
            _ => (2, 1..2),
        };
        assert!(self.fill(head).await, "the stream ends in a frame's head");
        let len = self.ahead[len].iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
        assert!(self.fill(head + len).await, "the stream ends in a frame");
        let frame = self.ahead.drain(..head + len).collect::<Vec<_>>();
        Some(Frame { first: frame[0], payload: frame[head..].to_vec() })
    }

    /// Reads the next frame, which must be there.
    pub(crate) async fn frame(&mut self) -> Frame {
        self.next().await.expect("a frame, not the end of the stream")
    }

    /// Reads the next frame, which must be a whole text.
    pub(crate) async fn text(&mut self) -> String {
        let frame = self.frame().await;
        assert_eq!(frame.first, 0x81, "{frame:?} is a text");
        String::from_utf8(frame.payload).expect("UTF-8")
    }

    /// Reads a close frame, and answers it with the same.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        let frame = self.frame().await;
        let said = frame.close();
        // Where the server has ended the connection already, there is nobody to answer.
        let _ = self.io.write_all(&masked(0x88, &frame.payload)).await;
        said
    }

    /// Reads what the server still sends, up to the end of the stream.
    pub(crate) async fn rest(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await {
            frames.push(frame);
        }
        frames
    }

    /// Reads an HTTP response.
    pub(crate) async fn response(&mut self) -> Response {
        let end = loop {
            if let Some(end) = self.ahead.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            assert!(self.fill(self.ahead.len() + 1).await, "the stream ends in a response's head");
        };
        let head = self.ahead.drain(..end + 4).collect::<Vec<_>>();
        let head = String::from_utf8(head).expect("ASCII");
        let mut lines = head.trim_end().lines().map(str::to_owned);
        let status = lines.next().expect("a status line");
        let headers = lines
            .map(|line| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())))
            .collect::<Option<Vec<_>>>()
            .expect("headers");
        let mut response = Response { status, headers, body: String::new() };
        let len = response.header("content-length").map_or(0, |len| len.parse().expect("a length"));
        assert!(self.fill(len).await, "the stream ends in a response's body");
        response.body = String::from_utf8(self.ahead.drain(..len).collect()).expect("UTF-8");
        response
    }

    /// Reads until so many bytes are there; `false` where the stream ends cleanly before the first of them.
    async fn fill(&mut self, len: usize) -> bool {
        while self.ahead.len() < len {
            let read = timeout(PATIENCE, self.io.read_buf(&mut self.ahead)).await;
            if read.expect("something comes in time").expect("the connection is not reset") == 0 {
                assert!(self.ahead.is_empty(), "the stream ends after {:?}", self.ahead);
                return false;
            }
        }
        true
    }
}

impl Frame {
    pub(crate) fn new(first: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self { first, payload: payload.into() }
    }

    /// The code and the reason of a close frame.
    pub(crate) fn close(&self) -> (u16, String) {
        assert_eq!(self.first, 0x88, "{self:?} is a close");
        let (code, reason) = self.payload.split_first_chunk::<2>().expect("a close with a code");
        (u16::from_be_bytes(*code), String::from_utf8(reason.to_vec()).expect("UTF-8"))
    }
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// A client's frame.
pub(crate) fn masked(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let payload = payload.as_ref();
    let mut frame = vec![first];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(len @ 0..=125), _) => frame.push(0x80 | len),
        (_, Ok(len)) => {
            frame.push(0x80 | 126);
            frame.extend(len.to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// A client's text.
pub(crate) fn text(text: &str) -> Vec<u8> {
    masked(0x81, text)
}

/// A client's close.
pub(crate) fn close(code: u16, reason: &str) -> Vec<u8> {
    masked(0x88, [&code.to_be_bytes()[..], reason.as_bytes()].concat())
}

/// An engine that serves on a port of its own.
pub(crate) struct Served {
    pub(crate) addr: SocketAddr,
    stop: oneshot::Sender<()>,
    end: JoinHandle<Result<(), ServeError>>,
}

/// A config that stops without a lame duck's time.
pub(crate) fn conf() -> RestConf {
    let mut conf = RestConf { mode: Mode::Test, ..RestConf::default() };
    conf.shutdown.wrap_up_time = Duration::ZERO;
    conf
}

pub(crate) async fn serve<S: Clone + Send + Sync + 'static>(engine: Engine<S>) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("it is bound");
    let (stop, stopped) = oneshot::channel();
    let end = tokio::spawn(engine.serve(listener, async { drop(stopped.await) }));
    Served { addr, stop, end }
}

impl Served {
    pub(crate) async fn connect(&self) -> Peer<TcpStream> {
        Peer::new(TcpStream::connect(self.addr).await.expect("the engine listens"))
    }

    /// Connects, and opens a WebSocket.
    pub(crate) async fn open(&self, path: &str) -> Peer<TcpStream> {
        let mut peer = self.connect().await;
        peer.write(request(path, &[])).await;
        let response = peer.response().await;
        assert_eq!(response.status, "HTTP/1.1 101 Switching Protocols", "{response:?}");
        peer
    }

    /// Asks the engine to stop; what is returned is done when it has.
    pub(crate) fn stop(self) -> impl Future<Output = ()> {
        self.stop.send(()).expect("the engine runs");
        let end = self.end;
        async {
            let end = timeout(PATIENCE, end).await.expect("the engine ends");
            end.expect("the engine does not panic").expect("the engine ends well");
        }
    }
}

/// A handshake with some headers changed: each name with the lines it has instead.
pub(crate) fn request(path: &str, changes: &[(&str, &[&str])]) -> String {
    let changed = |name| changes.iter().any(|(changed, _)| *changed == name);
    let mut head = format!("GET {path} HTTP/1.1\r\n");
    for (name, value) in [
        ("Host", "example.com"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", KEY),
    ] {
        if !changed(name) {
            head += &format!("{name}: {value}\r\n");
        }
    }
    for (name, values) in changes {
        for value in *values {
            head += &format!("{name}: {value}\r\n");
        }
    }
    head + "\r\n"
}
