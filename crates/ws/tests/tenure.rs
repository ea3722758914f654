//! How long a connection may stay, and how much its client may say: limits that are off until they are set.

use std::time::{Duration, SystemTime};

use rest::conf::JwtConf;
use rest::{Engine, RouteGroup};
use tokio::time::{Instant, sleep};
use ws::{End, Error, Message, Preset, Upgrader, WebSocket, WsConf};

use crate::support::{close, conf, masked, pair, request, serve, text};

const FIRST: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(60);
const LIFE: Duration = Duration::from_secs(1000);

/// Receives until it fails, and says with what and when.
async fn fails(mut socket: WebSocket) -> (Error, Duration) {
    let begin = Instant::now();
    loop {
        match socket.recv().await {
            Ok(message) => assert!(message.is_some(), "the client closed"),
            Err(error) => {
                let time = begin.elapsed();
                assert_eq!(socket.recv().await.expect("no second error"), None);
                return (error, time);
            }
        }
    }
}

/// What the peer is told.
fn told(error: &Error) -> (u16, String) {
    let frame = error.close_frame().expect("a close frame");
    (frame.code().0, frame.reason().to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_first_is_closed_with_1008() {
    let conf = WsConf { first_message_timeout: FIRST, ..WsConf::default() };
    let (socket, mut peer) = pair(conf.clone(), 1000).await;
    peer.write(masked(0x89, "pings say nothing")).await;
    let (error, time) = fails(socket).await;
    assert_eq!(time, FIRST);
    assert_eq!((error.end(), error.is_timeout()), (End::FirstMessageTimeout, true));
    assert_eq!(told(&error), (1008, "no first message within 5s".to_owned()));

    // and one that does has all the time
    let (mut socket, mut peer) = pair(conf, 1000).await;
    peer.write(text("it is me")).await;
    socket.recv().await.unwrap();
    let (message, ()) = tokio::join!(socket.recv(), async {
        sleep(FIRST * 2).await;
        peer.write(text("again")).await;
    });
    assert_eq!(message.unwrap(), Some(Message::text("again")));
}

#[tokio::test(start_paused = true)]
async fn a_connection_on_which_nothing_is_said_is_closed_with_3008() {
    let conf = WsConf { idle_timeout: IDLE, ..WsConf::default() };
    let (socket, mut peer) = pair(conf, 1000).await;
    let failing = tokio::spawn(fails(socket));
    sleep(IDLE / 2).await;
    peer.write(text("hello")).await;
    // it lives, and answers each ping
    let answering = async {
        while let Some(frame) = peer.next().await {
            if frame.first == 0x89 {
                peer.write(masked(0x8a, frame.payload)).await;
            }
        }
    };
    let (failed, ()) = tokio::join!(failing, answering);
    let (error, time) = failed.unwrap();
    assert_eq!(time, IDLE / 2 + IDLE);
    assert_eq!(error.end(), End::IdleTimeout);
    assert_eq!(told(&error), (3008, "no message either way within 60s".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_talked_to_is_not_idle() {
    let conf = WsConf { idle_timeout: IDLE, ..WsConf::default() };
    let (socket, mut peer) = pair(conf, 1000).await;
    let (mut reader, mut writer) = socket.split();
    let begin = Instant::now();
    let talking = tokio::spawn(async move {
        for _ in 0..10 {
            sleep(IDLE - Duration::from_secs(1)).await;
            writer.send("are you there?").await.unwrap();
        }
        begin.elapsed()
    });
    let answering = tokio::spawn(async move {
        while let Some(frame) = peer.next().await {
            if frame.first == 0x89 {
                peer.write(masked(0x8a, frame.payload)).await;
            }
        }
    });
    let error = reader.recv().await.unwrap_err();
    assert_eq!(error.end(), End::IdleTimeout);
    let silence = begin.elapsed() - talking.await.unwrap();
    assert!(silence >= IDLE && silence <= 2 * IDLE, "{silence:?}");
    answering.abort();
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_has_had_its_time_is_closed_with_1012() {
    let conf = WsConf { max_lifetime: LIFE, ..WsConf::default() };
    let mut times = Vec::new();
    for _ in 0..20 {
        let (socket, mut peer) = pair(conf.clone(), 1000).await;
        let talking = tokio::spawn(async move {
            loop {
                peer.write(text("on and on")).await;
                sleep(Duration::from_secs(1)).await;
            }
        });
        let (error, time) = fails(socket).await;
        talking.abort();
        assert_eq!((error.end(), error.is_timeout()), (End::MaxLifetime, false));
        assert_eq!(told(&error), (1012, "the connection has had its time".to_owned()));
        assert!(time >= LIFE * 9 / 10 && time <= LIFE, "{time:?}");
        times.push(time);
    }
    times.sort();
    times.dedup();
    assert!(times.len() > 1, "all at the same time: {times:?}");
}

/// In real time, as a token's `exp` is a time of the wall clock.
#[tokio::test]
async fn a_connection_ends_with_its_token_unless_it_is_configured_not_to() {
    let secret = "a secret of many bytes";
    let mut engine = Engine::new(conf());
    for (path, close_at_token_expiry) in [("/ends", true), ("/stays", false)] {
        let upgrader = Upgrader::new(WsConf { close_at_token_expiry, ..WsConf::default() });
        let route = upgrader.route(path, async |mut socket: WebSocket| {
            while let Some(message) = socket.recv().await? {
                socket.send(message).await?;
            }
            Ok::<_, Error>(())
        });
        engine.add_routes(RouteGroup::new().route(route).jwt(JwtConf::new(secret)));
    }
    let served = serve(engine).await;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
    let claims = serde_json::json!({ "exp": now + 2 });
    let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap();
    let authorization = format!("Bearer {token}");
    let open = async |path: &str| {
        let mut peer = served.connect().await;
        peer.write(request(path, &[("Authorization", &[&authorization])])).await;
        assert!(peer.head().await.start_line.contains(" 101 "));
        peer
    };
    let (mut ends, mut stays) = (open("/ends").await, open("/stays").await);
    assert_eq!(ends.closed().await, (1008, "the token is over".to_owned()));
    stays.write(text("still here")).await;
    assert_eq!(stays.text().await, "still here");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_talks_too_fast_is_closed_with_1008() {
    let conf = WsConf { max_message_rate: 10, max_message_burst: 20, ..WsConf::default() };
    let (mut socket, mut peer) = pair(conf, 1 << 16).await;
    peer.write(text("x").repeat(20)).await;
    for _ in 0..20 {
        socket.recv().await.unwrap();
    }
    for _ in 0..100 {
        sleep(Duration::from_millis(100)).await;
        peer.write(text("x")).await;
        socket.recv().await.unwrap();
    }
    peer.write(text("one too many")).await;
    let error = socket.recv().await.unwrap_err();
    assert!(error.is_protocol(), "{error:?}");
    assert_eq!(told(&error), (1008, "more than 10 messages a second".to_owned()));
    assert_eq!(socket.recv().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn the_quick_preset_notices_a_peer_that_is_gone_within_5_s() {
    let loaded: WsConf = rest::conf::parse("Preset: quick", rest::conf::Format::Yaml).unwrap();
    assert_eq!(loaded, WsConf::quick());
    assert_eq!(loaded.preset, Preset::Quick);
    let (socket, _peer) = pair(loaded, 1000).await;
    let (error, time) = fails(socket).await;
    assert_eq!(error.end(), End::PongTimeout);
    assert_eq!(time, Duration::from_secs(5));
    assert_eq!(told(&error), (3008, "no answer to a ping within 2s".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_socket_knows_how_long_its_last_ping_took() {
    let (mut socket, mut peer) = pair(WsConf::default(), 1000).await;
    assert_eq!(socket.rtt(), None);
    for millis in [40, 7] {
        let answering = async {
            let ping = peer.frame().await;
            assert_eq!(ping.first, 0x89);
            sleep(Duration::from_millis(millis)).await;
            // an unasked pong, as some clients send, is no answer
            peer.write([masked(0x8a, ""), masked(0x8a, ping.payload), text("hello")].concat()).await;
        };
        let (message, ()) = tokio::join!(socket.recv(), answering);
        message.unwrap();
        assert_eq!(socket.rtt(), Some(Duration::from_millis(millis)));
    }
}

#[tokio::test]
async fn a_handler_that_stops_at_an_error_closes_with_what_fits_it() {
    async fn shrugs(mut socket: WebSocket) {
        while let Ok(Some(message)) = socket.recv().await {
            socket.send(message).await.expect("the client listens");
        }
    }
    let mut engine = Engine::new(conf());
    let slow = WsConf { first_message_timeout: Duration::from_millis(20), ..WsConf::default() };
    engine.add_route(ws::route("/ws", shrugs)).add_route(Upgrader::new(slow).route("/slow", shrugs));
    let served = serve(engine).await;

    let mut peer = served.open("/ws").await;
    peer.write(masked(0x83, "reserved")).await;
    assert_eq!(peer.closed().await, (1002, "a reserved opcode".to_owned()));

    let mut peer = served.open("/slow").await;
    assert_eq!(peer.closed().await, (1008, "no first message within 20ms".to_owned()));
    assert_eq!(peer.next().await, None, "its close was awaited");

    let mut peer = served.open("/ws").await;
    peer.write([text("last"), close(1001, "leaving")].concat()).await;
    assert_eq!(peer.text().await, "last");
    assert_eq!(peer.frame().await.close(), (1001, "leaving".to_owned()));
}
