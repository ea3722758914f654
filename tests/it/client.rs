//! WebSocket clients on tokio-tungstenite, which does not share our reader, writer or close.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::deadline::within;
use crate::raw;

/// A member of a room, or of anything else behind a WebSocket route.
pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
}

impl Client {
    pub(crate) async fn connect(addr: SocketAddr, path: &str) -> Self {
        let stream = within("the connection", TcpStream::connect(addr)).await.expect("somebody listens");
        Self::handshake(stream, path, None).await
    }

    /// Connects one that speaks a subprotocol, which the server must take.
    pub(crate) async fn connect_for(addr: SocketAddr, path: &str, subprotocol: &str) -> Self {
        let stream = within("the connection", TcpStream::connect(addr)).await.expect("somebody listens");
        Self::handshake(stream, path, Some(subprotocol)).await
    }

    /// Connects one that says one thing more in its handshake.
    pub(crate) async fn connect_with(addr: SocketAddr, path: &str, header: (&'static str, &str)) -> Self {
        let stream = within("the connection", TcpStream::connect(addr)).await.expect("somebody listens");
        let mut request = format!("ws://{addr}{path}").into_client_request().expect("a URL");
        request.headers_mut().insert(header.0, header.1.parse().expect("a header"));
        let (socket, _) =
            within("the 101", client_async(request, stream)).await.expect("the handshake succeeds");
        Self { socket }
    }

    /// Connects one for whom the system keeps few bytes, so that not reading is soon felt.
    pub(crate) async fn connect_narrow(addr: SocketAddr, path: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("there are sockets left");
        socket.set_recv_buffer_size(4096).expect("the system takes a size");
        let stream = within("the connection", socket.connect(addr)).await.expect("somebody listens");
        Self::handshake(stream, path, None).await
    }

    async fn handshake(stream: TcpStream, path: &str, subprotocol: Option<&str>) -> Self {
        let url = format!("ws://{}{path}", stream.peer_addr().expect("it is connected"));
        let mut request = url.into_client_request().expect("it is a URL");
        if let Some(subprotocol) = subprotocol {
            let name = subprotocol.parse().expect("a header's value");
            request.headers_mut().insert("Sec-WebSocket-Protocol", name);
        }
        let (socket, _) =
            within("the 101", client_async(request, stream)).await.expect("the handshake succeeds");
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

/// How many members the chat has, as it says itself.
pub(crate) struct Online {
    addr: SocketAddr,
}

impl Online {
    pub(crate) fn of(addr: SocketAddr) -> Self {
        Self { addr }
    }

    /// Asks until there are so many. A member is in the room from then on, and not just connected.
    pub(crate) async fn becomes(&self, count: usize) {
        let is_so = async || {
            let stats: Value =
                serde_json::from_str(&raw::get(self.addr, "/stats").await.body).expect("it is JSON");
            stats["members"] == count
        };
        within(&format!("{count} members"), async { while !is_so().await {} }).await;
    }
}
