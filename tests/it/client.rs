//! WebSocket clients on tokio-tungstenite, which does not share our reader, writer or close.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::deadline::within;

/// A member of a room, or of anything else behind a WebSocket route.
pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
}

impl Client {
    pub(crate) async fn connect(addr: SocketAddr, path: &str) -> Self {
        let stream = within("the connection", TcpStream::connect(addr)).await.expect("somebody listens");
        Self::handshake(stream, path).await
    }

    /// Connects one for whom the system keeps few bytes, so that not reading is soon felt.
    pub(crate) async fn connect_narrow(addr: SocketAddr, path: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("there are sockets left");
        socket.set_recv_buffer_size(4096).expect("the system takes a size");
        let stream = within("the connection", socket.connect(addr)).await.expect("somebody listens");
        Self::handshake(stream, path).await
    }

    async fn handshake(stream: TcpStream, path: &str) -> Self {
        let url = format!("ws://{}{path}", stream.peer_addr().expect("it is connected"));
        let (socket, _) = within("the 101", client_async(url, stream)).await.expect("the handshake succeeds");
        Self { socket }
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.send(Message::text(text)).await;
    }

    pub(crate) async fn send(&mut self, message: Message) {
        within("room in the socket", self.socket.send(message)).await.expect("the connection is open");
    }

    /// Sends all at once: one write of many frames.
    pub(crate) async fn say_all(&mut self, texts: impl IntoIterator<Item = String>) {
        for text in texts {
            self.socket.feed(Message::text(text)).await.expect("the connection is open");
        }
        within("room in the socket", self.socket.flush()).await.expect("the connection is open");
    }

    /// The next frame, whatever it is.
    pub(crate) async fn next(&mut self) -> Option<Result<Message, Error>> {
        within("a frame", self.socket.next()).await
    }

    /// The next message, which must be a text.
    pub(crate) async fn hears(&mut self) -> String {
        match self.next().await {
            Some(Ok(Message::Text(text))) => text.to_string(),
            other => panic!("expected a text, got {other:?}"),
        }
    }

    pub(crate) async fn hears_many(&mut self, count: usize) -> Vec<String> {
        let mut texts = Vec::new();
        while texts.len() < count {
            texts.push(self.hears().await);
        }
        texts
    }

    /// Expects that the server closes now, and returns the code and the reason.
    pub(crate) async fn is_closed(&mut self) -> (u16, String) {
        let frame = match self.next().await {
            Some(Ok(Message::Close(Some(frame)))) => frame,
            other => panic!("expected a close, got {other:?}"),
        };
        // The echo goes out with the next read, which then finds the end.
        assert!(!matches!(self.next().await, Some(Ok(_))), "nothing comes after a close");
        told(&frame)
    }

    /// Leaves as one should: a close, the server's close, the end.
    pub(crate) async fn leave(mut self) {
        within("room in the socket", self.socket.close(None)).await.expect("the connection is open");
        while let Some(Ok(_)) = self.next().await {}
    }

    /// Goes without a close. The system says so to the server, by a FIN or a RST.
    pub(crate) fn cut(self, how: Cut) {
        if let Cut::Reset = how {
            self.socket.get_ref().set_zero_linger().expect("the system takes it");
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    Fin,
    Reset,
}

/// What a close frame says.
pub(crate) fn told(frame: &CloseFrame) -> (u16, String) {
    (frame.code.into(), frame.reason.to_string())
}

/// The live count of a room, as the page has it.
pub(crate) struct Online {
    client: Client,
}

impl Online {
    pub(crate) async fn watch(addr: SocketAddr) -> Self {
        Self { client: Client::connect(addr, "/online").await }
    }

    /// Waits until so many are online. A member is in the room from then on, and not just connected.
    pub(crate) async fn becomes(&mut self, count: usize) {
        while self.client.hears().await != count.to_string() {}
    }

    /// Watches no more. A stop does not wait then for a client that is not read from, and so answers no close.
    pub(crate) async fn leave(self) {
        self.client.leave().await;
    }
}
