use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpSocket, TcpStream};

/// The least that can speak to a server: a socket and what has come of messages that are not whole yet.
pub(super) struct Client {
    pub(super) ears: Ears,
    pub(super) mouth: OwnedWriteHalf,
}

/// What hears.
pub(super) struct Ears {
    stream: OwnedReadHalf,
    buffer: Vec<u8>,
    filled: usize,
    /// What has come of a message in several frames.
    begun: Vec<u8>,
}

impl Client {
    /// Connects, and offers compression; what comes compressed is counted and not inflated.
    pub(super) async fn connect(addr: SocketAddr, path: &str) -> io::Result<Self> {
        Self::open(TcpStream::connect(addr).await?, path).await
    }

    /// The same for one whose system takes as little as it can while nobody reads.
    pub(super) async fn connect_narrow(addr: SocketAddr, path: &str) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        Self::open(socket.connect(addr).await?, path).await
    }

    async fn open(stream: TcpStream, path: &str) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let (stream, mut mouth) = stream.into_split();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
        );
        mouth.write_all(request.as_bytes()).await?;
        let mut ears = Ears { stream, buffer: vec![0; 4096], filled: 0, begun: Vec::new() };
        loop {
            ears.fill().await?;
            let Some(head) = ears.buffer[..ears.filled].windows(4).position(|it| it == b"\r\n\r\n") else {
                continue;
            };
            if !ears.buffer.starts_with(b"HTTP/1.1 101") {
                return Err(io::Error::other(String::from_utf8_lossy(&ears.buffer[..head]).into_owned()));
            }
            ears.take(head + 4);
            return Ok(Self { ears, mouth });
        }
    }

    pub(super) async fn send(&mut self, frames: &[u8]) -> io::Result<()> {
        self.mouth.write_all(frames).await
    }

    /// Reads what there is, at least something, and returns how many messages have come whole.
    pub(super) async fn messages(&mut self) -> io::Result<u64> {
        let mut count = 0;
        self.ears.hear(|_| count += 1).await?;
        Ok(count)
    }

    /// Closes, and waits until the server has ended the connection.
    pub(super) async fn close(mut self) -> io::Result<()> {
        self.send(&masked(0x88, &1000u16.to_be_bytes())).await?;
        while self.ears.stream.read(&mut self.ears.buffer).await? > 0 {}
        Ok(())
    }
}

/// A message that has come.
pub(super) struct Heard<'a> {
    pub(super) payload: &'a [u8],
    pub(super) is_compressed: bool,
}

impl Ears {
    /// Reads what there is, at least one message, and shows each.
    pub(super) async fn hear(&mut self, mut each: impl FnMut(Heard<'_>)) -> io::Result<()> {
        let mut has_heard = false;
        while !has_heard {
            self.fill().await?;
            let mut read = 0;
            while let Some((head, length)) = frame_lengths(&self.buffer[read..self.filled]) {
                let end = read + head + length;
                if end > self.filled {
                    self.buffer.resize(self.buffer.len().max(head + length), 0);
                    break;
                }
                let (first, mut payload) = (self.buffer[read], &self.buffer[read + head..end]);
                read = end;
                match first & 0x0f {
                    0..=2 => {}
                    8 => return Err(closed(payload)),
                    _ => continue,
                }
                if first & 0x80 == 0 || !self.begun.is_empty() {
                    self.begun.extend_from_slice(payload);
                    payload = &self.begun;
                }
                if first & 0x80 != 0 {
                    each(Heard { payload, is_compressed: first & 0x40 != 0 });
                    has_heard = true;
                    self.begun.clear();
                }
            }
            self.take(read);
        }
        Ok(())
    }

    async fn fill(&mut self) -> io::Result<()> {
        match self.stream.read(&mut self.buffer[self.filled..]).await? {
            0 => Err(io::Error::other("the server has ended the connection")),
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
        length @ ..0x1_0000 => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// How long head and payload are of the frame that begins here, if that is known yet. A server's frame has no mask.
fn frame_lengths(bytes: &[u8]) -> Option<(usize, usize)> {
    let &[_, length, ref rest @ ..] = bytes else { return None };
    match length & 0x7f {
        126 => rest.first_chunk().map(|length| (4, usize::from(u16::from_be_bytes(*length)))),
        127 => rest.first_chunk().map(|length| (10, u64::from_be_bytes(*length) as usize)),
        length => Some((2, usize::from(length))),
    }
}

fn closed(payload: &[u8]) -> io::Error {
    let (code, reason) = payload
        .split_first_chunk()
        .map_or((1005, &[][..]), |(code, reason)| (u16::from_be_bytes(*code), reason));
    io::Error::other(format!("the server has closed with {code} {}", String::from_utf8_lossy(reason)))
}
