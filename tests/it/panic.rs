//! A handler that panics after the upgrade ends its own connection, and nothing else.

use std::net::SocketAddr;
use std::time::Duration;

use rest::conf::Mode;
use rest::conf::ShutdownConf;
use rest::{Engine, RestConf, Route, ServeError};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use ws::WebSocket;

use crate::client::Client;
use crate::deadline::within;
use crate::raw;

#[tokio::test]
async fn a_panic_closes_with_1011_and_says_nothing_of_why() {
    let server = Server::start().await;
    for path in ["/at-once", "/at-a-message"] {
        let mut ann = Client::connect(server.addr, path).await;
        if path == "/at-a-message" {
            ann.say("boo").await;
        }
        assert_eq!(ann.is_closed().await, (1011, String::new()), "{path}");
    }
    server.ends_well().await;
}

#[tokio::test]
async fn a_panic_comes_after_what_was_sent_before_it() {
    let server = Server::start().await;
    let mut ann = Client::connect(server.addr, "/after-a-word").await;
    assert_eq!(ann.hears().await, "one word");
    assert_eq!(ann.is_closed().await.0, 1011);
    server.ends_well().await;
}

#[tokio::test]
async fn the_server_lives_on_after_a_panic() {
    let server = Server::start().await;
    let mut bob = Client::connect(server.addr, "/echo").await;

    let mut ann = Client::connect(server.addr, "/at-once").await;
    assert_eq!(ann.is_closed().await.0, 1011);

    bob.say("those who were there").await;
    assert_eq!(bob.hears().await, "those who were there");
    assert_eq!(raw::get(server.addr, "/hello").await.body, "Hello!");
    let mut eve = Client::connect(server.addr, "/echo").await;
    eve.say("those who come").await;
    assert_eq!(eve.hears().await, "those who come");
    bob.leave().await;
    eve.leave().await;
    server.ends_well().await;
}

/// An engine of this process.
struct Server {
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Result<(), ServeError>>,
}

impl Server {
    async fn start() -> Self {
        let shutdown = ShutdownConf { wrap_up_time: Duration::ZERO, ..ShutdownConf::default() };
        let mut engine = Engine::new(RestConf { shutdown, mode: Mode::Test, ..RestConf::default() });
        engine
            .add_route(Route::get("/hello", async || "Hello!"))
            .add_route(ws::route("/echo", echo))
            .add_route(ws::route("/at-once", panic_at_once))
            .add_route(ws::route("/at-a-message", panic_at_a_message))
            .add_route(ws::route("/after-a-word", panic_after_a_word));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there are ports left");
        let addr = listener.local_addr().expect("it listens");
        let (stop, stopped) = oneshot::channel();
        // Ends when it is told to, or with the test's runtime.
        let served = tokio::spawn(engine.serve(listener, async { drop(stopped.await) }));
        Self { addr, stop, served }
    }

    async fn ends_well(self) {
        self.stop.send(()).expect("the server still runs");
        within("the server's end", self.served).await.expect("no panic").expect("no error");
    }
}

async fn echo(mut socket: WebSocket) -> Result<(), ws::Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

async fn panic_at_once(_socket: WebSocket) {
    panic!("a secret, with the socket still in scope");
}

async fn panic_at_a_message(socket: WebSocket) -> Result<(), ws::Error> {
    let (mut reader, _writer) = socket.split();
    let message = reader.recv().await?;
    panic!("a secret: {message:?}");
}

async fn panic_after_a_word(mut socket: WebSocket) -> Result<(), ws::Error> {
    socket.send("one word").await?;
    panic!("a secret");
}
