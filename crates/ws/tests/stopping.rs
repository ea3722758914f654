//! What becomes of open sockets when the engine stops.

use std::future::pending;
use std::time::Duration;

use futures_util::FutureExt;
use rest::Engine;
use rest::extract::State;
use tokio::sync::mpsc;
use ws::{CloseFrame, Error, WebSocket};

use crate::support::{Peer, Served, conf, serve, text};

type Heard = mpsc::UnboundedSender<String>;

/// Says everything back, and tells what it ended with.
async fn echo(mut socket: WebSocket, State(heard): State<Heard>) -> Result<(), Error> {
    loop {
        match socket.recv().await {
            Ok(Some(message)) => socket.send(message).await?,
            Ok(None) => return Ok(()),
            Err(error) => {
                heard.send(format!("{error}, stopping: {}", error.is_stopping())).expect("the test listens");
                return Err(error);
            }
        }
    }
}

async fn has_a_last_word(mut socket: WebSocket, State(_): State<Heard>) -> Result<(), Error> {
    socket.send("hello").await?;
    let told = socket.recv().await;
    socket.send("one last word").await?;
    told.map(drop)
}

async fn ignores(mut socket: WebSocket, State(heard): State<Heard>) {
    socket.send("hello").await.expect("the client listens");
    let _told_on_drop = OnDrop(heard);
    pending::<()>().await;
}

async fn closes_by_hand(mut socket: WebSocket, State(_): State<Heard>) {
    socket.send("hello").await.expect("the client listens");
    let stopping = socket.recv().await.expect_err("the engine stops");
    let frame = CloseFrame::new(ws::CloseCode::SERVICE_RESTART, stopping.to_string());
    socket.close(frame).await;
}

async fn gives_away(socket: WebSocket, State(heard): State<Heard>) {
    tokio::spawn(echo(socket, State(heard)));
}

async fn buries(mut socket: WebSocket, State(_): State<Heard>) {
    socket.send("hello").await.expect("the client listens");
    tokio::spawn(async move {
        pending::<()>().await;
        drop(socket);
    });
}

struct OnDrop(Heard);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.send("dropped".to_owned()).expect("the test listens");
    }
}

/// An engine with a second for stopping, half of which belongs to the handlers.
async fn engine() -> (Served, mpsc::UnboundedReceiver<String>) {
    let (heard, hears) = mpsc::unbounded_channel();
    let mut conf = conf();
    conf.shutdown.wait_time = Duration::from_secs(1);
    let mut engine = Engine::with_state(conf, heard);
    engine
        .add_route(ws::route("/echo", echo))
        .add_route(ws::route("/has-a-last-word", has_a_last_word))
        .add_route(ws::route("/ignores", ignores))
        .add_route(ws::route("/closes-by-hand", closes_by_hand))
        .add_route(ws::route("/gives-away", gives_away))
        .add_route(ws::route("/buries", buries));
    (serve(engine).await, hears)
}

/// Opens a socket whose handler is known to run: it has spoken.
async fn open(served: &Served, path: &str) -> Peer<tokio::net::TcpStream> {
    let mut peer = served.open(path).await;
    peer.write(text("hello")).await;
    assert_eq!(peer.text().await, "hello");
    peer
}

fn going_away() -> (u16, String) {
    (1001, "the server is stopping".to_owned())
}

#[tokio::test]
async fn a_handler_is_told_by_recv_and_the_client_by_1001() {
    let (served, mut hears) = engine().await;
    let mut peers = Vec::new();
    for _ in 0..20 {
        peers.push(open(&served, "/echo").await);
    }
    let stopped = served.stop();
    for mut peer in peers {
        assert_eq!(peer.closed().await, going_away());
        assert_eq!(peer.next().await, None);
    }
    stopped.await;
    assert_eq!(hears.recv().await.unwrap(), "the server is stopping, stopping: true");
}

#[tokio::test]
async fn a_handler_may_still_send_when_it_is_told() {
    let (served, _hears) = engine().await;
    let mut peer = served.open("/has-a-last-word").await;
    assert_eq!(peer.text().await, "hello");
    let stopped = served.stop();
    assert_eq!(peer.text().await, "one last word");
    assert_eq!(peer.closed().await, going_away());
    stopped.await;
}

#[tokio::test]
async fn a_handler_may_choose_its_own_code_when_it_is_told() {
    let (served, _hears) = engine().await;
    let mut peer = served.open("/closes-by-hand").await;
    assert_eq!(peer.text().await, "hello");
    let stopped = served.stop();
    assert_eq!(peer.closed().await, (1012, "the server is stopping".to_owned()));
    stopped.await;
}

#[tokio::test]
async fn a_handler_that_does_not_listen_is_dropped_and_its_client_told() {
    let (served, mut hears) = engine().await;
    let mut peer = served.open("/ignores").await;
    assert_eq!(peer.text().await, "hello");
    let mut stopped = Box::pin(served.stop());
    assert_eq!(hears.recv().await.unwrap(), "dropped");
    assert!(stopped.as_mut().now_or_never().is_none(), "the client has still to be told");
    assert_eq!(peer.closed().await, going_away());
    assert_eq!(peer.next().await, None);
    stopped.await;
}

#[tokio::test]
async fn a_socket_in_another_task_is_told_too() {
    let (served, mut hears) = engine().await;
    let mut peer = open(&served, "/gives-away").await;
    let stopped = served.stop();
    assert_eq!(hears.recv().await.unwrap(), "the server is stopping, stopping: true");
    let (code, _) = peer.closed().await;
    assert_eq!(code, 1001);
    stopped.await;
}

#[tokio::test]
async fn a_socket_that_nobody_gives_back_is_cut() {
    let (served, _hears) = engine().await;
    let mut peer = served.open("/buries").await;
    assert_eq!(peer.text().await, "hello");
    served.stop().await;
    assert_eq!(peer.next().await, None);
}

#[tokio::test]
async fn a_client_that_does_not_answer_does_not_hold_the_engine_up() {
    let (served, _hears) = engine().await;
    let mut peer = open(&served, "/echo").await;
    served.stop().await;
    assert_eq!(peer.frame().await.close(), going_away());
    assert_eq!(peer.next().await, None);
}
