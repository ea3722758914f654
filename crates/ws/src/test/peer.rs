use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::timeout;

use super::frame::Frame;
use crate::conf::WsConf;
use crate::frame::MASK;
use crate::mask;
use crate::role::Role;
use crate::socket::WebSocket;

/// The other end of a connection, made of bytes: it says exactly what it is told to say, and nothing by itself.
///
/// It stalls by not being asked to read, and cuts the connection when it is dropped.
///
/// # Panics
///
/// Its methods are assertions too: they panic where what must come does not within a minute, or the connection is reset.
#[derive(Debug)]
pub struct Peer<S = DuplexStream> {
    /// The connection, for what has no method here. What was read ahead of a frame's end is not in it any more.
    pub io: S,
    role: Role,
    /// Read, but not yet asked for.
    ahead: Vec<u8>,
}

/// The head of an HTTP request or response, and its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The request line or the status line.
    pub start_line: String,
    /// The headers in their order, each name in lower case.
    pub headers: Vec<(String, String)>,
    /// As long as `content-length` says.
    pub body: String,
}

impl Peer {
    /// Opens a connection between a server's socket and a client, over a pipe that holds so many bytes each way.
    pub async fn of_server(conf: WsConf, pipe: usize) -> (WebSocket, Self) {
        let (near, far) = duplex(pipe);
        (WebSocket::from_raw(near, conf).await, Self::client(far))
    }

    /// Opens a connection between a client's socket and a server, over a pipe that holds so many bytes each way.
    pub async fn of_client(conf: WsConf, pipe: usize) -> (WebSocket, Self) {
        let (near, far) = duplex(pipe);
        (WebSocket::from_raw_client(near, conf).await, Self::server(far))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    /// Plays the client on a connection.
    pub fn client(io: S) -> Self {
        Self { io, role: Role::Client, ahead: Vec::new() }
    }

    /// Plays the server on a connection.
    pub fn server(io: S) -> Self {
        Self { io, role: Role::Server, ahead: Vec::new() }
    }

    /// Writes bytes.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let written = timeout(PATIENCE, self.io.write_all(bytes.as_ref())).await;
        written.expect("the other end reads in time").expect("the connection is open");
    }

    /// Writes a frame as its role demands: a client's with a mask, a server's without.
    pub async fn send(&mut self, frame: impl Into<Frame>) {
        let frame = frame.into();
        self.write(self.bytes_of(&frame)).await;
    }

    /// Ends its half of the connection, and can still read.
    pub async fn half_close(&mut self) {
        self.io.shutdown().await.expect("the connection is open");
    }

    /// Reads the next frame; `None` at the end of the stream.
    ///
    /// # Panics
    ///
    /// Also where the frame has no mask though it is a client's, or has one though it is a server's.
    pub async fn next(&mut self) -> Option<Frame> {
        self.fill(2).await.then_some(())?;
        let is_masked = self.ahead[1] & MASK != 0;
        assert_eq!(is_masked, self.role == Role::Server, "a client masks its frames, a server does not");
        let (end, len) = match self.ahead[1] & !MASK {
            126 => (4, 2..4),
            127 => (10, 2..10),
            _ => (2, 1..2),
        };
        let head = if is_masked { end + 4 } else { end };
        assert!(self.fill(head).await, "the stream ends in a frame's head");
        let len = self.ahead[len].iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
        let len = if end == 2 { len & usize::from(!MASK) } else { len };
        assert!(self.fill(head + len).await, "the stream ends in a frame");
        let mut frame = self.ahead.drain(..head + len).collect::<Vec<_>>();
        if let Some(key) = frame[end..head].first_chunk().copied() {
            mask::apply(&mut frame[head..], key);
        }
        Some(Frame { first: frame[0], payload: frame[head..].to_vec() })
    }

    /// Reads the next frame, which must be there.
    pub async fn frame(&mut self) -> Frame {
        self.next().await.expect("a frame, not the end of the stream")
    }

    /// Reads the next frame, which must be a whole text.
    pub async fn text(&mut self) -> String {
        let frame = self.frame().await;
        assert_eq!(frame.first, 0x81, "{frame:?} is a text");
        String::from_utf8(frame.payload).expect("UTF-8")
    }

    /// Reads a close frame, which must be the next, and answers it with the same. Returns its code and reason.
    pub async fn closed(&mut self) -> (u16, String) {
        let frame = self.frame().await;
        let said = frame.close();
        // Where the other end has ended the connection already, there is nobody to answer.
        let _ = self.io.write_all(&self.bytes_of(&frame)).await;
        said
    }

    /// Reads the frames that still come, up to the end of the stream.
    pub async fn rest(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await {
            frames.push(frame);
        }
        frames
    }

    /// Reads an HTTP request or response, for a handshake by hand.
    pub async fn head(&mut self) -> Head {
        let end = loop {
            if let Some(end) = self.ahead.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            assert!(self.fill(self.ahead.len() + 1).await, "the stream ends in a head");
        };
        let head = self.ahead.drain(..end + 4).collect::<Vec<_>>();
        let head = String::from_utf8(head).expect("ASCII");
        let mut lines = head.trim_end().lines().map(str::to_owned);
        let start_line = lines.next().expect("a start line");
        let headers = lines
            .map(|line| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())))
            .collect::<Option<Vec<_>>>()
            .expect("headers");
        let mut head = Head { start_line, headers, body: String::new() };
        let len = head.header("content-length").map_or(0, |len| len.parse().expect("a length"));
        assert!(self.fill(len).await, "the stream ends in a body");
        head.body = String::from_utf8(self.ahead.drain(..len).collect()).expect("UTF-8");
        head
    }

    fn bytes_of(&self, frame: &Frame) -> Vec<u8> {
        match self.role {
            Role::Client => frame.masked(),
            Role::Server => frame.unmasked(),
        }
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

impl Head {
    /// The value of the first header with this name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// How long it waits for something that must come. Only a failing test waits for that long.
const PATIENCE: Duration = Duration::from_secs(60);
