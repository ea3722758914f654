//! A WebSocket client for the terminal: each line that is typed is sent, each message that comes is printed.
//!
//! Run it with `cargo run -p ws-client -- ws://localhost:8888/echo`, while `cargo run -p ws-echo` runs beside it, then type a
//! line. The end of the input, and Ctrl-C, say good-bye.

use std::error::Error;
use std::io::{self, Write};
use std::thread;

use clap::Parser;
use http::{HeaderName, HeaderValue};
use tokio::sync::mpsc;
use ws::{Compression, Dialer, Message, WebSocket, WsConf};

#[derive(Parser)]
struct Args {
    /// The server, such as ws://localhost:8888/echo
    url: String,
    /// Say everything back, instead of what is typed
    #[arg(long)]
    echo: bool,
    /// A header of the request, such as "Authorization: Bearer abc"; as often as needed
    #[arg(long, value_parser = header)]
    header: Vec<(HeaderName, HeaderValue)>,
    /// A subprotocol to offer; as often as needed
    #[arg(long)]
    subprotocol: Vec<String>,
    /// The largest message that is taken, in bytes
    #[arg(long, default_value_t = 16 << 20)]
    max_message_bytes: usize,
    /// Let compression refer to messages before, both ways
    #[arg(long)]
    context_takeover: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let compression = Compression {
        server_context_takeover: args.context_takeover,
        client_context_takeover: args.context_takeover,
        ..Compression::default()
    };
    let conf = WsConf { max_message_bytes: args.max_message_bytes, compression, ..WsConf::default() };
    let mut dialer = Dialer::new(conf).subprotocols(args.subprotocol);
    for (name, value) in args.header {
        dialer = dialer.header(name, value);
    }

    let socket = dialer.connect(&args.url).await?;
    if args.echo {
        socket.run(echo).await?;
    } else {
        socket.run(talk).await?;
    }
    Ok(())
}

async fn echo(mut socket: WebSocket) -> Result<(), ws::Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

/// Sends what is typed and prints what comes, until either ends.
async fn talk(mut socket: WebSocket) -> Result<(), ws::Error> {
    let mut lines = typed();
    loop {
        tokio::select! {
            message = socket.recv() => match message? {
                Some(message) => print(&message).map_err(ws::Error::peer)?,
                None => break,
            },
            line = lines.recv() => match line {
                Some(line) => socket.send(line).await?,
                None => return Ok(()),
            },
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
    }
    match socket.close_frame() {
        Some(close) => eprintln!("closed with {close}"),
        None => eprintln!("closed"),
    }
    Ok(())
}

fn print(message: &Message) -> io::Result<()> {
    match message {
        Message::Text(text) => writeln!(io::stdout(), "{text}"),
        Message::Binary(bytes) => writeln!(io::stdout(), "({} bytes)", bytes.len()),
    }
}

/// The lines of the terminal, read by a thread of their own: it may be waiting for one when everything else has ended, and
/// then ends with the process.
fn typed() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(16);
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    lines
}

fn header(line: &str) -> Result<(HeaderName, HeaderValue), Box<dyn Error + Send + Sync>> {
    let (name, value) = line.split_once(':').ok_or("a header has a colon")?;
    Ok((name.trim().parse()?, value.trim().parse()?))
}
