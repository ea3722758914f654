//! The development server over real sockets.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::conf::{DevServerConf, ShutdownConf};
use crate::serve::Server;
use crate::{Engine, RestConf, Route, ServeError};

/// So long that only a bug waits for it.
const FOREVER: Duration = Duration::from_secs(3600);

fn conf(dev_server: DevServerConf) -> RestConf {
    RestConf {
        name: "chat".into(),
        host: "127.0.0.1".into(),
        port: 0,
        dev_server: DevServerConf { enabled: true, port: 0, ..dev_server },
        shutdown: ShutdownConf { wrap_up_time: FOREVER, wait_time: FOREVER },
        ..RestConf::default()
    }
}

async fn server(conf: RestConf) -> Result<Server, ServeError> {
    let mut engine = Engine::new(conf);
    engine.add_route(Route::get("/hello", async || "Hello!"));
    engine.bind().await
}

async fn get(addr: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn it_tells_of_the_engine_and_watches_it_stop() {
    let server = server(conf(DevServerConf::default())).await.unwrap();
    let (addr, dev) = (server.addr(), server.dev_addr().unwrap());
    assert!(dev.ip().is_loopback());
    let (stop, stopped) = oneshot::channel::<()>();
    let (abort, aborted) = oneshot::channel::<()>();
    let running =
        tokio::spawn(server.engine.serve(async { drop(stopped.await) }, async { drop(aborted.await) }));

    get(addr, "/hello").await;
    for (path, expected) in [
        ("/", r#"["/","/healthz","/routes","/build","/metrics"]"#),
        ("/healthz", "\r\n\r\nOK"),
        ("/routes", "Routes:\n  GET /hello\n"),
        ("/build", r#"{"name":"chat","mode":"pro","zeroxide":""#),
        ("/metrics", r#"http_server_requests_code_total{path="/hello",method="GET",code="200"} 1"#),
    ] {
        let answer = get(dev, path).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains(expected), "{path}: {answer}");
    }

    stop.send(()).unwrap();
    let answer = loop {
        let answer = get(dev, "/healthz").await;
        if !answer.starts_with("HTTP/1.1 200 ") {
            break answer;
        }
    };
    assert!(
        answer.starts_with("HTTP/1.1 503 ")
            && answer.contains("Service Unavailable\nrest-127.0.0.1:0 is not"),
        "{answer}"
    );
    assert!(get(addr, "/hello").await.ends_with("Hello!"), "it still serves");

    abort.send(()).unwrap();
    running.await.unwrap();
    assert!(TcpStream::connect(dev).await.is_err(), "it ended with the engine");
}

#[tokio::test]
async fn it_is_not_there_unless_it_is_wanted() {
    let mut conf = conf(DevServerConf::default());
    conf.dev_server.enabled = false;
    assert_eq!(server(conf).await.unwrap().dev_addr(), None);
}

#[tokio::test]
async fn a_path_that_cannot_be_is_an_error() {
    let error =
        server(conf(DevServerConf { health_path: "/routes".into(), ..DevServerConf::default() })).await;
    let error = error.map(drop).unwrap_err().to_string();
    assert!(error.contains("GET /routes conflicts with GET /routes"), "{error}");
}

#[tokio::test]
async fn the_engine_itself_shows_nothing_of_it() {
    let server = server(conf(DevServerConf::default())).await.unwrap();
    let addr = server.addr();
    let running = tokio::spawn(server.engine.serve(std::future::pending(), std::future::pending()));
    for path in ["/healthz", "/metrics", "/routes"] {
        assert!(get(addr, path).await.starts_with("HTTP/1.1 404 "), "{path}");
    }
    running.abort();
}
