//! The peers of fan-out that need no framework: tokio-tungstenite with a hub as everyone writes it, and the floors.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// A task is the hub; each client has a channel and a task that writes all that is in it before it flushes. Who has a full
/// channel is dropped.
pub(in crate::ws) async fn tokio_tungstenite_hub(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    enum Command {
        Join(usize, mpsc::Sender<Utf8Bytes>),
        Leave(usize),
        Say(Utf8Bytes),
    }
    async fn client(stream: TcpStream, number: usize, hub: mpsc::Sender<Command>) {
        let Ok(socket) = tokio_tungstenite::accept_async(stream).await else { return };
        let (mut sink, mut stream) = socket.split();
        let (channel, mut said) = mpsc::channel(256);
        if hub.send(Command::Join(number, channel)).await.is_err() {
            return;
        }
        let writing = tokio::spawn(async move {
            while let Some(text) = said.recv().await {
                sink.feed(Message::Text(text)).await?;
                while let Ok(text) = said.try_recv() {
                    sink.feed(Message::Text(text)).await?;
                }
                sink.flush().await?;
            }
            sink.close().await
        });
        while let Some(Ok(message)) = stream.next().await {
            if let Message::Text(text) = message
                && hub.send(Command::Say(text)).await.is_err()
            {
                break;
            }
        }
        let _ = hub.send(Command::Leave(number)).await;
        writing.abort();
    }
    let (hub, mut commands) = mpsc::channel(1024);
    tokio::spawn(async move {
        let mut clients = HashMap::new();
        while let Some(command) = commands.recv().await {
            match command {
                Command::Join(number, channel) => drop(clients.insert(number, channel)),
                Command::Leave(number) => drop(clients.remove(&number)),
                Command::Say(text) => clients.retain(|_, client| client.try_send(text.clone()).is_ok()),
            }
        }
    });
    for number in 0.. {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(client(stream, number, hub.clone()));
    }
    Ok(())
}

/// The floor: whoever gets a message writes it to all sockets, and does nothing else.
pub(in crate::ws) async fn bare_writes(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    accept(listener, |frames, all| {
        for frame in frames {
            write_to_all(all, &frame);
        }
    })
    .await
}

/// The floor under load: one task writes all that has come meanwhile to all sockets, at once.
pub(in crate::ws) async fn coalesced_writes(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    let (sender, mut said) = mpsc::unbounded_channel::<(Vec<Vec<u8>>, Sockets)>();
    tokio::spawn(async move {
        let mut batch = Vec::new();
        while said.recv_many(&mut batch, 256).await > 0 {
            let frames: Vec<u8> = batch.iter().flat_map(|(frames, _)| frames.concat()).collect();
            write_to_all(&batch[0].1, &frames);
            batch.clear();
            // What has come while it wrote is taken in by the others' tasks.
            tokio::task::yield_now().await;
        }
    });
    accept(listener, move |frames, all| drop(sender.send((frames, all.clone())))).await
}

type Sockets = Arc<Mutex<Vec<Arc<TcpStream>>>>;

/// Gives what comes in to `tell`, as frames for all.
async fn accept(
    listener: TcpListener,
    tell: impl Fn(Vec<Vec<u8>>, &Sockets) + Clone + Send + 'static,
) -> Result<(), Box<dyn Error>> {
    let all = Sockets::default();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (tell, all) = (tell.clone(), all.clone());
        tokio::spawn(async move {
            let Ok(socket) = tokio_tungstenite::accept_async(stream).await else { return };
            let stream = Arc::new(socket.into_inner());
            lock(&all).push(stream.clone());
            let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
            while stream.readable().await.is_ok() {
                match stream.try_read(&mut buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                    Ok(n @ 1..) => heard.extend_from_slice(&buffer[..n]),
                    _ => break,
                }
                tell(frames(&mut heard), &all);
            }
            lock(&all).retain(|other| !Arc::ptr_eq(other, &stream));
        });
    }
}

/// A socket that does not take all at once is done for, which whoever listens there finds out.
fn write_to_all(all: &Sockets, bytes: &[u8]) {
    lock(all).retain(|stream| stream.try_write(bytes).is_ok_and(|n| n == bytes.len()));
}

/// Takes the whole frames out of what a client has sent, as the server's. Their masks are zero.
fn frames(heard: &mut Vec<u8>) -> Vec<Vec<u8>> {
    let (mut frames, mut read) = (Vec::new(), 0);
    while let [first, length, rest @ ..] = &heard[read..] {
        let (head, length) = match (length & 0x7f, rest.first_chunk()) {
            (126, Some(length)) => (4, usize::from(u16::from_be_bytes(*length))),
            (126, None) => break,
            (length, _) => (2, usize::from(length)),
        };
        let Some(payload) = heard[read..].get(head + 4..head + 4 + length) else { break };
        if first & 0x0f == 1 {
            let mut frame = heard[read..read + head].to_vec();
            frame[1] &= 0x7f;
            frame.extend_from_slice(payload);
            frames.push(frame);
        }
        read += head + 4 + length;
    }
    heard.drain(..read);
    frames
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
