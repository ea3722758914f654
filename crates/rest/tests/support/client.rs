//! A client that sends bytes as they are, and reads responses of HTTP/1.1.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::within;

pub(crate) struct Client<T = TcpStream> {
    io: BufReader<T>,
}

/// A response, read.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The head's lines after the first one, in lower case.
    headers: Vec<String>,
    pub(crate) body: String,
}

impl Client {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        Self::new(TcpStream::connect(addr).await.expect("somebody listens"))
    }

    /// The address that the server sees.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.io.get_ref().local_addr().expect("connected")
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Client<T> {
    pub(crate) fn new(io: T) -> Self {
        Self { io: BufReader::new(io) }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.io.write_all(bytes.as_ref()).await.expect("the connection takes bytes");
        self.io.flush().await.expect("the connection takes bytes");
    }

    /// Sends bytes as far as the server takes them, which may close before that, and then nothing more if this is the end.
    pub(crate) async fn send_what_is_taken(&mut self, bytes: &[u8], ends: bool) {
        let _ = self.io.write_all(bytes).await;
        let _ = self.io.flush().await;
        if ends {
            let _ = self.io.shutdown().await;
        }
    }

    /// Sends a request without a body, with these further header lines, each ended by `\r\n`.
    pub(crate) async fn request(&mut self, line: &str, headers: &str) -> Reply {
        self.send(format!("{line} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n")).await;
        self.reply().await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Reply {
        self.request(&format!("GET {path}"), "").await
    }

    pub(crate) async fn reply(&mut self) -> Reply {
        let mut lines = Vec::new();
        loop {
            let line = self.line().await.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            lines.push(line);
        }
        let status_line = lines.remove(0);
        let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("not a status line: {status_line}"));
        let mut reply = Reply { status, headers: lines, body: String::new() };
        if let Some(length) = reply.header("content-length") {
            reply.body = self.read(length.parse().expect("a length")).await;
        }
        reply
    }

    /// Reads exactly so many bytes.
    pub(crate) async fn read(&mut self, count: usize) -> String {
        let mut bytes = vec![0; count];
        within("all bytes of a body", self.io.read_exact(&mut bytes)).await.expect("the connection is open");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until the server has closed or reset the connection, and returns what came before.
    pub(crate) async fn closed(&mut self) -> String {
        let mut bytes = Vec::new();
        let mut chunk = [0; 4096];
        while let Ok(n @ 1..) = within("the connection is closed", self.io.read(&mut chunk)).await {
            bytes.extend_from_slice(&chunk[..n]);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Reads a line of a head, without its end.
    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        within("a line of a head", self.io.read_line(&mut line)).await.expect("the connection is open");
        assert!(line.ends_with("\r\n"), "the connection was closed within a head, after {line:?}");
        line.truncate(line.len() - 2);
        line
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().filter_map(|line| line.split_once(':')).find(|(key, _)| *key == name);
        found.map(|(_, value)| value.trim())
    }
}
