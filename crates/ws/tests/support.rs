//! An engine for the clients of `ws::test` to talk to, and what they say to it.

use std::net::SocketAddr;
use std::time::Duration;

use rest::conf::Mode;
use rest::{Engine, RestConf, ServeError};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
pub(crate) use ws::test::{Frame, Head, Peer};
use ws::{WebSocket, WsConf};

/// The key of RFC 6455 section 1.3, and what the server makes of it.
pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// How long a test waits for something that must come. Only a failing one waits for that long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A socket, and the client at the other end of a pipe that holds so many bytes each way.
pub(crate) async fn pair(conf: WsConf, pipe: usize) -> (WebSocket, Peer) {
    Peer::of_server(conf, pipe).await
}

/// A client's frame.
pub(crate) fn masked(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    Frame::new(first, payload.as_ref()).masked()
}

/// A client's text.
pub(crate) fn text(text: &str) -> Vec<u8> {
    Frame::text(text).masked()
}

/// A client's close.
pub(crate) fn close(code: u16, reason: &str) -> Vec<u8> {
    masked(0x88, [&code.to_be_bytes()[..], reason.as_bytes()].concat())
}

/// An engine that serves on a port of its own.
pub(crate) struct Served {
    pub(crate) addr: SocketAddr,
    stop: oneshot::Sender<()>,
    end: JoinHandle<Result<(), ServeError>>,
}

/// A config that stops without a lame duck's time.
pub(crate) fn conf() -> RestConf {
    let mut conf = RestConf { mode: Mode::Test, ..RestConf::default() };
    conf.shutdown.wrap_up_time = Duration::ZERO;
    conf
}

pub(crate) async fn serve<S: Clone + Send + Sync + 'static>(engine: Engine<S>) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("it is bound");
    let (stop, stopped) = oneshot::channel();
    let end = tokio::spawn(engine.serve(listener, async { drop(stopped.await) }));
    Served { addr, stop, end }
}

impl Served {
    pub(crate) async fn connect(&self) -> Peer<TcpStream> {
        Peer::client(TcpStream::connect(self.addr).await.expect("the engine listens"))
    }

    /// Connects, and opens a WebSocket.
    pub(crate) async fn open(&self, path: &str) -> Peer<TcpStream> {
        let mut peer = self.connect().await;
        peer.write(request(path, &[])).await;
        let response = peer.head().await;
        assert_eq!(response.start_line, "HTTP/1.1 101 Switching Protocols", "{response:?}");
        peer
    }

    /// Asks the engine to stop; what is returned is done when it has.
    pub(crate) fn stop(self) -> impl Future<Output = ()> {
        self.stop.send(()).expect("the engine runs");
        let end = self.end;
        async {
            let end = timeout(PATIENCE, end).await.expect("the engine ends");
            end.expect("the engine does not panic").expect("the engine ends well");
        }
    }
}

/// A handshake with some headers changed: each name with the lines it has instead.
pub(crate) fn request(path: &str, changes: &[(&str, &[&str])]) -> String {
    let changed = |name| changes.iter().any(|(changed, _)| *changed == name);
    let mut head = format!("GET {path} HTTP/1.1\r\n");
    for (name, value) in [
        ("Host", "example.com"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", KEY),
    ] {
        if !changed(name) {
            head += &format!("{name}: {value}\r\n");
        }
    }
    for (name, values) in changes {
        for value in *values {
            head += &format!("{name}: {value}\r\n");
        }
    }
    head + "\r\n"
}
