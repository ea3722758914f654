use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::client::{Client, masked};

pub(super) const SHORT: [u8; 64] = [b'x'; 64];

/// On each connection so many messages at a time, and the next ones when all have come back. Returns how many came back.
pub(super) async fn echo(
    addr: SocketAddr,
    connections: usize,
    text: &[u8],
    window: usize,
    time: Duration,
) -> io::Result<u64> {
    let end = Instant::now() + time;
    let frames = Arc::new(masked(0x81, text).repeat(window));
    each(connections, || {
        let frames = frames.clone();
        async move {
            let mut client = Client::connect(addr, "/echo").await?;
            let mut count = 0;
            while Instant::now() < end {
                client.send(&frames).await?;
                let until = count + window as u64;
                while count < until {
                    count += client.messages().await?;
                }
            }
            Ok(count)
        }
    })
    .await
}

/// Connects and closes, so many at a time. Returns how often.
pub(super) async fn handshakes(addr: SocketAddr, connections: usize, time: Duration) -> io::Result<u64> {
    let end = Instant::now() + time;
    each(connections, || async move {
        let mut count = 0;
        while Instant::now() < end {
            Client::connect(addr, "/echo").await?.close().await?;
            count += 1;
        }
        Ok(count)
    })
    .await
}

/// Connections that do nothing.
pub(super) struct Idle(Vec<Client>);

pub(super) async fn idle(addr: SocketAddr, connections: usize) -> io::Result<Idle> {
    let mut clients = Vec::with_capacity(connections);
    for _ in 0..connections {
        let mut client = Client::connect(addr, "/echo").await?;
        // Once, so that there is everything that stays.
        client.send(&masked(0x81, &SHORT)).await?;
        client.messages().await?;
        clients.push(client);
    }
    Ok(Idle(clients))
}

impl Idle {
    /// On each a message of so many bytes, there and back.
    pub(super) async fn burst(&mut self, bytes: usize) -> io::Result<()> {
        let frame = masked(0x82, &vec![7; bytes]);
        for client in &mut self.0 {
            client.send(&frame).await?;
            client.messages().await?;
        }
        Ok(())
    }
}

/// Runs so many at a time, and adds up what they count.
async fn each<F>(connections: usize, client: impl Fn() -> F) -> io::Result<u64>
where
    F: Future<Output = io::Result<u64>> + Send + 'static,
{
    let mut clients = JoinSet::new();
    for _ in 0..connections {
        clients.spawn(client());
    }
    let mut sum = 0;
    while let Some(count) = clients.join_next().await {
        sum += count??;
    }
    Ok(sum)
}
