//! A socket and a hub's client.

use std::num::NonZeroUsize;
use std::time::Duration;

use hub::{Hub, HubConf, TopicConf};
use rest::Engine;
use rest::extract::State;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use ws::{CloseCode, CloseFrame, Error, Message, Prepared, Upgrader, WebSocket, WsConf};

use crate::support::{Frame, Peer, Served, close, conf, masked, pair, request, serve, text};

const WIDE: usize = 1 << 20;

/// A message that fills buffers soon.
const LONG: &str = match str::from_utf8(&[b'x'; 60_000]) {
    Ok(long) => long,
    Err(_) => unreachable!(),
};

fn hub(max_messages: usize, queue: usize) -> Hub<Prepared> {
    let [max_messages, queue] = [max_messages, queue].map(|n| NonZeroUsize::new(n).expect("not zero"));
    Hub::spawn(HubConf {
        topic: TopicConf { max_messages, ..TopicConf::default() },
        queue,
        ..HubConf::default()
    })
}

/// Waits until the hub's loop has seen all that was published before: it answers a registration after that.
async fn settled(hub: &Hub<Prepared>) {
    drop(hub.register().await.expect("the hub is open"));
}

/// A client in the hub, behind a pipe, and its pump.
async fn member(hub: &Hub<Prepared>, pipe: usize) -> (Peer, JoinHandle<Result<(), Error>>) {
    let (socket, peer) = pair(WsConf::default(), pipe).await;
    let pump = ws::pump(socket, hub.register().await.expect("the hub is open"));
    (peer, tokio::spawn(pump.into_future()))
}

async fn chat(socket: WebSocket, State(hub): State<Hub<Prepared>>) -> Result<(), Error> {
    ws::pump(socket, hub.register().await.map_err(Error::peer)?).await
}

async fn served(hub: &Hub<Prepared>) -> Served {
    let patient = WsConf { evict_timeout: Duration::from_secs(3600), ..WsConf::default() };
    let mut engine = Engine::with_state(conf(), hub.clone());
    engine.add_route(Upgrader::new(patient).route("/ws", chat));
    serve(engine).await
}

/// Opens a socket, and waits until it is in the hub.
async fn join(served: &Served, hub: &Hub<Prepared>) -> Peer<TcpStream> {
    let (mut online, before) = (hub.online(), hub.len());
    let peer = served.open("/ws").await;
    online.wait_for(|now| *now == before + 1).await.expect("the hub is open");
    peer
}

#[tokio::test(start_paused = true)]
async fn what_one_says_everybody_hears() {
    let hub = hub(100, 100);
    let (mut anna, _a) = member(&hub, WIDE).await;
    let (mut bert, _b) = member(&hub, WIDE).await;
    anna.write([text("hello"), masked(0x82, [1, 2])].concat()).await;
    for peer in [&mut anna, &mut bert] {
        assert_eq!(peer.text().await, "hello");
        let frame = peer.frame().await;
        assert_eq!((frame.first, frame.payload.as_slice()), (0x82, &[1, 2][..]), "binary stays binary");
    }
    hub.broadcast("from elsewhere".into()).await.unwrap();
    assert_eq!(bert.text().await, "from elsewhere");
}

#[tokio::test(start_paused = true)]
async fn a_long_message_comes_whole_however_little_of_it_goes_out_at_once() {
    let payload = (0..65_536).map(|n: u32| n.to_be_bytes()[3]).collect::<Vec<_>>();
    for pipe in [9, 10, 11, 1000, WIDE] {
        let hub = hub(100, 100);
        let (mut anna, _a) = member(&hub, WIDE).await;
        let (mut bert, _b) = member(&hub, pipe).await;
        anna.write([masked(0x82, &payload), text("and on")].concat()).await;
        for peer in [&mut anna, &mut bert] {
            assert!(peer.frame().await == Frame::new(0x82, payload.as_slice()), "{pipe} bytes at a time");
            assert_eq!(peer.text().await, "and on");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_client_who_closes_is_gone_from_the_hub_and_the_pump_ends_well() {
    let hub = hub(100, 100);
    let (mut anna, pump) = member(&hub, WIDE).await;
    anna.write(close(1000, "")).await;
    pump.await.unwrap().unwrap();
    hub.online().wait_for(|now| *now == 0).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_is_evicted_while_the_others_go_on() {
    // given a log of four messages, a client who reads nothing, and one who reads all
    let hub = hub(4, 100);
    let (_slow, slow_pump) = member(&hub, 16).await;
    let (mut fast, _fast_pump) = member(&hub, WIDE).await;
    // when more is said than the log keeps
    let long = "x".repeat(100);
    for _ in 0..10 {
        hub.broadcast(long.as_str().into()).await.unwrap();
        assert_eq!(fast.text().await, long);
    }
    // then the slow one is gone at once, though its write is stuck
    let error = tokio::time::timeout(Duration::ZERO, slow_pump).await.unwrap().unwrap().unwrap_err();
    let frame = error.close_frame().unwrap();
    assert_eq!(frame.code(), CloseCode::TRY_AGAIN_LATER);
    assert!(frame.reason().starts_with("too slow: fell "), "{frame}");
    assert_eq!(hub.len(), 1);
    hub.broadcast("and on".into()).await.unwrap();
    assert_eq!(fast.text().await, "and on");
}

/// A client with a short receive buffer, who does not read, and who is evicted, as so much is said that no buffer holds it; then
/// one who reads all, and how many messages that were.
async fn evicted(served: &Served, hub: &Hub<Prepared>) -> ([Peer<TcpStream>; 2], usize) {
    let mut fast = join(served, hub).await;
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("it may be short");
    let mut slow = Peer::client(socket.connect(served.addr).await.expect("the engine listens"));
    slow.write(request("/ws", &[])).await;
    slow.head().await;
    hub.online().wait_for(|now| *now == 2).await.expect("the hub is open");
    let mut said = 0;
    while hub.len() == 2 {
        hub.broadcast(LONG.into()).await.expect("the hub is open");
        assert_eq!(fast.text().await, LONG);
        said += 1;
        assert!(said < 10_000, "the slow client is never evicted");
    }
    ([slow, fast], said)
}

#[tokio::test(start_paused = true)]
async fn an_evicted_client_that_takes_nothing_is_cut_within_a_second_of_its_last_byte() {
    // given a client who takes a byte now and then, and is evicted
    let hub = hub(4, 100);
    let (socket, mut peer) = pair(WsConf::default(), 16).await;
    let pump = socket.run({
        let client = hub.register().await.unwrap();
        |socket| ws::pump(socket, client).into_future()
    });
    let pump = tokio::spawn(pump);
    for _ in 0..10 {
        hub.broadcast("x".repeat(100).into()).await.unwrap();
        settled(&hub).await;
    }
    assert!(hub.stats().evicted.total() == 1 && !pump.is_finished(), "its close is tried");
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(800)).await;
        peer.io.read_u8().await.unwrap();
    }
    // when it takes nothing more
    let last = Instant::now();
    let end = pump.await.unwrap().unwrap_err();
    // then it is cut, though it might have five seconds for its close
    assert_eq!(end.close_frame().unwrap().code(), CloseCode::TRY_AGAIN_LATER);
    let took = last.elapsed();
    assert!(took > Duration::from_millis(800) && took <= Duration::from_secs(1), "{took:?}");
}

#[tokio::test]
async fn an_evicted_client_who_reads_again_is_told_1013() {
    let hub = hub(8, 100);
    let served = served(&hub).await;
    let ([mut slow, _fast], said) = evicted(&served, &hub).await;
    // It gets what was on its way, and why it gets no more.
    let mut frame = slow.frame().await;
    let mut heard = 0;
    while frame.first == 0x81 {
        assert_eq!(frame.payload.len(), LONG.len(), "no frame is torn");
        heard += 1;
        frame = slow.frame().await;
    }
    let (code, reason) = frame.close();
    assert_eq!(code, 1013);
    assert!(reason.starts_with("too slow: fell "), "{reason}");
    assert!(heard < said, "{heard} of {said}");
    slow.write(masked(0x88, frame.payload)).await;
    assert_eq!(slow.next().await, None);
    assert_eq!(hub.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn inbound_decides_what_is_published() {
    fn line(message: Message) -> Result<Option<Prepared>, CloseFrame> {
        let Message::Text(text) = message else {
            return Err(CloseFrame::new(CloseCode::UNSUPPORTED, "text only"));
        };
        let line = text.trim().to_uppercase();
        Ok((!line.is_empty()).then(|| line.into()))
    }
    let hub = hub(100, 100);
    let (socket, mut peer) = pair(WsConf::default(), WIDE).await;
    let pump = tokio::spawn(ws::pump(socket, hub.register().await.unwrap()).inbound(line).into_future());
    peer.write([text(" hello "), text("  "), text(""), text("again")].concat()).await;
    assert_eq!(peer.text().await, "HELLO", "replaced");
    assert_eq!(peer.text().await, "AGAIN", "blank ones are ignored");

    peer.write([masked(0x82, "binary"), text("too late")].concat()).await;
    let frame = pump.await.unwrap().unwrap_err().close_frame().unwrap();
    assert_eq!((frame.code(), frame.reason()), (CloseCode::UNSUPPORTED, "text only"));
    hub.online().wait_for(|now| *now == 0).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_closed_hub_is_1001_after_what_was_published() {
    let hub = hub(100, 100);
    let (mut anna, pump) = member(&hub, 16).await;
    for i in 0..50 {
        hub.broadcast(format!("message {i}").into()).await.unwrap();
    }
    hub.close().await;
    for i in 0..50 {
        assert_eq!(anna.text().await, format!("message {i}"));
    }
    let frame = pump.await.unwrap().unwrap_err().close_frame().unwrap();
    assert_eq!((frame.code(), frame.reason()), (CloseCode::GOING_AWAY, "the hub is closed"));
}

/// Her own message finds the hub closed before she has heard everything.
#[tokio::test(start_paused = true)]
async fn who_talks_to_a_closed_hub_still_hears_what_was_published() {
    let hub = hub(100, 100);
    let (mut anna, pump) = member(&hub, 100).await;
    for i in 0..50 {
        hub.broadcast(format!("message {i}").into()).await.unwrap();
    }
    hub.close().await;
    anna.write(text("hello?")).await;
    for i in 0..50 {
        assert_eq!(anna.text().await, format!("message {i}"));
    }
    let frame = pump.await.unwrap().unwrap_err().close_frame().unwrap();
    assert_eq!((frame.code(), frame.reason()), (CloseCode::GOING_AWAY, "the hub is closed"));
}

#[tokio::test]
async fn what_was_published_before_a_stop_arrives_before_the_1001() {
    let hub = hub(1000, 1000);
    let served = served(&hub).await;
    let mut peers = Vec::new();
    for _ in 0..10 {
        peers.push(join(&served, &hub).await);
    }
    for i in 0..500 {
        hub.broadcast(format!("message {i}").into()).await.unwrap();
    }
    settled(&hub).await;
    let stopped = served.stop();
    for mut peer in peers {
        for i in 0..500 {
            assert_eq!(peer.text().await, format!("message {i}"));
        }
        assert_eq!(peer.closed().await, (1001, "the server is stopping".to_owned()));
        assert_eq!(peer.next().await, None);
    }
    stopped.await;
    assert_eq!(hub.len(), 0);
}

/// The hub's loop and the pump both write, each where the other cannot.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_message_arrives_once_and_in_order_however_the_client_reads() {
    const COUNT: usize = 5000;
    let hub = hub(2 * COUNT, 10);
    let mut listeners = Vec::new();
    for pipe in [16, 100, 1000, WIDE] {
        let (mut peer, pump) = member(&hub, pipe).await;
        listeners.push(tokio::spawn(async move {
            for i in 0..COUNT {
                assert_eq!(peer.text().await, i.to_string(), "through a pipe of {pipe} bytes");
                if i % 97 == 0 {
                    tokio::task::yield_now().await;
                }
            }
            (peer, pump)
        }));
    }
    for i in 0..COUNT {
        hub.broadcast(i.to_string().into()).await.unwrap();
    }
    for listener in listeners {
        listener.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn who_talks_faster_than_the_hub_takes_is_slowed_down_and_nothing_is_lost() {
    let hub = hub(2000, 1);
    let (mut talker, _t) = member(&hub, WIDE).await;
    let (mut listener, _l) = member(&hub, 64).await;
    talker.write((0..1000).flat_map(|i| text(&i.to_string())).collect::<Vec<_>>()).await;
    for i in 0..1000 {
        assert_eq!(listener.text().await, i.to_string());
    }
}

/// A pump takes no more from its client than it can hand on: the rest waits in the pipe.
#[tokio::test(start_paused = true)]
async fn a_talker_is_not_read_while_the_hub_takes_nothing() {
    // given a hub whose queue is full, which on this runtime stays so while this test does not wait
    let hub = hub(100, 1);
    let (socket, mut peer) = pair(WsConf::default(), 64).await;
    let mut pump = ws::pump(socket, hub.register().await.unwrap()).into_future();
    hub.broadcast("one".into()).await.unwrap();
    // when the client talks
    for _ in 0..3 {
        peer.write(text("quickly")).await;
    }
    futures_util::FutureExt::now_or_never(&mut pump);
    let before = hub.broadcast("two".into());
    assert!(futures_util::FutureExt::now_or_never(before).is_none(), "the queue is full");
    // then it is heard all the same, when the hub goes on
    let _pump = tokio::spawn(pump);
    let mut heard = Vec::new();
    while heard.len() < 4 {
        heard.push(peer.text().await);
    }
    assert_eq!(heard, ["one", "quickly", "quickly", "quickly"]);
}
