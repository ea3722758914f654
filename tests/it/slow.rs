//! A member that does not read, over real TCP: it holds nobody up, and finds out why it went.
//!
//! What it finds when it reads at last is, without a gap, the beginning of what was said after it came; then either
//!
//! - the close 1013 with the reason, where it reads within `Ws.CloseTimeout` and `Ws.EvictTimeout` after its eviction, or
//! - the end of the connection, where it does not: a socket that takes nothing cannot be told anything, and its last
//!   frame may be cut in two. Half a message is never taken for a whole one.

use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, Online, told};
use crate::program::Program;

/// Only the hub gives a client up here; silence and stuck writes are waited for.
const CONF: &str = "
Host: localhost
Mode: test
Shutdown: { WrapUpTime: 0s }
Ws: { MaxMessageBytes: 65536, PingInterval: 300s, WriteTimeout: 300s, CloseTimeout: CLOSE_TIMEOUT, EvictTimeout: 300s }
Hub: { MaxMessages: 16 }
Chat: { MaxTextChars: 65536 }
";

#[tokio::test]
async fn a_slow_member_is_evicted_while_a_fast_one_hears_everything() {
    let mut room = Room::open("300s").await;

    room.talk_until_the_slow_one_is_evicted().await;

    // The slow one has neither read nor left, and the count has fallen.
    for _ in 0..10 {
        room.talk().await;
    }
}

#[tokio::test]
async fn who_reads_in_time_finds_the_beginning_and_then_1013_with_the_reason() {
    let mut room = Room::open("300s").await;
    room.talk_until_the_slow_one_is_evicted().await;

    let (heard, end) = room.slow_reads().await;

    let (code, reason) = end.expect("a close");
    assert_eq!(code, 1013);
    let lag = reason.strip_prefix("too slow: fell ").and_then(|rest| rest.strip_suffix(" messages behind"));
    let lag: usize = lag.and_then(|lag| lag.parse().ok()).unwrap_or_else(|| panic!("{reason:?}"));
    assert!(lag > 16, "more than the log holds, not {lag}");
    assert!(heard + lag <= room.said, "{heard} heard, {lag} behind, of {}", room.said);
}

#[tokio::test]
async fn who_reads_too_late_finds_the_beginning_and_then_the_end() {
    let mut room = Room::open("0s").await;
    room.talk_until_the_slow_one_is_evicted().await;
    room.chat.logs("socket closed code=1013").await;

    let (heard, end) = room.slow_reads().await;

    assert_eq!(end, None, "the close did not fit into the socket");
    assert!(heard < room.said, "{heard} heard of {}", room.said);
}

/// Ann talks, Bob listens, and the slow one is there.
struct Room {
    chat: Program,
    ann: Client,
    bob: Client,
    slow: Client,
    online: Option<Online>,
    said: usize,
}

impl Room {
    async fn open(close_timeout: &str) -> Self {
        let chat = Program::chat_with(&CONF.replace("CLOSE_TIMEOUT", close_timeout)).await;
        let online = Online::of(chat.addr());
        let ann = Client::connect(chat.addr(), "/ws").await;
        let bob = Client::connect(chat.addr(), "/ws").await;
        let slow = Client::connect_narrow(chat.addr(), "/ws").await;
        online.becomes(3).await;
        Self { chat, ann, bob, slow, online: Some(online), said: 0 }
    }

    /// One message, and both who read have it before the next: neither can fall behind.
    async fn talk(&mut self) {
        self.said += 1;
        let line = line(self.said);
        self.ann.say(&line).await;
        assert!(self.ann.hears().await == line, "ann hears her message {}", self.said);
        assert!(self.bob.hears().await == line, "bob hears message {}", self.said);
    }

    async fn talk_until_the_slow_one_is_evicted(&mut self) {
        let online = self.online.take().expect("there is one eviction");
        // Ends when the count has fallen, or with the test's runtime.
        let eviction = tokio::spawn(async move { online.becomes(2).await });
        while !eviction.is_finished() {
            assert!(self.said < 2000, "nobody is evicted after 64 MB");
            self.talk().await;
        }
        eviction.await.expect("the count is told");
    }

    /// Reads to the end: how many messages from the first on, and what the close says if there is one.
    async fn slow_reads(&mut self) -> (usize, Option<(u16, String)>) {
        let mut heard = 0;
        loop {
            match self.slow.next().await {
                Some(Ok(Message::Text(text))) => {
                    heard += 1;
                    assert!(text.as_str() == line(heard), "message {heard}: {:.20}", text.as_str());
                }
                Some(Ok(Message::Close(frame))) => return (heard, frame.as_ref().map(told)),
                Some(Ok(other)) => panic!("expected a text or a close, got {other:?}"),
                Some(Err(_)) | None => return (heard, None),
            }
        }
    }
}

/// A message that is its number, and long enough to fill a socket soon.
fn line(number: usize) -> String {
    format!("{number:06} {}", "x".repeat(32 * 1024))
}
