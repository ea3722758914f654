//! HTTP/1.1 or HTTP/2 on one connection, whichever its client begins with.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum_core::BoxError;
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};

use super::connection::Requests;
use super::socket::Socket;
use crate::RestConf;
use crate::shutdown::Lifecycle;

/// A connection until it ends, or is upgraded.
///
/// What it is on hyper is on the heap, so that it costs nothing once it was upgraded, and is moved about by nobody.
pub(super) enum Http {
    /// Nothing tells yet what its client speaks.
    Undecided(Box<Undecided>),
    One(Pin<Box<http1::UpgradeableConnection<TokioIo<Socket>, Requests>>>),
    Two(Pin<Box<http2::Connection<TokioIo<Socket>, Requests, Lifecycle>>>),
    Ended,
}

pub(super) struct Undecided {
    socket: Socket,
    requests: Requests,
    max_header_bytes: usize,
}

impl Http {
    pub(super) fn new(socket: Socket, requests: Requests, conf: &RestConf) -> Self {
        let max_header_bytes = conf.max_header_bytes;
        Self::Undecided(Box::new(Undecided { socket, requests, max_header_bytes }))
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        loop {
            *self = match self {
                Self::One(connection) => return connection.as_mut().poll(cx).map_err(Into::into),
                Self::Two(connection) => return connection.as_mut().poll(cx).map_err(Into::into),
                Self::Ended => return Poll::Ready(Ok(())),
                Self::Undecided(it) => {
                    let is_http2 = ready!(it.socket.poll_begins_with(PREFACE, cx))?;
                    match std::mem::replace(self, Self::Ended) {
                        Self::Undecided(it) => it.decide(is_http2),
                        decided => decided,
                    }
                }
            };
        }
    }

    /// Lets it end when the requests in flight have their answers.
    pub(super) fn graceful_shutdown(&mut self) {
        match self {
            Self::One(connection) => connection.as_mut().graceful_shutdown(),
            Self::Two(connection) => connection.as_mut().graceful_shutdown(),
            Self::Undecided(_) | Self::Ended => *self = Self::Ended,
        }
    }
}

impl Undecided {
    fn decide(self, is_http2: bool) -> Http {
        let Self { socket, requests, max_header_bytes } = self;
        if is_http2 {
            let mut http = http2::Builder::new(requests.lifecycle().clone());
            http.timer(TokioTimer::new())
                .max_header_list_size(u32::try_from(max_header_bytes).unwrap_or(u32::MAX))
                .max_concurrent_streams(MAX_STREAMS)
                .initial_stream_window_size(STREAM_WINDOW)
                .initial_connection_window_size(MAX_STREAMS * STREAM_WINDOW)
                .enable_connect_protocol();
            return Http::Two(Box::pin(http.serve_connection(TokioIo::new(socket), requests)));
        }
        let mut http = http1::Builder::new();
        http.header_read_timeout(None) // `Activity` has it
            .max_buf_size(max_header_bytes.max(LEAST_BUFFER));
        Http::One(Box::pin(http.serve_connection(TokioIo::new(socket), requests).with_upgrades()))
    }
}

/// What a client of HTTP/2 begins with, RFC 9113, section 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How many requests and sockets one HTTP/2 connection has at a time; the client waits with what would be more.
const MAX_STREAMS: u32 = 128;

/// How much a client may send on a stream that nobody reads. A connection takes that for each of its streams, so that one whose
/// reader waits, such as a talker's whom the hub holds back, keeps no other stream waiting.
const STREAM_WINDOW: u32 = 128 << 10;

/// What hyper must have; a config that was not loaded may say less.
const LEAST_BUFFER: usize = 8 << 10;

impl<F> Executor<F> for Lifecycle
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.spawn(task);
    }
}
