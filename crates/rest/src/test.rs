//! For tests: an engine that serves, and clients that ask it.
//!
//! A [`Client::of`] an engine asks it in memory, without a socket: quick, and with tokio's clock paused, too. A [`Server`]
//! listens on a port of its own, for what only a connection shows. Both panic where a test would have to: there is no
//! server, no answer, not what was asked for.
//!
//! ```
//! use rest::extract::{Json, Path};
//! use rest::test::{Client, Server};
//! use rest::{Engine, RestConf, Route};
//!
//! fn engine() -> Engine {
//!     let mut engine = Engine::new(RestConf::default());
//!     engine.add_route(Route::get("/hello/:name", async |Path(name): Path<String>| format!("Hello, {name}!")));
//!     engine.add_route(Route::post("/twice", async |Json(number): Json<u32>| Json(2 * number)));
//!     engine
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let mut client = Client::of(engine());
//! assert_eq!(client.get("/hello/Ann").await.text(), "Hello, Ann!");
//! assert_eq!(client.post_json("/twice", &21).await.json::<u32>(), 42);
//!
//! let server = Server::start(engine()).await;
//! let answer = server.connect_http2().await.get("/hello/Ben").await;
//! assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, "Hello, Ben!"));
//! server.stop().await; // all requests are finished, all tasks of the engine are gone
//! # }
//! ```

use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;
use http::uri::{Authority, Scheme, Uri};
use http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower::ServiceExt;

use crate::{Body, Engine, EngineService, Request, ServeError, StatusCode};

/// An engine that serves on a port of this machine that the system chose.
///
/// Whoever drops it lets the engine stop by itself; [`stop`](Self::stop) also waits for that.
pub struct Server {
    addr: SocketAddr,
    shutdown: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), ServeError>>,
}

impl Server {
    /// Starts an engine. Its configured host and port do not count, nor does the port of its development server; all else does.
    ///
    /// # Panics
    ///
    /// There is no free port.
    pub async fn start<S: Clone + Send + Sync + 'static>(mut engine: Engine<S>) -> Self {
        engine.conf.dev_server.port = 0;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("it listens");
        let (shutdown, asked) = oneshot::channel();
        // It ends with the server: when `shutdown` is sent, and when that is dropped.
        let serving = tokio::spawn(engine.serve(listener, async { asked.await.unwrap_or(()) }));
        Self { addr, shutdown, serving }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Opens a connection that speaks HTTP/1.1.
    ///
    /// # Panics
    ///
    /// The server does not accept one, as an engine with mistakes in its routes.
    pub async fn connect(&self) -> Client {
        let handshake = http1::handshake(TokioIo::new(self.stream().await)).await;
        let (sender, connection) = handshake.expect("HTTP/1.1 begins without a word");
        tokio::spawn(connection.with_upgrades()); // ends with the client, or with the server
        Client { way: Way::Http1(sender), addr: Some(self.addr) }
    }

    /// Opens a connection that speaks HTTP/2 at once.
    ///
    /// # Panics
    ///
    /// As [`connect`](Self::connect), or the server does not speak it.
    pub async fn connect_http2(&self) -> Client {
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(self.stream().await)).await;
        let (sender, connection) = handshake.expect("the server speaks HTTP/2");
        tokio::spawn(connection); // ends with the client, or with the server
        Client { way: Way::Http2(sender), addr: Some(self.addr) }
    }

    /// Sends bytes as they are on a connection of their own, and returns all that comes until the server closes it.
    ///
    /// So this waits for ever if the server has no reason to close; `Connection: close` is one.
    ///
    /// # Panics
    ///
    /// As [`connect`](Self::connect).
    pub async fn say(&self, bytes: impl AsRef<[u8]>) -> Vec<u8> {
        let mut stream = self.stream().await;
        // A server that has heard enough may close, and reset, while it is still being told.
        let _ = stream.write_all(bytes.as_ref()).await;
        let (mut heard, mut chunk) = (Vec::new(), [0; 4096]);
        while let Ok(n @ 1..) = stream.read(&mut chunk).await {
            heard.extend_from_slice(&chunk[..n]);
        }
        heard
    }

    /// Asks the engine to stop, at once; the future is ready when it has, with all its tasks.
    ///
    /// # Panics
    ///
    /// The engine could not be started, as one with mistakes in its routes, or had ended before.
    pub fn stop(self) -> impl Future<Output = ()> {
        let asked = self.shutdown.send(());
        async move {
            self.serving.await.expect("the engine does not panic").expect("the engine can be started");
            asked.expect("the engine has not ended before");
        }
    }

    async fn stream(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).await.expect("the server accepts");
        stream.set_nodelay(true).expect("it is a TCP socket");
        stream
    }
}

/// Asks an engine: in memory, or on one connection to a [`Server`].
pub struct Client {
    way: Way,
    /// Whom a request is for that does not say so.
    addr: Option<SocketAddr>,
}

enum Way {
    Memory(Box<EngineService>),
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

impl Client {
    /// Asks an engine in memory: its middlewares and handlers, no sockets, no signals and nothing in the background.
    ///
    /// # Panics
    ///
    /// There are mistakes in the engine's routes.
    pub fn of<S: Clone + Send + Sync + 'static>(engine: Engine<S>) -> Self {
        let service = engine.into_service().expect("the engine can be built");
        Self { way: Way::Memory(Box::new(service)), addr: None }
    }

    /// Sends GET.
    ///
    /// # Panics
    ///
    /// As [`send`](Self::send), or the path is none.
    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).expect("a path")).await
    }

    /// Sends POST with a body of JSON.
    ///
    /// # Panics
    ///
    /// As [`send`](Self::send), or the path is none, or `body` cannot be JSON.
    pub async fn post_json(&mut self, path: &str, body: &impl Serialize) -> Answer {
        let body = serde_json::to_vec(body).expect("the body can be JSON");
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(body.into()).expect("a path")).await
    }

    /// Sends a request, and waits for the whole answer. On a connection `Host` is the server's unless the request has one.
    ///
    /// # Panics
    ///
    /// The connection has ended, or ends within the answer.
    pub async fn send(&mut self, mut request: Request) -> Answer {
        if let Some(addr) = self.addr {
            address(&mut request, addr, matches!(self.way, Way::Http2(_)));
        }
        let (head, body) = match &mut self.way {
            Way::Memory(service) => {
                let Ok(response) = service.clone().oneshot(request).await;
                let (head, body) = response.into_parts();
                (head, body.collect().await.expect("the whole body").to_bytes())
            }
            Way::Http1(sender) => {
                sender.ready().await.expect("the connection is open");
                whole(sender.send_request(request).await).await
            }
            Way::Http2(sender) => {
                sender.ready().await.expect("the connection is open");
                whole(sender.send_request(request).await).await
            }
        };
        Answer { status: head.status, headers: head.headers, body }
    }
}

async fn whole(
    answer: hyper::Result<http::Response<hyper::body::Incoming>>,
) -> (http::response::Parts, Bytes) {
    let (head, body) = answer.expect("an answer").into_parts();
    (head, body.collect().await.expect("the whole body").to_bytes())
}

/// Says whom a request is for, where it does not itself: in its `Host`, or for HTTP/2 in its target.
fn address(request: &mut Request, addr: SocketAddr, is_http2: bool) {
    let authority = Authority::try_from(addr.to_string()).expect("an address is one");
    if is_http2 && request.uri().authority().is_none() {
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(authority);
        *request.uri_mut() = Uri::from_parts(parts).expect("scheme, authority and path are a target");
    } else if !is_http2 && !request.headers().contains_key(header::HOST) {
        let host = HeaderValue::try_from(authority.as_str()).expect("an authority is a header");
        request.headers_mut().insert(header::HOST, host);
    }
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// The value of a header; `""` where there is none.
    ///
    /// # Panics
    ///
    /// It is not a text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a text"))
    }

    /// The body as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// It is none, or none of this kind; the panic shows the body.
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("addr", &self.addr).finish_non_exhaustive()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("addr", &self.addr).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conf::DevServerConf;
    use crate::{RestConf, Route};

    #[tokio::test]
    async fn servers_with_the_same_config_stand_side_by_side() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = taken.local_addr().unwrap().port();
        let dev_server = DevServerConf { enabled: true, port, ..DevServerConf::default() };
        let start = || {
            let mut engine =
                Engine::new(RestConf { port, dev_server: dev_server.clone(), ..RestConf::default() });
            engine.add_route(Route::get("/hello", async || "Hello!"));
            Server::start(engine)
        };
        for server in [start().await, start().await] {
            assert_eq!(server.connect().await.get("/hello").await.text(), "Hello!");
        }
    }
}
