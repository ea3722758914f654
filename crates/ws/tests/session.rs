//! What a session makes of the ways in which a handler, or a client, can end.

use std::future::pending;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rest::extract::State;
use rest::{Engine, Route};
use tokio::sync::mpsc;
use ws::{CloseCode, CloseFrame, Error, Message, Upgrader, WebSocket, WsConf};

use crate::support::{Served, conf, masked, serve, text};

async fn echo(mut socket: WebSocket) -> Result<(), Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

async fn returns(mut socket: WebSocket) -> Result<(), Error> {
    socket.send("so long").await
}

async fn refuses(_: WebSocket) -> Result<(), Error> {
    Err(CloseFrame::new(CloseCode(4001), "not today").into())
}

async fn fails(_: WebSocket) -> Result<(), Error> {
    Err(Error::peer(io::Error::other("the database password is wrong")))
}

async fn panics(mut socket: WebSocket) {
    socket.send("look out").await.expect("the client listens");
    panic!("a handler's bug, which this test wants");
}

async fn closes(socket: WebSocket) {
    socket.close(CloseFrame::new(CloseCode(4002), "by hand")).await;
}

/// Lets another task talk, and returns at once.
async fn gives_away(socket: WebSocket) {
    tokio::spawn(echo(socket));
}

/// Lets another task write, which waits for a word that never comes, and fails.
async fn gives_half_away(socket: WebSocket) -> Result<(), Error> {
    let (mut reader, writer) = socket.split();
    tokio::spawn(async move {
        pending::<()>().await;
        drop(writer);
    });
    reader.recv().await?;
    Err(CloseFrame::new(CloseCode(4003), "").into())
}

async fn engine() -> Served {
    let impatient = WsConf { close_timeout: Duration::from_millis(100), ..WsConf::default() };
    let mut engine = Engine::new(conf());
    engine
        .add_route(ws::route("/echo", echo))
        .add_route(ws::route("/returns", returns))
        .add_route(ws::route("/refuses", refuses))
        .add_route(ws::route("/fails", fails))
        .add_route(ws::route("/panics", panics))
        .add_route(ws::route("/closes", closes))
        .add_route(ws::route("/gives-away", gives_away))
        .add_route(ws::route("/gives-half-away", gives_half_away))
        .add_route(Upgrader::new(impatient.clone()).route("/impatient", returns))
        .add_route(Upgrader::new(impatient).route("/impatient-half", gives_half_away));
    serve(engine).await
}

#[tokio::test]
async fn a_handler_that_returns_closes_with_1000() {
    let served = engine().await;
    let mut peer = served.open("/returns").await;
    assert_eq!(peer.text().await, "so long");
    assert_eq!(peer.closed().await, (1000, String::new()));
    assert_eq!(peer.next().await, None, "the server ends the connection first");
}

#[tokio::test]
async fn a_handler_says_its_own_code_and_reason() {
    let served = engine().await;
    let mut peer = served.open("/refuses").await;
    assert_eq!(peer.closed().await, (4001, "not today".to_owned()));
    assert_eq!(peer.next().await, None);
}

#[tokio::test]
async fn a_handler_that_fails_closes_with_1011_and_tells_no_details() {
    let served = engine().await;
    let mut peer = served.open("/fails").await;
    assert_eq!(peer.closed().await, (1011, String::new()));
    assert_eq!(peer.next().await, None);
}

#[tokio::test]
async fn a_panic_closes_with_1011_and_the_server_lives() {
    let served = engine().await;
    let mut bystander = served.open("/echo").await;
    let mut peer = served.open("/panics").await;
    assert_eq!(peer.text().await, "look out");
    assert_eq!(peer.closed().await, (1011, String::new()));
    assert_eq!(peer.next().await, None);

    for peer in [&mut bystander, &mut served.open("/echo").await] {
        peer.write(text("alive?")).await;
        assert_eq!(peer.text().await, "alive?");
    }
}

#[tokio::test]
async fn a_handler_may_close_by_hand() {
    let served = engine().await;
    let mut peer = served.open("/closes").await;
    assert_eq!(peer.closed().await, (4002, "by hand".to_owned()));
    assert_eq!(peer.next().await, None, "one close is enough");
    served.stop().await;
}

#[tokio::test]
async fn a_client_that_closes_gets_its_code_back_and_then_the_end() {
    let served = engine().await;
    let mut peer = served.open("/echo").await;
    peer.write([text("last"), crate::support::close(4321, "enough")].concat()).await;
    assert_eq!(peer.text().await, "last");
    assert_eq!(peer.frame().await.close(), (4321, "enough".to_owned()));
    assert_eq!(peer.next().await, None, "the server ends the connection first");
}

#[tokio::test]
async fn a_client_that_never_answers_the_close_is_cut() {
    let served = engine().await;
    let mut peer = served.open("/impatient").await;
    assert_eq!(peer.text().await, "so long");
    assert_eq!(peer.frame().await.close(), (1000, String::new()));
    assert_eq!(peer.next().await, None);
}

#[tokio::test]
async fn a_socket_may_live_on_in_another_task() {
    let served = engine().await;
    let mut peer = served.open("/gives-away").await;
    for word in ["still", "here"] {
        peer.write(text(word)).await;
        assert_eq!(peer.text().await, word);
    }
    peer.write(crate::support::close(1000, "")).await;
    assert_eq!(peer.frame().await.close(), (1000, String::new()));
    assert_eq!(peer.next().await, None);
}

#[tokio::test]
async fn the_connection_ends_with_the_session_though_another_task_has_the_writer() {
    let served = engine().await;
    let mut peer = served.open("/gives-half-away").await;
    peer.write(text("go")).await;
    assert_eq!(peer.closed().await, (4003, String::new()));
    assert_eq!(peer.next().await, None);

    // Likewise where the client does not answer: it is cut.
    let mut peer = served.open("/impatient-half").await;
    peer.write(text("go")).await;
    assert_eq!(peer.frame().await.close(), (4003, String::new()));
    assert_eq!(peer.next().await, None);
}

#[tokio::test]
async fn an_offender_gets_a_close_and_not_a_reset_however_much_it_has_sent() {
    let served = engine().await;
    for (offence, code) in [
        (masked(0x83, "reserved"), 1002),
        (masked(0x81, b"\xff"), 1007),
        (masked(0x81, "x".repeat(100_000)), 1009),
    ] {
        let mut peer = served.open("/echo").await;
        peer.write([text("fine"), offence, vec![0x5a; 1 << 20]].concat()).await;
        assert_eq!(peer.text().await, "fine");
        assert_eq!(peer.frame().await.close().0, code);
        assert_eq!(peer.next().await, None, "{code}: the end of the stream, not a reset");
    }
}

#[tokio::test]
async fn a_client_that_answers_a_close_with_nonsense_still_gets_it() {
    let served = engine().await;
    let mut peer = served.open("/refuses").await;
    peer.write([masked(0x83, "reserved"), vec![0x5a; 1 << 20]].concat()).await;
    assert_eq!(peer.frame().await.close(), (4001, "not today".to_owned()));
    assert_eq!(peer.next().await, None, "the end of the stream, not a reset");
}

/// Where the logs of a test go.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn one_line_tells_how_a_connection_went() {
    let log = Log::default();
    let lines = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || log.clone()).finish();
    // While one subscriber is all there is, the thread that comes to a line first says for all threads whether anybody wants
    // it, and the tests beside this one want none. Of two, tracing asks both.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let _guard = tracing_subscriber::util::SubscriberInitExt::set_default(subscriber);
    let served = engine().await;
    for (path, expected) in [
        ("/returns", r#"code=1000 reason="" by="server""#),
        ("/refuses", r#"code=4001 reason="not today" by="server""#),
        ("/closes", r#"code=4002 reason="by hand" by="server""#),
        ("/panics", r#"code=1011 reason="" by="server""#),
    ] {
        let mut peer = served.open(path).await;
        let mut frame = peer.frame().await;
        while frame.first != 0x88 {
            frame = peer.frame().await;
        }
        peer.write(masked(0x88, frame.payload)).await;
        assert_eq!(peer.next().await, None);
        lines.wait_for(expected).await;
    }
    let mut peer = served.open("/echo?token=secret").await;
    peer.write([text("a secret"), crate::support::close(1001, "leaving")].concat()).await;
    assert_eq!(peer.text().await, "a secret");
    lines.wait_for(r#"code=1001 reason="leaving" by="client""#).await;
    served.stop().await;

    let log = lines.text();
    assert_eq!(log.matches("socket closed").count(), 5, "{log}");
    assert!(!log.contains("WARN") && !log.contains("secret"), "{log}");
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("no panic")).into_owned()
    }

    /// Waits until the log has the text: a line may be written a moment after the client has seen the end.
    async fn wait_for(&self, text: &str) {
        let found = async {
            while !self.text().contains(text) {
                tokio::task::yield_now().await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(10), found).await;
        assert!(found.is_ok(), "{text} in {}", self.text());
    }
}

#[tokio::test]
async fn a_handler_hears_what_its_client_said_before_it_vanished() {
    async fn listens(mut socket: WebSocket, State(heard): State<mpsc::UnboundedSender<Option<Message>>>) {
        while let Ok(Some(message)) = socket.recv().await {
            heard.send(Some(message)).unwrap();
        }
        heard.send(None).unwrap();
    }
    let (heard, mut hears) = mpsc::unbounded_channel();
    let mut engine = Engine::with_state(conf(), heard);
    engine.add_route(ws::route("/listens", listens));
    let served = serve(engine).await;

    let mut peer = served.open("/listens").await;
    peer.write([text("one"), text("two"), text("cut")[..5].to_vec()].concat()).await;
    drop(peer);
    assert_eq!(hears.recv().await.unwrap(), Some(Message::text("one")));
    assert_eq!(hears.recv().await.unwrap(), Some(Message::text("two")));
    assert_eq!(hears.recv().await.unwrap(), None);
}

#[tokio::test]
async fn a_handler_takes_extractors_behind_its_socket() {
    async fn greets(
        mut socket: WebSocket,
        rest::extract::Path(name): rest::extract::Path<String>,
        State(greeting): State<&'static str>,
    ) -> Result<(), Error> {
        let peer = socket.peer().map(|peer| peer.ip());
        let subprotocol = socket.subprotocol().unwrap_or("nothing").to_owned();
        socket.send(format!("{greeting}, {name} of {}, who speaks {subprotocol}", peer.unwrap())).await
    }
    let mut engine = Engine::with_state(conf(), "Hello");
    let route: Route<&'static str> = Upgrader::default().subprotocols(["greek"]).route("/hi/:name", greets);
    engine.add_route(route);
    let served = serve(engine).await;

    let mut peer = served.connect().await;
    peer.write(crate::support::request("/hi/Plato", &[("Sec-WebSocket-Protocol", &["greek"])])).await;
    peer.head().await;
    assert_eq!(peer.text().await, "Hello, Plato of 127.0.0.1, who speaks greek");
}
