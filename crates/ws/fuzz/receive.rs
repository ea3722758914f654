//! What a socket makes of bytes, and what must hold of that whatever they are.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use ws::test::offered;
use ws::{Compression, Message, WebSocket, WsConf};

use super::reference::{self, Item, Rules};

const LIMIT: usize = 10_000;
const MAX_FRAGMENTS: usize = 100;
const MAX_OVERHEAD_FRAMES: usize = 16;

/// Bits of the options.
const COMPRESSES: u8 = 1;
const TAKES_OVER: u8 = 2;
const HAS_RATIO: u8 = 4;
const IS_CLIENT: u8 = 8;

/// Receives all that is in `input`: a byte of options, one for the size of the pieces it comes in, then what a peer says.
///
/// # Panics
///
/// If the pieces make a difference, a message is over the limit, an offence is not told by the code that it deserves, or what
/// the socket answers is no sequence of pongs and closes. Where nothing is compressed: if the slow parser in `reference.rs`
/// has other messages, or another end.
pub(crate) fn check(input: &[u8]) {
    let [options, size, wire @ ..] = input else { return };
    let whole = receive(*options, wire, wire.len().max(1));
    let pieces = receive(*options, wire, usize::from(*size).max(1));
    assert!(whole == pieces, "{whole:?}, and in pieces of {size}: {pieces:?}");
    assert!(whole.messages.iter().all(|message| message.len() <= LIMIT));
    if let End::Offence(code, reason) = &whole.end {
        assert!([1002, 1007, 1008, 1009].contains(code) && !reason.is_empty(), "{code} {reason:?}");
    }
    if options & COMPRESSES == 0 || options & IS_CLIENT != 0 {
        let expected = expect(*options, wire);
        assert!(whole == expected, "{whole:?}, and not {expected:?}");
    }
}

/// What a socket has received, and how it has ended.
#[derive(Debug, PartialEq)]
struct Received {
    messages: Vec<Message>,
    end: End,
}

#[derive(Debug)]
enum End {
    /// The peer has closed with that.
    Closed(Option<(u16, String)>),
    /// The peer has done what it must not, and is told so.
    Offence(u16, String),
    /// The stream ended without a close.
    Lost,
}

/// An offence in a close is tungstenite's to tell, in words of its own. Of a compressed message that is no text, and soon no
/// compressed data either, one of both is told, whichever comes to light first. The code is the same.
impl PartialEq for End {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Closed(one), Self::Closed(other)) => one == other,
            (Self::Offence(code, reason), Self::Offence(other, another)) => {
                code == other && (reason == another || another == IN_A_CLOSE || *code == 1007)
            }
            (Self::Lost, Self::Lost) => true,
            _ => false,
        }
    }
}

const IN_A_CLOSE: &str = "something in a close";

/// What the slow parser makes of it.
fn expect(options: u8, wire: &[u8]) -> Received {
    let rules = Rules {
        masks: options & IS_CLIENT == 0,
        max_message_bytes: LIMIT,
        max_fragments: MAX_FRAGMENTS,
        max_overhead_frames: MAX_OVERHEAD_FRAMES,
    };
    let outcome = reference::receive(wire, &rules);
    let mut messages = Vec::new();
    let mut end = outcome.offence.map_or(End::Lost, |(code, reason)| End::Offence(code, reason));
    for Item(opcode, payload) in outcome.items {
        match opcode {
            1 => messages.push(Message::text(String::from_utf8(payload).expect("it was judged"))),
            2 => messages.push(Message::binary(payload)),
            8 => end = judge_close(&payload),
            _ => {}
        }
    }
    Received { messages, end }
}

fn judge_close(payload: &[u8]) -> End {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() {
            End::Closed(None)
        } else {
            End::Offence(1002, IN_A_CLOSE.to_owned())
        };
    };
    match (u16::from_be_bytes(*code), String::from_utf8(reason.to_vec())) {
        (_, Err(_)) => End::Offence(1007, IN_A_CLOSE.to_owned()),
        (code @ (1000..=1003 | 1007..=1013 | 3000..=4999), Ok(reason)) => End::Closed(Some((code, reason))),
        (_, Ok(_)) => End::Closed(Some((1002, "Protocol violation".to_owned()))),
    }
}

fn receive(options: u8, wire: &[u8], size: usize) -> Received {
    let conf = WsConf {
        max_message_bytes: LIMIT,
        max_fragments: MAX_FRAGMENTS,
        max_overhead_frames: MAX_OVERHEAD_FRAMES,
        compression: Compression {
            enabled: options & COMPRESSES != 0,
            client_context_takeover: options & TAKES_OVER != 0,
            max_ratio: if options & HAS_RATIO != 0 { 20 } else { 0 },
            ..Compression::default()
        },
        ..WsConf::default()
    };
    let answers = Arc::<Mutex<Vec<u8>>>::default();
    let io = Pieces { left: wire.to_vec(), size, answers: answers.clone() };
    let is_client = options & IS_CLIENT != 0;
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().expect("a runtime");
    let received = runtime.block_on(async {
        let mut socket = if is_client {
            WebSocket::from_raw_client(io, conf).await
        } else {
            offered(io, conf, "permessage-deflate").await
        };
        let mut messages = Vec::new();
        let end = loop {
            match socket.recv().await {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => {
                    let frame = socket.close_frame();
                    break End::Closed(frame.map(|frame| (frame.code().0, frame.reason().to_owned())));
                }
                Err(error) if error.is_closed() => break End::Lost,
                Err(error) => {
                    assert!(error.is_protocol(), "{error:?}");
                    let frame = error.close_frame().expect("the peer can be told");
                    break End::Offence(frame.code().0, frame.reason().to_owned());
                }
            }
        };
        Received { messages, end }
    });
    judge_answers(is_client, &answers.lock().expect("no panic"));
    received
}

/// They are whole pongs, then at most one close, and a client's are masked.
fn judge_answers(is_masked: bool, mut answers: &[u8]) {
    let (bit, key) = if is_masked { (0x80, 4) } else { (0, 0) };
    while let [first, len, rest @ ..] = answers {
        let (len, rest_len) = (usize::from(len ^ bit), rest.len());
        assert!(len <= 125 && rest_len >= key + len, "{answers:x?}");
        let is_last = rest_len == key + len;
        assert!(*first == 0x8a || (*first == 0x88 && is_last), "{answers:x?}");
        answers = &rest[key + len..];
    }
    assert!(answers.is_empty(), "{answers:x?}");
}

/// A connection whose peer says so much, in pieces of that size, and is gone then.
struct Pieces {
    left: Vec<u8>,
    size: usize,
    answers: Arc<Mutex<Vec<u8>>>,
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let n = self.size.min(self.left.len()).min(buf.remaining());
        buf.put_slice(&self.left[..n]);
        self.left.drain(..n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pieces {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.answers.lock().expect("no panic").extend(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
