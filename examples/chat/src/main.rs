//! A chat room: a page at `/`, a socket at `/ws`, and everybody hears everybody.
//!
//! Run it with `cargo run -p chat`, then open <http://localhost:3333> in two tabs. Any WebSocket client is a full member,
//! for instance `websocat ws://localhost:3333/ws`: what it sends as text is a line.

mod page;

use std::error::Error;
use std::io;
use std::path::PathBuf;

use clap::Parser;
use hub::{Hub, HubConf};
use rest::conf::{self, Format};
use rest::extract::State;
use rest::{Engine, RestConf};
use serde::{Deserialize, Serialize};
use ws::{CloseCode, CloseFrame, Message, Prepared, Upgrader, WebSocket, WsConf};

#[derive(Parser)]
struct Args {
    /// The config file; without it the built-in `etc/chat.yaml` is used
    #[arg(long)]
    config: Option<PathBuf>,
    /// The port to listen on, whatever the config says
    #[arg(long)]
    port: Option<u16>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
struct ChatConf {
    #[serde(flatten)]
    rest: RestConf,
    ws: WsConf,
    hub: HubConf,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    let args = Args::parse();
    let mut conf: ChatConf = match args.config {
        Some(path) => conf::load(path)?,
        None => conf::parse(include_str!("../etc/chat.yaml"), Format::Yaml)?,
    };
    conf.rest.port = args.port.unwrap_or(conf.rest.port);

    let hub = Hub::spawn(conf.hub.clone());
    let server = engine(conf, hub.clone()).bind().await?;
    println!("chat on {}", server.url());
    server.start().await?;
    hub.close().await;
    Ok(())
}

fn engine(conf: ChatConf, hub: Hub<Prepared>) -> Engine<Hub<Prepared>> {
    let upgrader = Upgrader::new(conf.ws);
    let mut engine = Engine::with_state(conf.rest, hub);
    engine
        .add_routes(page::routes())
        .add_route(upgrader.clone().route("/ws", chat))
        .add_route(upgrader.route("/online", online));
    engine
}

/// Lets a member talk and listen, until it leaves or is too slow.
async fn chat(socket: WebSocket, State(hub): State<Hub<Prepared>>) -> Result<(), ws::Error> {
    let client = hub.register().await.map_err(ws::Error::peer)?;
    ws::pump(socket, client).inbound(line).await
}

/// Makes one line of what a member says. Blank messages are ignored, and binary ones refused.
fn line(message: Message) -> Result<Option<Prepared>, CloseFrame> {
    let Message::Text(text) = message else {
        return Err(CloseFrame::new(CloseCode::UNSUPPORTED, "this chat takes text only"));
    };
    let line = text.replace('\n', " ");
    let line = line.trim();
    Ok((!line.is_empty()).then(|| Prepared::text(line)))
}

/// Tells how many members there are: at once, at every change, and when asked by any message.
async fn online(mut socket: WebSocket, State(hub): State<Hub<Prepared>>) -> Result<(), ws::Error> {
    let mut online = hub.online();
    loop {
        let count = online.borrow_and_update().to_string();
        socket.send(count).await?;
        tokio::select! {
            Ok(()) = online.changed() => {}
            message = socket.recv() => if message?.is_none() { return Ok(()) },
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{SinkExt, StreamExt};
    use tokio::net::TcpListener;
    use tokio_tungstenite::connect_async;

    use super::*;

    #[tokio::test]
    async fn everybody_hears_what_one_says() {
        let listener = TcpListener::bind("localhost:0").await.unwrap();
        let url = format!("ws://{}/ws", listener.local_addr().unwrap());
        let engine = engine(ChatConf::default(), Hub::spawn(HubConf::default()));
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
