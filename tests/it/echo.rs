//! A server of ours in the test's own process: it says everything back, and tells the test what it has agreed on.

use rest::conf::Mode;
use rest::header::SEC_WEBSOCKET_EXTENSIONS;
use rest::middleware::{Next, from_fn};
use rest::{Engine, Html, Request, RestConf, Route, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use ws::{Compression, Error, Upgrader, WebSocket, WsConf};

/// Ends with the test's runtime.
pub(crate) struct EchoServer {
    /// Without a scheme.
    pub(crate) authority: String,
    agreed: mpsc::UnboundedReceiver<String>,
}

impl EchoServer {
    /// Serves `/echo`, and an empty page at `/` for those who need one of the same origin.
    pub(crate) async fn start(compression: Compression) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let authority = listener.local_addr().expect("it is bound").to_string();
        let (told, agreed) = mpsc::unbounded_channel();
        let mut engine = Engine::new(RestConf { mode: Mode::Test, ..RestConf::default() });
        let conf = WsConf { max_message_bytes: 1 << 20, compression, ..WsConf::default() };
        engine.add_route(Route::get("/", page)).add_route(Upgrader::new(conf).route("/echo", echo));
        engine.layer(from_fn(move |request: Request, next: Next| async move {
            let response = next.run(request).await;
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                let extensions = response.headers().get(SEC_WEBSOCKET_EXTENSIONS);
                let extensions = extensions.map_or("", |value| value.to_str().expect("it is text"));
                told.send(extensions.to_owned()).expect("the test listens");
            }
            response
        }));
        tokio::spawn(engine.serve(listener, std::future::pending()));
        Self { authority, agreed }
    }

    /// The extensions that were agreed on with the next client, as the response has them.
    pub(crate) async fn agreed(&mut self) -> String {
        self.agreed.recv().await.expect("the server runs")
    }

    /// Whether no handshake was accepted, beside those that were asked about.
    pub(crate) fn has_agreed_on_nothing(&mut self) -> bool {
        self.agreed.try_recv().is_err()
    }
}

async fn page() -> Html<&'static str> {
    Html("<!doctype html><title>echo</title>")
}

async fn echo(mut socket: WebSocket) -> Result<(), Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}
