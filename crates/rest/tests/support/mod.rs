//! What the tests share: an engine that runs, requests in memory, a raw client, and a log to read.

pub(crate) mod client;
pub(crate) mod log;

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::BodyExt;
use rest::conf::Mode;
use rest::conf::ShutdownConf;
use rest::test::Server;
use rest::{Body, Engine, Request, Response, RestConf};
use tower::{Service, ServiceExt};

/// Long enough for any machine; only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// So long that only a bug waits for it.
pub(crate) const FOREVER: Duration = Duration::from_secs(3600);

/// Waits for what must come.
pub(crate) async fn within<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// A config whose times leave it to the test when something ends.
pub(crate) fn conf() -> RestConf {
    RestConf {
        timeout: Duration::ZERO,
        header_timeout: FOREVER,
        body_timeout: FOREVER,
        write_timeout: FOREVER,
        idle_timeout: FOREVER,
        shutdown: ShutdownConf { wrap_up_time: Duration::ZERO, wait_time: FOREVER },
        mode: Mode::Test,
        ..RestConf::default()
    }
}

/// A request with an empty body, from a line such as `GET /hello`.
pub(crate) fn request(line: &str) -> Request {
    let (method, path) = line.split_once(' ').expect("a method and a path");
    Request::builder().method(method).uri(path).body(Body::empty()).expect("a valid request")
}

/// The answer to a line such as `GET /hello`, as in `200 Hello!`.
pub(crate) async fn ask<T>(service: &T, line: &str) -> String
where
    T: Service<Request, Response = Response, Error: std::fmt::Debug> + Clone,
{
    text(call(service, request(line)).await).await
}

/// The answer to a request.
pub(crate) async fn call<T>(service: &T, request: Request) -> Response
where
    T: Service<Request, Response = Response, Error: std::fmt::Debug> + Clone,
{
    service.clone().oneshot(request).await.expect("the service never fails")
}

/// A response as text: its status, and its body if there is one.
pub(crate) async fn text(response: Response) -> String {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.expect("the whole body").to_bytes();
    format!("{status} {}", String::from_utf8_lossy(&body)).trim_end().to_owned()
}

/// An engine that serves on a port of its own.
pub(crate) struct Running {
    pub(crate) addr: SocketAddr,
    server: Server,
}

impl Running {
    pub(crate) async fn start<S: Clone + Send + Sync + 'static>(engine: Engine<S>) -> Self {
        let server = Server::start(engine).await;
        Self { addr: server.addr(), server }
    }

    /// Asks the engine to stop; what it returns ends when the engine has.
    pub(crate) fn stop(self) -> impl Future<Output = ()> {
        within("the engine has stopped", self.server.stop())
    }
}
