//! What a hostile client can make the server do: less than it would like.

use std::time::Duration;

use futures_util::FutureExt;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, sleep};
use ws::{CloseCode, Error, Message, WebSocket, WsConf};

const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const FIN: u8 = 0x80;
const PING: u8 = 0x89;

async fn pair(conf: WsConf) -> (WebSocket, DuplexStream) {
    let (server, client) = duplex(1 << 20);
    (WebSocket::from_raw(server, conf).await, client)
}

fn head(first: u8, len: usize) -> Vec<u8> {
    let mut head = vec![first];
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len @ ..=125), _) => head.push(0x80 | len),
        (_, Ok(len)) => {
            head.push(0x80 | 126);
            head.extend(len.to_be_bytes());
        }
        _ => {
            head.push(0x80 | 127);
            head.extend((len as u64).to_be_bytes());
        }
    }
    head.extend([0; 4]);
    head
}

fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    [&head(first, payload.as_ref().len()), payload.as_ref()].concat()
}

fn told(error: &Error) -> (CloseCode, String) {
    let frame = error.close_frame().expect("the client is told");
    (frame.code(), frame.reason().to_owned())
}

#[tokio::test]
async fn what_came_before_an_offence_is_delivered_and_nothing_behind_it_is() {
    let (mut socket, mut client) = pair(WsConf::default()).await;
    let bytes =
        [frame(FIN | TEXT, "before"), frame(FIN | 0x10 | TEXT, "offence"), frame(FIN | TEXT, "behind")];
    client.write_all(&bytes.concat()).await.unwrap();
    assert_eq!(socket.recv().await.unwrap(), Some(Message::text("before")));
    let error = socket.recv().await.unwrap_err();
    assert!(error.is_protocol());
    assert_eq!(told(&error), (CloseCode::PROTOCOL_ERROR, "a reserved bit is set".to_owned()));
    assert_eq!(socket.recv().await.unwrap(), None);
}

#[tokio::test]
async fn long_and_short_messages_keep_their_order() {
    let (mut socket, mut client) = pair(WsConf::default()).await;
    let texts =
        ["a".to_owned(), "é".repeat(2000), String::new(), "b".repeat(513), "c".repeat(60_000), "d".into()];
    let mut bytes = texts.iter().map(|text| frame(FIN | TEXT, text)).collect::<Vec<_>>().concat();
    bytes.extend(frame(TEXT, "e".repeat(1000)));
    bytes.extend(frame(PING, "inside"));
    bytes.extend(frame(FIN, "f".repeat(1000)));
    bytes.extend(frame(FIN | TEXT, [b'g', 0xff].repeat(1000)));
    client.write_all(&bytes).await.unwrap();
    for text in &texts {
        assert_eq!(socket.recv().await.unwrap(), Some(Message::text(&**text)));
    }
    let fragments = "e".repeat(1000) + &"f".repeat(1000);
    assert_eq!(socket.recv().await.unwrap(), Some(Message::text(fragments)));
    let error = socket.recv().await.unwrap_err();
    assert_eq!(told(&error), (CloseCode::INVALID_PAYLOAD, "text is not valid UTF-8".to_owned()));
    assert_eq!(socket.recv().await.unwrap(), None);
}

#[tokio::test]
async fn a_message_of_65536_fragments_passes_and_one_of_empty_ones_does_not() {
    let (mut socket, mut client) = pair(WsConf::default()).await;
    let one = frame(0, "x");
    let mut bytes = frame(BINARY, "x");
    bytes.extend(one.repeat(65_534));
    bytes.extend(frame(FIN, "x"));
    let talking = tokio::spawn(async move {
        client.write_all(&bytes).await.unwrap();
        client
    });
    assert_eq!(socket.recv().await.unwrap().unwrap().len(), 65_536);

    let mut client = talking.await.unwrap();
    client.write_all(&[frame(BINARY, ""), frame(0, "").repeat(1500)].concat()).await.unwrap();
    let error = socket.recv().await.unwrap_err();
    let reason = "too many control frames or empty fragments".to_owned();
    assert_eq!(told(&error), (CloseCode::POLICY_VIOLATION, reason));
}

#[tokio::test]
async fn one_fragment_too_many_is_one_too_many() {
    let (mut socket, mut client) = pair(WsConf { max_fragments: 3, ..WsConf::default() }).await;
    let three = [frame(TEXT, "a"), frame(0, "b"), frame(FIN, "c")].concat();
    client.write_all(&[three, frame(TEXT, "a"), frame(0, "b"), frame(0, "c")].concat()).await.unwrap();
    assert_eq!(socket.recv().await.unwrap(), Some(Message::text("abc")));
    client.write_all(&frame(FIN, "d")).await.unwrap();
    let error = socket.recv().await.unwrap_err();
    assert_eq!(told(&error).0, CloseCode::POLICY_VIOLATION);
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_is_no_flood_and_a_flood_of_pings_is_one() {
    let conf = WsConf { max_overhead_frames: 16, ..WsConf::default() };
    let (mut socket, mut client) = pair(conf).await;
    let waiting = tokio::spawn(async move { socket.recv().await });
    for _ in 0..100 {
        sleep(Duration::from_secs(1)).await;
        client.write_all(&frame(PING, "alive?")).await.unwrap();
    }
    sleep(Duration::from_secs(1)).await;
    assert!(!waiting.is_finished(), "a ping per second");
    client.write_all(&frame(PING, "alive?").repeat(20)).await.unwrap();
    let error = waiting.await.unwrap().unwrap_err();
    assert!(error.is_protocol());
    assert_eq!(told(&error).0, CloseCode::POLICY_VIOLATION);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_does_not_go_on_is_given_up() {
    for begin in [b"\x81".to_vec(), head(FIN | BINARY, 60_000), frame(TEXT, "a"), head(PING, 5)] {
        let (mut socket, mut client) = pair(WsConf::default()).await;
        let start = Instant::now();
        client.write_all(&begin).await.unwrap();
        let error = socket.recv().await.unwrap_err();
        assert!(error.is_timeout());
        let reason = "a message did not go on within 30s".to_owned();
        assert_eq!(told(&error), (CloseCode::POLICY_VIOLATION, reason), "{begin:x?}");
        assert_eq!(start.elapsed().as_secs(), 30, "{begin:x?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_trickles_is_given_up_and_pings_do_not_help_it() {
    for (first, more) in [(head(FIN | BINARY, 60_000), vec![7]), (frame(TEXT, "a"), frame(PING, "here"))] {
        let conf = WsConf { message_timeout: Duration::from_millis(1500), ..WsConf::default() };
        let (mut socket, mut client) = pair(conf).await;
        let start = Instant::now();
        client.write_all(&first).await.unwrap();
        let talking = tokio::spawn(async move {
            while client.write_all(&more).await.is_ok() {
                sleep(Duration::from_millis(400)).await;
            }
        });
        let error = socket.recv().await.unwrap_err();
        assert_eq!(told(&error).0, CloseCode::POLICY_VIOLATION);
        assert_eq!(start.elapsed().as_millis(), 1500);
        drop(socket);
        talking.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_message_that_goes_on_slowly_arrives() {
    let conf = WsConf { max_message_bytes: 1 << 20, ..WsConf::default() };
    let (mut socket, mut client) = pair(conf).await;
    let waiting = tokio::spawn(async move { socket.recv().await });
    client.write_all(&head(FIN | BINARY, 1 << 20)).await.unwrap();
    for _ in 0..64 {
        sleep(Duration::from_secs(7)).await; // 64 KiB in 28 s
        client.write_all(&[7; 1 << 14]).await.unwrap();
    }
    assert_eq!(waiting.await.unwrap().unwrap().unwrap().len(), 1 << 20);
}

#[tokio::test]
async fn a_flood_of_small_fragments_leaves_others_the_thread() {
    // given a message of a million bytes in fragments of one, all there at once
    let conf = WsConf { max_message_bytes: 1 << 20, max_fragments: 1 << 20, ..WsConf::default() };
    let (server, mut client) = duplex(8 << 20);
    let mut socket = WebSocket::from_raw(server, conf).await;
    client.write_all(&frame(BINARY, "x")).await.unwrap();
    client.write_all(&frame(0, "x").repeat(1_000_000)).await.unwrap();
    client.write_all(&frame(FIN, "x")).await.unwrap();

    // when it is received, then others have their turns
    let mut turns = 1;
    let message = loop {
        match socket.recv().now_or_never() {
            Some(message) => break message.unwrap().unwrap(),
            None => turns += 1,
        }
    };
    assert_eq!(message.len(), 1_000_002);
    assert!(turns > 500, "{turns} turns");
}
