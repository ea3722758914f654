//! A WebSocket route that says everything back.
//!
//! Run it with `cargo run -p ws-echo`, then try `websocat ws://localhost:8888/echo`.

use std::error::Error;
use std::io;

use clap::Parser;
use rest::conf::Mode;
use rest::{Engine, RestConf};
use ws::{Upgrader, WebSocket, WsConf};

#[derive(Parser)]
struct Args {
    /// The port to listen on
    #[arg(long, default_value_t = 8888)]
    port: u16,
    /// The largest message that is taken, in bytes
    #[arg(long, default_value_t = 16 << 20)]
    max_message_bytes: usize,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    let args = Args::parse();
    let mut engine = Engine::new(RestConf {
        host: "localhost".to_owned(),
        port: args.port,
        mode: Mode::Dev, // nothing is shed while the CPU is busy, be it with the client
        ..RestConf::default()
    });
    let upgrader = Upgrader::new(WsConf { max_message_bytes: args.max_message_bytes, ..WsConf::default() });
    engine.add_route(upgrader.route("/echo", echo));

    let server = engine.bind().await?;
    println!("echo on {}/echo", server.url().replacen("http", "ws", 1));
    Ok(server.start().await?)
}

async fn echo(mut socket: WebSocket) -> Result<(), ws::Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}
