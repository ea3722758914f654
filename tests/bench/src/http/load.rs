use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Asks on so many connections at a time, on each the next thing once the answer is there, and returns how many came.
///
/// # Errors
///
/// An answer is not 200, or a connection ends.
pub(super) async fn run(addr: SocketAddr, connections: usize, time: Duration) -> io::Result<u64> {
    let end = Instant::now() + time;
    let mut clients = JoinSet::new();
    for _ in 0..connections {
        clients.spawn(client(addr, end));
    }
    let mut answers = 0;
    while let Some(client) = clients.join_next().await {
        answers += client??;
    }
    Ok(answers)
}

async fn client(addr: SocketAddr, end: Instant) -> io::Result<u64> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let (mut answers, mut buffer) = (0, vec![0; 4096]);
    while Instant::now() < end {
        stream.write_all(REQUEST).await?;
        let mut filled = 0;
        while !is_whole(&buffer[..filled])? {
            match stream.read(&mut buffer[filled..]).await? {
                0 => return Err(io::Error::other("the connection ended within an answer")),
                n => filled += n,
            }
        }
        answers += 1;
    }
    Ok(answers)
}

/// Whether an answer is there, which has to be a good one.
fn is_whole(bytes: &[u8]) -> io::Result<bool> {
    let Some(head) = bytes.windows(4).position(|it| it == b"\r\n\r\n") else { return Ok(false) };
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = text
        .split("content-length: ")
        .nth(1)
        .and_then(|rest| rest.split("\r\n").next()?.parse::<usize>().ok());
    match length {
        Some(length) if text.starts_with("http/1.1 200") => Ok(bytes.len() >= head + 4 + length),
        _ => Err(io::Error::other(format!("not the answer that was asked for: {text}"))),
    }
}

const REQUEST: &[u8] =
    b"GET /hello/Ann HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n";
