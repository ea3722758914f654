//! Many small things: pings, pongs, fragments. What they cost in writes, frames, and time on the thread.

use futures_util::FutureExt;
use tokio::io::{AsyncWriteExt, duplex};
use ws::{Error, Message, WebSocket, WsConf};

use super::Counted;
use crate::support::{Peer, masked, pair, text};

const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
const FLOOD: (u16, &str) = (1008, "too many control frames or empty fragments");

fn told(error: &Error) -> (u16, String) {
    let frame = error.close_frame().expect("the client is told");
    (frame.code().0, frame.reason().to_owned())
}

/// Polls until there is something; returns it, and how often others had the thread before.
fn turns(socket: &mut WebSocket) -> (Result<Option<Message>, Error>, usize) {
    let mut turns = 0;
    loop {
        match socket.recv().now_or_never() {
            Some(received) => return (received, turns),
            None => turns += 1,
        }
    }
}

#[tokio::test]
async fn pings_that_come_together_are_answered_in_one_write_by_the_newest_16() {
    let (near, far) = duplex(1 << 20);
    let (near, counts) = Counted::new(near);
    let mut socket = WebSocket::from_raw(near, WsConf::default()).await;
    let mut peer = Peer::client(far);
    let pings = (0..1000).flat_map(|i| masked(PING, format!("{i}"))).collect::<Vec<_>>();
    peer.write([pings, text("done")].concat()).await;

    assert_eq!(socket.recv().await.unwrap(), Some(Message::text("done")));

    assert_eq!(counts.writes(), 1);
    for i in 984..1000 {
        let pong = peer.frame().await;
        assert_eq!((pong.first, pong.payload), (PONG, i.to_string().into_bytes()));
    }
}

#[tokio::test]
async fn there_is_one_write_a_turn_however_many_pings_come_in() {
    let (near, far) = duplex(1 << 16);
    let (near, counts) = Counted::new(near);
    let conf = WsConf { max_overhead_frames: 1 << 20, ..WsConf::default() };
    let mut socket = WebSocket::from_raw(near, conf).await;
    let mut peer = Peer::client(far);
    let receiving = tokio::spawn(async move { socket.recv().await.map(|_| ()) });
    for _ in 0..100 {
        peer.write(masked(PING, "x").repeat(100)).await;
        assert_eq!(peer.frame().await.first, PONG);
    }
    peer.write(text("done")).await;
    receiving.await.unwrap().unwrap();
    // A turn begins with a read, and after 1024 frames.
    let turns = counts.reads() + 10_000 / 1024;
    assert!(counts.writes() <= turns, "{} writes in {turns} turns", counts.writes());
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_pongs_or_of_pings_is_1008() {
    for first in [PING, PONG] {
        let (mut socket, mut peer) = pair(WsConf::default(), 1 << 20).await;
        peer.write(masked(first, "").repeat(1024)).await;
        peer.write(text("still here")).await;
        assert_eq!(socket.recv().await.unwrap(), Some(Message::text("still here")));
        peer.write(masked(first, "").repeat(10)).await;
        let error = socket.recv().await.unwrap_err();
        let told = told(&error);
        assert_eq!((told.0, told.1.as_str()), FLOOD);
    }
}

#[tokio::test]
async fn a_million_empty_fragments_cannot_hold_the_thread_even_where_they_are_allowed() {
    let many = 1 << 20;
    let conf = WsConf { max_fragments: 2 * many, max_overhead_frames: many, ..WsConf::default() };
    let (near, mut far) = duplex(8 << 20);
    let mut socket = WebSocket::from_raw(near, conf).await;
    far.write_all(&masked(0x2, "x")).await.unwrap();
    far.write_all(&masked(0, "").repeat(1_000_000)).await.unwrap();
    far.write_all(&masked(0x80, "x")).await.unwrap();

    let (message, turns) = turns(&mut socket);

    assert_eq!(message.unwrap().unwrap().len(), 2);
    assert!(turns >= 850, "{turns} turns, so many more than 1024 frames in each");
}

#[tokio::test]
async fn a_message_of_many_fragments_takes_time_in_proportion_to_its_length() {
    // Counted in turns of the thread, each of which is of bounded length.
    let mut taken = Vec::new();
    for count in [20_000, 200_000] {
        let conf = WsConf { max_message_bytes: 1 << 20, max_fragments: 1 << 20, ..WsConf::default() };
        let (near, mut far) = duplex(8 << 20);
        let mut socket = WebSocket::from_raw(near, conf).await;
        far.write_all(&masked(0x2, "x")).await.unwrap();
        far.write_all(&masked(0, "x").repeat(count)).await.unwrap();
        far.write_all(&masked(0x80, "x")).await.unwrap();
        let (message, turns) = turns(&mut socket);
        assert_eq!(message.unwrap().unwrap().len(), count + 2);
        taken.push(turns);
    }
    assert!(taken[1] <= 11 * taken[0], "{taken:?} turns");
}

#[tokio::test]
async fn text_is_refused_at_the_first_byte_that_cannot_be_utf8() {
    const HEAD: usize = 8;
    let payload = [&[b'a'; 600][..], &[0xff], &[b'a'; 59_000]].concat();
    let frame = masked(0x81, &payload);
    let (mut socket, mut peer) = pair(WsConf::default(), 1 << 20).await;
    peer.write(&frame[..HEAD + 600]).await;
    assert!(socket.recv().now_or_never().is_none(), "so far it is text");
    peer.write(&frame[HEAD + 600..=HEAD + 600]).await;
    let error = socket.recv().now_or_never().expect("a verdict").unwrap_err();
    assert_eq!(told(&error), (1007, "text is not valid UTF-8".to_owned()));
}
