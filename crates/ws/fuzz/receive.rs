//! What a socket makes of bytes, and what must hold of that whatever they are.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use ws::test::offered;
use ws::{Compression, Message, WsConf};

const LIMIT: usize = 10_000;

/// Receives all that is in `input`: a byte of options, one for the size of the pieces it comes in, then what a client says.
///
/// # Panics
///
/// If the pieces make a difference, a message is over the limit, an offence is not told by the code that it deserves, or what
/// the socket answers is no sequence of pongs and closes.
pub(crate) fn check(input: &[u8]) {
    let [options, size, wire @ ..] = input else { return };
    let whole = receive(*options, wire, wire.len().max(1));
    let pieces = receive(*options, wire, usize::from(*size).max(1));
    assert!(whole == pieces, "{whole:?}, and in pieces of {size}: {pieces:?}");
    assert!(whole.messages.iter().all(|message| message.len() <= LIMIT));
    if let End::Offence(code, reason) = &whole.end {
        assert!([1002, 1007, 1008, 1009].contains(code) && !reason.is_empty(), "{code} {reason:?}");
    }
}

/// What a socket has received, and how it has ended.
#[derive(Debug, PartialEq)]
struct Received {
    messages: Vec<Message>,
    end: End,
}

#[derive(Debug, PartialEq)]
enum End {
    /// The client has closed with that.
    Closed(Option<(u16, String)>),
    /// The client has done what it must not, and is told so.
    Offence(u16, String),
    /// The stream ended without a close.
    Lost,
}

fn receive(options: u8, wire: &[u8], size: usize) -> Received {
    let conf = WsConf {
        max_message_bytes: LIMIT,
        max_fragments: 100,
        max_overhead_frames: 16,
        compression: Compression {
            enabled: options & 1 != 0,
            client_context_takeover: options & 2 != 0,
            max_ratio: if options & 4 != 0 { 20 } else { 0 },
            ..Compression::default()
        },
        ..WsConf::default()
    };
    let answers = Arc::<Mutex<Vec<u8>>>::default();
    let io = Pieces { left: wire.to_vec(), size, answers: answers.clone() };
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().expect("a runtime");
    let received = runtime.block_on(async {
        let mut socket = offered(io, conf, "permessage-deflate").await;
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
                    let frame = error.close_frame().expect("the client can be told");
                    break End::Offence(frame.code().0, frame.reason().to_owned());
                }
            }
        };
        Received { messages, end }
    });
    judge_answers(&answers.lock().expect("no panic"));
    received
}

/// They are whole pongs, then at most one close.
fn judge_answers(mut answers: &[u8]) {
    while let [first, len, rest @ ..] = answers {
        assert!(*len <= 125 && rest.len() >= usize::from(*len), "{answers:x?}");
        let is_last = rest.len() == usize::from(*len);
        assert!(*first == 0x8a || (*first == 0x88 && is_last), "{answers:x?}");
        answers = &rest[usize::from(*len)..];
    }
    assert!(answers.is_empty(), "{answers:x?}");
}

/// A connection whose client says so much, in pieces of that size, and is gone then.
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
