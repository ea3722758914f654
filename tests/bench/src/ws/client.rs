use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The least that can speak to a server: a socket and what has come of frames that are not whole yet.
pub(super) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

impl Client {
    /// Connects, and offers compression; what comes compressed is counted and not inflated.
    pub(super) async fn connect(addr: SocketAddr, path: &str) -> io::Result<Self> {
        let mut stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut client = Self { stream, buffer: vec![0; 4096], filled: 0 };
        loop {
            client.fill().await?;
            let Some(head) = client.buffer[..client.filled].windows(4).position(|it| it == b"\r\n\r\n")
            else {
                continue;
            };
            if !client.buffer.starts_with(b"HTTP/1.1 101") {
                return Err(io::Error::other(String::from_utf8_lossy(&client.buffer[..head]).into_owned()));
            }
            client.take(head + 4);
            return Ok(client);
        }
    }

    pub(super) async fn send(&mut self, frames: &[u8]) -> io::Result<()> {
        self.stream.write_all(frames).await
    }

    /// Reads what there is, at least something, and returns how many messages have come whole.
    pub(super) async fn messages(&mut self) -> io::Result<u64> {
        let (mut count, mut read) = (0, 0);
        while count == 0 {
            self.fill().await?;
            while let Some(length) = frame_length(&self.buffer[read..self.filled]) {
                let end = read + length;
                if end > self.filled {
                    self.buffer.resize(self.buffer.len().max(length), 0);
                    break;
                }
                count += u64::from(matches!(self.buffer[read] & 0x0f, 1 | 2));
                read = end;
            }
            self.take(read);
            read = 0;
        }
        Ok(count)
    }

    /// Closes, and waits until the server has ended the connection.
    pub(super) async fn close(mut self) -> io::Result<()> {
        self.stream.write_all(&masked(0x88, &1000u16.to_be_bytes())).await?;
        while self.stream.read(&mut self.buffer).await? > 0 {}
        Ok(())
    }

    async fn fill(&mut self) -> io::Result<()> {
        match self.stream.read(&mut self.buffer[self.filled..]).await? {
            0 => Err(io::Error::other("the server has closed")),
            n => {
                self.filled += n;
                Ok(())
            }
        }
    }

    fn take(&mut self, bytes: usize) {
        self.buffer.copy_within(bytes..self.filled, 0);
        self.filled -= bytes;
    }
}

/// A frame of a client, masked by zeros: to unmask it costs a server the same.
pub(super) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ ..126 => frame.push(0x80 | length as u8),
        length => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// How long the frame is that begins here, if that is known yet.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    let &[_, length, ref rest @ ..] = bytes else { return None };
    match length & 0x7f {
        126 => rest.first_chunk().map(|length| 4 + usize::from(u16::from_be_bytes(*length))),
        127 => rest.first_chunk().map(|length| 10 + u64::from_be_bytes(*length) as usize),
        length => Some(2 + usize::from(length)),
    }
}
