//! A socket and whatever is a stream and a sink.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::{Sink, Stream};
use rest::Engine;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use ws::{Error, Message, WebSocket, WsConf};

use crate::support::{Peer, close, conf, pair, serve, text};

/// The far end of a relay: two channels.
struct Far {
    says: mpsc::Receiver<String>,
    hears: mpsc::UnboundedSender<Message>,
}

impl Stream for Far {
    type Item = String;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<String>> {
        self.says.poll_recv(cx)
    }
}

impl Sink<Message> for Far {
    type Error = io::Error;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> io::Result<()> {
        self.hears.send(message).map_err(|_| io::Error::other("the far end hears nothing, at 10.0.0.7"))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A relay at work: the client, and what the far end says and hears.
struct Relay {
    peer: Peer,
    says: mpsc::Sender<String>,
    hears: mpsc::UnboundedReceiver<Message>,
    end: JoinHandle<Result<(), Error>>,
}

async fn relay(pipe: usize) -> Relay {
    let (socket, peer) = pair(WsConf::default(), pipe).await;
    let ((says, far_says), (far_hears, hears)) = (mpsc::channel(100), mpsc::unbounded_channel());
    let end = tokio::spawn(ws::relay(socket, Far { says: far_says, hears: far_hears }));
    Relay { peer, says, hears, end }
}

#[tokio::test(start_paused = true)]
async fn both_directions_go_on_at_the_same_time() {
    let Relay { mut peer, says, mut hears, .. } = relay(64).await;
    let saying = tokio::spawn(async move {
        for i in 0..500 {
            says.send(format!("out {i}")).await.unwrap();
        }
        says
    });
    for i in 0..500 {
        peer.write(text(&format!("in {i}"))).await;
        assert_eq!(peer.text().await, format!("out {i}"));
        assert_eq!(hears.recv().await, Some(Message::text(format!("in {i}"))));
    }
    let _open = saying.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_stream_is_the_end_after_what_it_said() {
    let Relay { mut peer, says, end, .. } = relay(16).await;
    for i in 0..50 {
        says.send(format!("message {i}")).await.unwrap();
    }
    drop(says);
    for i in 0..50 {
        assert_eq!(peer.text().await, format!("message {i}"));
    }
    end.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_clients_close_is_the_end() {
    let Relay { mut peer, says, mut hears, end } = relay(1000).await;
    peer.write([text("last"), close(1000, "")].concat()).await;
    end.await.unwrap().unwrap();
    assert_eq!(hears.recv().await, Some(Message::text("last")));
    assert!(says.is_closed(), "the far end is dropped");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_sink_ends_it_and_tells_no_details() {
    let Relay { mut peer, says, hears, end } = relay(1000).await;
    drop(hears);
    peer.write(text("is anybody there?")).await;
    let error = end.await.unwrap().unwrap_err();
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "the far end hears nothing, at 10.0.0.7", "for the log");
    let frame = error.close_frame().unwrap();
    assert_eq!((frame.code().0, frame.reason()), (1011, ""), "for the client");
    drop(says);
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_socket_ends_it() {
    let Relay { peer, says, end, .. } = relay(1000).await;
    drop(peer);
    assert!(end.await.unwrap().unwrap_err().is_closed());
    assert!(says.is_closed(), "the far end is dropped");
}

#[tokio::test]
async fn a_session_closes_as_the_relay_ended() {
    /// Says three words, and ends.
    async fn words(socket: WebSocket) -> Result<(), Error> {
        let (says, far_says) = mpsc::channel(3);
        let (hears, _heard) = mpsc::unbounded_channel();
        for word in ["one", "two", "three"] {
            says.send(word.to_owned()).await.unwrap();
        }
        drop(says);
        ws::relay(socket, Far { says: far_says, hears }).await
    }
    let mut engine = Engine::new(conf());
    engine.add_route(ws::route("/words", words));
    let served = serve(engine).await;
    let mut peer = served.open("/words").await;
    for word in ["one", "two", "three"] {
        assert_eq!(peer.text().await, word);
    }
    assert_eq!(peer.closed().await, (1000, String::new()));
    assert_eq!(peer.next().await, None);
}
