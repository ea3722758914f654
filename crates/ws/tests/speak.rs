//! The hub's client protocol on a socket.

use hub::protocol::{Anyone, Publication, SUBPROTOCOL, Server};
use hub::{Hub, HubConf, PresenceConf, TopicConf};
use rest::Engine;
use rest::extract::State;
use tokio::net::TcpStream;
use ws::{CloseCode, CloseFrame, Codec, Error, Message, Prepared, Text, Upgrader, WebSocket, WsConf};

use crate::support::{Peer, Served, close, conf, masked, pair, request, serve, text};

type Chat = Server<Publication<Prepared>, Anyone>;

const WIDE: usize = 1 << 20;

fn chat(topic: TopicConf) -> Chat {
    Server::new(Hub::spawn(HubConf { topic, ..HubConf::default() }), Anyone)
}

async fn speak(socket: WebSocket, State(chat): State<Chat>) -> Result<(), Error> {
    ws::speak(socket, chat.opening(None)).await
}

async fn served(chat: &Chat) -> Served {
    let mut engine = Engine::with_state(conf(), chat.clone());
    engine.add_route(Upgrader::new(WsConf::default()).subprotocols([SUBPROTOCOL]).route("/ws", speak));
    serve(engine).await
}

/// A socket whose client is connected, and in a room.
async fn join(served: &Served, room: &str) -> Peer<TcpStream> {
    let mut peer = served.connect().await;
    peer.write(request("/ws", &[("Sec-WebSocket-Protocol", &[SUBPROTOCOL])])).await;
    assert_eq!(peer.head().await.header("sec-websocket-protocol"), Some(SUBPROTOCOL));
    peer.write(text(r#"{"type":"connect"}"#)).await;
    assert!(peer.text().await.starts_with(r#"{"type":"ok","client":"#));
    peer.write(text(&format!(r#"{{"type":"join","topic":"{room}"}}"#))).await;
    assert!(peer.text().await.starts_with(&format!(r#"{{"type":"ok","topic":"{room}","#)));
    peer
}

#[tokio::test]
async fn who_is_in_a_room_hears_what_is_said_there_with_its_place() {
    let chat = chat(TopicConf::default());
    let served = served(&chat).await;
    let (mut anna, mut bert) = (join(&served, "lobby").await, join(&served, "lobby").await);
    let mut carl = join(&served, "attic").await;
    anna.write(text(r#"{"type":"publish","topic":"lobby","data":"hello"}"#)).await;
    for peer in [&mut anna, &mut bert] {
        let heard = peer.text().await;
        assert!(
            heard.starts_with(r#"{"type":"message","topic":"lobby","offset":1,"from":{"client":"#),
            "{heard}"
        );
        assert!(heard.ends_with(r#""data":"hello"}"#), "{heard}");
    }
    carl.write(text(r#"{"type":"ping","id":1}"#)).await;
    assert_eq!(carl.text().await, r#"{"type":"ok","id":1}"#, "nothing came before");
}

#[tokio::test]
async fn a_client_that_the_server_cuts_is_told_why_and_closed_with_the_code_for_it() {
    let chat = chat(TopicConf::default());
    let served = served(&chat).await;
    let mut anna = served.open("/ws").await;
    anna.write(text(r#"{"type":"connect"}"#)).await;
    let answer = anna.text().await;
    let number: u64 = answer.split('"').nth(7).and_then(|id| id.parse().ok()).expect("a number");
    chat.hub().kick(hub::ClientId::from(number)).await.unwrap();
    assert_eq!(anna.text().await, r#"{"type":"end","code":"kicked","message":"cut by the server"}"#);
    assert_eq!(anna.closed().await, (4403, "cut by the server".to_owned()));
}

#[tokio::test]
async fn a_server_that_stops_says_when_to_return_after_all_that_was_said() {
    let chat = chat(TopicConf::default());
    let served = served(&chat).await;
    let mut anna = join(&served, "lobby").await;
    for number in 0..50 {
        let said = serde_json::value::to_raw_value(&number).unwrap();
        let topic = "lobby".try_into().unwrap();
        let message = Publication::message(&hub::protocol::Draft::of_server(&topic, &said));
        chat.hub().publish(topic, message).await.unwrap();
    }
    let stopped = tokio::spawn(served.stop());
    for number in 0..50 {
        assert!(anna.text().await.ends_with(&format!(r#""data":{number}}}"#)));
    }
    let end = anna.text().await;
    let expected = r#"{"type":"end","code":"draining","message":"the server is stopping","retry_after_ms":"#;
    assert!(end.starts_with(expected), "{end}");
    assert_eq!(anna.closed().await, (1001, "the server is stopping".to_owned()));
    drop(anna);
    stopped.await.unwrap();
}

#[tokio::test]
async fn what_is_not_text_is_1003() {
    let chat = chat(TopicConf::default());
    let served = served(&chat).await;
    let mut anna = join(&served, "lobby").await;
    anna.write(masked(0x82, [1, 2])).await;
    assert_eq!(anna.closed().await, (1003, "text only".to_owned()));
}

#[tokio::test]
async fn who_never_connects_is_turned_away_after_so_many_tries() {
    let chat = chat(TopicConf::default());
    let served = served(&chat).await;
    let mut anna = served.open("/ws").await;
    for _ in 0..=100 {
        anna.write(text(r#"{"type":"ping","id":1}"#)).await;
        let answer = anna.text().await;
        assert!(answer.starts_with(r#"{"type":"error","id":1,"code":"not_connected","#), "{answer}");
    }
    assert!(anna.text().await.starts_with(r#"{"type":"end","code":"abuse","#));
    assert_eq!(anna.closed().await.0, 1008);
    assert!(chat.hub().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_is_told_at_once_and_a_loss_after_a_while() {
    let presence = PresenceConf { enabled: true, ..PresenceConf::default() };
    let chat = chat(TopicConf { presence, ..TopicConf::default() });
    let identity = |name: &str| Some(hub::Identity::user(name.try_into().unwrap()));
    let enter = async |name: &str| {
        let (socket, mut peer) = pair(WsConf::default(), WIDE).await;
        tokio::spawn(ws::speak(socket, chat.opening(identity(name))));
        peer.write([text(r#"{"type":"connect"}"#), text(r#"{"type":"join","topic":"lobby"}"#)].concat())
            .await;
        for _ in 0..3 {
            peer.text().await; // two answers, and the notice that it is there
        }
        peer
    };
    let mut anna = enter("anna").await;
    for (name, goodbye) in [("bert", Some(1001)), ("carl", None), ("dora", Some(4000))] {
        let mut peer = enter(name).await;
        assert!(anna.text().await.contains(r#""joined""#));
        let start = tokio::time::Instant::now();
        if let Some(code) = goodbye {
            peer.write(close(code, "")).await;
        }
        drop(peer);
        let left = anna.text().await;
        assert!(left.ends_with(&format!(r#""left":["{name}"]}}"#)), "{left}");
        let expected = if goodbye == Some(1001) { 0 } else { 5 };
        assert_eq!(start.elapsed().as_secs(), expected, "{name}");
    }
}

/// Says what it is sent, and is told of nothing but what is said.
struct Plain;

impl Codec<Prepared> for Plain {
    fn decode(&self, message: Message) -> Result<Option<Text>, CloseFrame> {
        match message {
            Message::Text(said) if said.is_empty() => Ok(None),
            Message::Text(said) => {
                Ok(Some(format!(r#"{{"type":"publish","topic":"lobby","data":"{said}"}}"#).into()))
            }
            Message::Binary(_) => Err(CloseFrame::new(CloseCode::UNSUPPORTED, "plain text, please")),
        }
    }

    fn encode(&self, frame: &Prepared) -> Option<Prepared> {
        let object = format!("{frame:?}");
        let (_, said) = object.split_once(r#"\"data\":\""#)?;
        Some(Prepared::text(&said[..said.find('\\')?]))
    }
}

async fn plain(socket: WebSocket, State(chat): State<Chat>) -> Result<(), Error> {
    let mut session = chat.opening(None).take(r#"{"type":"connect"}"#).await.map_err(Error::peer)?;
    let joined = session.commands.take(r#"{"type":"join","topic":"lobby"}"#).await;
    joined.map_err(Error::peer)?;
    ws::speak_as(socket, session, Plain).await
}

#[tokio::test]
async fn clients_of_two_codecs_are_in_one_room_and_each_gets_what_its_own_has_words_for() {
    let chat = chat(TopicConf::default());
    let mut engine = Engine::with_state(conf(), chat.clone());
    engine.add_route(Upgrader::new(WsConf::default()).subprotocols([SUBPROTOCOL]).route("/ws", speak));
    engine.add_route(ws::route("/plain", plain));
    let served = serve(engine).await;
    let mut anna = join(&served, "lobby").await;
    let mut bert = served.open("/plain").await;

    bert.write(text("")).await; // nothing, by its codec
    bert.write(text("hello")).await;
    let heard = anna.text().await;
    assert!(heard.contains(r#""offset":1,"#) && heard.ends_with(r#""data":"hello"}"#), "{heard}");
    assert_eq!(bert.text().await, "hello", "it is told no answers, and that it has joined is one");

    anna.write(text(r#"{"type":"publish","topic":"lobby","data":"good day"}"#)).await;
    assert_eq!(bert.text().await, "good day");
    bert.write(masked(0x82, b"binary")).await;
    assert_eq!(bert.closed().await, (1003, "plain text, please".to_owned()));
}

#[tokio::test]
async fn a_client_of_another_codec_that_the_server_cuts_has_the_reason_in_its_close() {
    let chat = chat(TopicConf::default());
    let mut engine = Engine::with_state(conf(), chat.clone());
    engine.add_route(ws::route("/plain", plain));
    let served = serve(engine).await;
    let mut bert = served.open("/plain").await;
    bert.write(text("hello")).await;
    assert_eq!(bert.text().await, "hello");
    let client = (0..64).map(hub::ClientId::from);
    let mut cut = 0;
    for client in client {
        cut += chat.hub().kick(client).await.unwrap();
    }
    assert_eq!(cut, 1);
    assert_eq!(bert.closed().await, (4403, "cut by the server".to_owned()), "and no object before it");
}
