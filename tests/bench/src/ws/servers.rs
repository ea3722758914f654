use std::error::Error;
use std::io;
use std::net::Ipv4Addr;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use bytes::Bytes;
use fastwebsockets::{FragmentCollector, OpCode, WebSocketError};
use futures_util::{SinkExt, StreamExt};
use http_body_util::Empty;
use hub::{Hub, HubConf};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rest::conf::LogConf;
use rest::extract::State;
use rest::{Engine, RestConf};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::broadcast;
use tracing_subscriber::layer::SubscriberExt;
use ws::{Compression, Prepared, Upgrader, WsConf};

use super::fan;

/// Serves until it is killed.
#[tokio::main]
pub(crate) async fn serve(which: &str) -> Result<(), Box<dyn Error>> {
    let socket = TcpSocket::new_v4()?;
    if which == "ws, small send buffers" {
        // Of the connections too. Otherwise the system takes megabytes for one who does not read before the server notices.
        socket.set_send_buffer_size(64 << 10)?;
    }
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let listener = socket.listen(1024)?;
    println!("{}", listener.local_addr()?);
    match which {
        "ws" => zeroxide(listener, WsConf::default()).await,
        "ws, uncompressed" | "ws, small send buffers" => {
            let compression = Compression { enabled: false, ..Compression::default() };
            zeroxide(listener, WsConf { compression, ..WsConf::default() }).await
        }
        "axum" => axum_routes(listener).await,
        "fastwebsockets" => fastwebsockets_echo(listener).await,
        "tokio-tungstenite" => fan::tokio_tungstenite_hub(listener).await,
        "bare writes" => fan::bare_writes(listener).await,
        "bare writes, coalesced" => fan::coalesced_writes(listener).await,
        other => Err(format!("there is no server {other}").into()),
    }
}

/// How long a message may be, and how long a long one is.
pub(super) const LONG: usize = 1 << 20;

/// The defaults, all of them, but for what `conf` says and [`LONG`] messages; the log's lines are made, and written to nowhere.
async fn zeroxide(listener: TcpListener, conf: WsConf) -> Result<(), Box<dyn Error>> {
    async fn echo(mut socket: ws::WebSocket) -> Result<(), ws::Error> {
        while let Some(message) = socket.recv().await? {
            socket.send(message).await?;
        }
        Ok(())
    }
    async fn fan(socket: ws::WebSocket, State(hub): State<Hub<Prepared>>) -> Result<(), ws::Error> {
        ws::pump(socket, hub.register().await.map_err(ws::Error::peer)?).await
    }
    let log = tracing_subscriber::registry().with(LogConf::default().layer_to(io::sink));
    tracing::subscriber::set_global_default(log)?;
    // Of a machine that is busy with measuring, nothing is to be shed; the counting for it goes on.
    let rest = RestConf { cpu_threshold: 1000, ..RestConf::default() };
    let mut engine = Engine::with_state(rest, Hub::spawn(HubConf::default()));
    let upgrader = Upgrader::new(WsConf { max_message_bytes: LONG, ..conf });
    engine.add_route(upgrader.clone().route("/echo", echo));
    engine.add_route(upgrader.route("/fan", fan));
    Ok(engine.serve(listener, std::future::pending()).await?)
}

/// As its examples have it: the chat's fan-out is a channel of tokio's, and two tasks for each socket.
async fn axum_routes(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    async fn echo(mut socket: WebSocket) {
        while let Some(Ok(message)) = socket.recv().await {
            if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err()
            {
                return;
            }
        }
    }
    async fn fan(socket: WebSocket, hub: broadcast::Sender<Message>) {
        let mut heard = hub.subscribe();
        let (mut sink, mut stream) = socket.split();
        let hearing = tokio::spawn(async move {
            while let Ok(message) = heard.recv().await {
                if sink.send(message).await.is_err() {
                    return;
                }
            }
        });
        while let Some(Ok(message)) = stream.next().await {
            if matches!(message, Message::Text(_)) {
                let _ = hub.send(message);
            }
        }
        hearing.abort();
    }
    let (hub, _) = broadcast::channel(1024);
    let router = axum::Router::new()
        .route("/echo", axum::routing::get(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(echo)))
        .route(
            "/fan",
            axum::routing::get(move |upgrade: WebSocketUpgrade| {
                let hub = hub.clone();
                async move { upgrade.on_upgrade(move |socket| fan(socket, hub)) }
            }),
        );
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, router).await?)
}

/// As its example has it.
async fn fastwebsockets_echo(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    async fn echo(upgrade: fastwebsockets::upgrade::UpgradeFut) -> Result<(), WebSocketError> {
        let mut socket = FragmentCollector::new(upgrade.await?);
        loop {
            let frame = socket.read_frame().await?;
            match frame.opcode {
                OpCode::Close => return Ok(()),
                OpCode::Text | OpCode::Binary => socket.write_frame(frame).await?,
                _ => {}
            }
        }
    }
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = service_fn(async |mut request: hyper::Request<hyper::body::Incoming>| {
            let (response, upgrade) = fastwebsockets::upgrade::upgrade(&mut request)?;
            tokio::spawn(echo(upgrade));
            Ok::<hyper::Response<Empty<Bytes>>, WebSocketError>(response)
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades());
    }
}
