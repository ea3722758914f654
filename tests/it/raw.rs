//! HTTP by the byte, where the wording matters.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;

use crate::deadline::within;

/// What a server answered to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status line and the headers.
    head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn status(&self) -> &str {
        self.head.lines().next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).expect("a status line")
    }

    /// The value of a header, empty where it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.filter(|field| field.0.eq_ignore_ascii_case(name)).map(|field| field.1).next().unwrap_or("")
    }
}

/// Asks for a path and hangs up.
pub(crate) async fn get(addr: SocketAddr, path: &str) -> Answer {
    get_with(addr, path, "").await
}

/// Asks for a path with these header lines, each ended by `\r\n`, and hangs up.
pub(crate) async fn get_with(addr: SocketAddr, path: &str, headers: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n{headers}\r\n");
    whole(say(addr, &request).await).await
}

/// Posts JSON and hangs up.
pub(crate) async fn post(addr: SocketAddr, path: &str, json: &str) -> Answer {
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{json}",
        json.len()
    );
    whole(say(addr, &request).await).await
}

/// What comes on a route of events, line by line.
pub(crate) struct Events(Lines<BufReader<TcpStream>>);

impl Events {
    /// Listens, and says which event it had last.
    pub(crate) async fn of(addr: SocketAddr, path: &str, last: Option<&str>) -> Self {
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\nAccept: text/event-stream\r\n{last}\r\n");
        Self(BufReader::new(say(addr, &request).await).lines())
    }

    /// What the next line says that begins with this field's name.
    pub(crate) async fn next(&mut self, field: &str) -> String {
        loop {
            let line = within("a line of an event", self.0.next_line()).await.expect("it is text");
            let line = line.expect("the stream goes on");
            if let Some((_, value)) = line.split_once(": ").filter(|(name, _)| *name == field) {
                return value.to_owned();
            }
        }
    }
}

/// Asks for a WebSocket as the page of an origin, and returns the answer, or the connection that was taken over.
pub(crate) async fn handshake(
    addr: SocketAddr,
    path: &str,
    origin: Option<&str>,
) -> Result<TcpStream, Answer> {
    let origin = origin.map(|origin| format!("Origin: {origin}\r\n")).unwrap_or_default();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {addr}\r\n{origin}Connection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let mut stream = say(addr, &request).await;
    // Byte by byte, so that none of what comes after the head is taken with it.
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within("the answer", stream.read_u8()).await.expect("the head has an end"));
    }
    let mut answer = split(std::str::from_utf8(&head).expect("the head is text"));
    if answer.status().starts_with("101 ") {
        return Ok(stream);
    }
    let mut body = vec![0; answer.header("content-length").parse().expect("a refusal says its length")];
    within("the body", stream.read_exact(&mut body)).await.expect("the body is there");
    answer.body = String::from_utf8(body).expect("the body is text");
    Err(answer)
}

async fn whole(mut stream: TcpStream) -> Answer {
    let mut answer = String::new();
    within("the answer", stream.read_to_string(&mut answer)).await.expect("the answer is text");
    split(&answer)
}

async fn say(addr: SocketAddr, request: &str) -> TcpStream {
    let mut stream = within("the connection", TcpStream::connect(addr)).await.expect("somebody listens");
    stream.write_all(request.as_bytes()).await.expect("the connection is open");
    stream
}

fn split(answer: &str) -> Answer {
    let (head, body) = answer.split_once("\r\n\r\n").expect("the head has an end");
    Answer { head: head.to_owned(), body: body.to_owned() }
}
