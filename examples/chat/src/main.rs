//! A chat: a page at `/`, and rooms with names, presence and history at `/ws`, over the hub's client protocol.
//!
//! Run it with `cargo run -p chat`, then open <http://localhost:3333> in two tabs. A WebSocket client without the protocol,
//! for instance `websocat ws://localhost:3333/ws`, is in the lobby: what it sends as text is a message, and what others say
//! is a line.

mod conf;
mod room;
mod name;
mod frame;
mod plain;
mod page;
mod stats;
mod dev;
mod nodes;

use std::error::Error;
use std::io;
use std::path::PathBuf;

use clap::Parser;
use hub::Hub;
use hub::protocol::{SUBPROTOCOL, Server};
use rest::Engine;
use rest::conf::{Format, Mode};
use rest::extract::State;
use ws::WebSocket;

use crate::conf::ChatConf;
use crate::nodes::Nodes;
use crate::room::{Chat, Line, Rooms};

#[derive(Parser)]
struct Args {
    /// The config file; without it the built-in `etc/chat.yaml` is used
    #[arg(long)]
    config: Option<PathBuf>,
    /// The port to listen on, whatever the config says
    #[arg(long)]
    port: Option<u16>,
    /// How many servers to start, each on a port of its own, joined as one
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=16))]
    nodes: u16,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    let args = Args::parse();
    let mut conf: ChatConf = match args.config {
        Some(path) => rest::conf::load(path)?,
        None => rest::conf::parse(include_str!("../etc/chat.yaml"), Format::Yaml)?,
    };
    conf.rest.port = args.port.unwrap_or(conf.rest.port);

    let nodes = Nodes::of(args.nodes);
    let mut servers = Vec::new();
    for (hub, conf) in nodes.hubs(conf) {
        servers.push((engine(conf, hub.clone(), nodes.clone()).bind().await?, hub));
    }
    nodes.run(servers).await
}

/// What the handlers share.
#[derive(Clone)]
struct App {
    chat: Chat,
    nodes: Nodes,
    is_dev: bool,
}

fn engine(conf: ChatConf, hub: Hub<Line>, nodes: Nodes) -> Engine<App> {
    let rooms = Rooms::new(hub.clone(), conf.chat, nodes.secret());
    let chat = Server::with_conf(hub, rooms, conf.protocol);
    let is_dev = conf.rest.mode == Mode::Dev;
    let upgrader = nodes.upgrader(conf.ws).subprotocols([SUBPROTOCOL]);
    let mut engine = Engine::with_state(conf.rest, App { chat, nodes, is_dev });
    engine
        .add_routes(page::routes())
        .add_routes(stats::routes())
        .add_route(upgrader.clone().route("/ws", talk));
    if is_dev {
        engine.add_routes(dev::routes(upgrader));
    }
    engine
}

/// Lets a member talk and listen, until it leaves or is too slow.
async fn talk(socket: WebSocket, State(app): State<App>) -> Result<(), ws::Error> {
    match socket.subprotocol() {
        Some(_) => ws::speak(socket, app.chat.opening(None)).await,
        None => plain::speak(socket, &app.chat).await,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{SinkExt, StreamExt};
    use hub::HubConf;
    use tokio::net::TcpListener;
    use tokio_tungstenite::connect_async;

    use super::*;

    #[tokio::test]
    async fn everybody_hears_what_one_says() {
        let listener = TcpListener::bind("localhost:0").await.unwrap();
        let url = format!("ws://{}/ws", listener.local_addr().unwrap());
        let engine = engine(ChatConf::default(), Hub::spawn(HubConf::default()), Nodes::of(1));
        tokio::spawn(engine.serve(listener, std::future::pending()));

        let (mut ann, _) = connect_async(&url).await.unwrap();
        ann.send("  Hello,\nnobody! ".into()).await.unwrap();
        assert_eq!(ann.next().await.unwrap().unwrap(), "Hello, nobody!".into());
        let (mut bob, _) = connect_async(&url).await.unwrap();
        bob.send("Hello, Ann!".into()).await.unwrap();
        assert_eq!(ann.next().await.unwrap().unwrap(), "Hello, Ann!".into());
        assert_eq!(bob.next().await.unwrap().unwrap(), "Hello, Ann!".into());
    }
}
