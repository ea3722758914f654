//! WebSockets, with messages of 64 bytes, of 1 KiB where they are compressed, and of 1 MiB where they are long: echo, fan-out, handshakes, and what an idle
//! connection takes.

mod client;
mod load;
mod fan;
mod servers;

use std::error::Error;

use crate::compare::{cpu_per, median};
use crate::options::Options;
use crate::server::Server;

pub(crate) use servers::serve;

pub(crate) fn kinds() -> Vec<&'static str> {
    [&["ws-echo", "ws-echo-16", "ws-echo-long"][..], &fan::KINDS, &["ws-handshake", "ws-idle"]].concat()
}

pub(crate) fn measure(kind: &str, options: &Options) -> Result<(), Box<dyn Error>> {
    let connections = options.connections;
    let all = ("ws", &["ws", "axum", "fastwebsockets"][..]);
    match kind {
        kind if fan::KINDS.contains(&kind) => fan::measure(kind, options),
        "ws-echo" => cpu_per("message", all, options, async |addr, time| {
            load::echo(addr, connections, &load::SHORT, 1, time).await
        }),
        "ws-echo-16" => cpu_per("message", all, options, async |addr, time| {
            load::echo(addr, connections, &load::SHORT, 16, time).await
        }),
        "ws-echo-long" => {
            let all = ("ws", &["ws, uncompressed", "axum", "fastwebsockets"][..]);
            let text = vec![b'x'; servers::LONG];
            cpu_per("message", all, options, async |addr, time| {
                load::echo(addr, connections, &text, 1, time).await
            })
        }
        "ws-handshake" => cpu_per("handshake", all, options, async |addr, time| {
            load::handshakes(addr, connections, time).await
        }),
        _ => idle(all, options),
    }
}

/// How much the server's process grows for each connection that does nothing: before and after a burst on each.
fn idle((kind, names): (&str, &[&str]), options: &Options) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!(
        "KB of resident memory for each of {} connections, medians of {} rounds",
        options.connections, options.rounds
    );
    println!("{:20} {:>9} {:>17}", "", "idle", "after 16 KiB each");
    for name in names {
        let (mut quiet, mut after) = (Vec::new(), Vec::new());
        for _ in 0..options.rounds {
            let server = Server::start(kind, name)?;
            runtime.block_on(async {
                let per_connection = |bytes: u64| bytes as f64 / 1000.0 / options.connections as f64;
                let before = {
                    load::idle(server.addr, 1).await?;
                    server.resident()?
                };
                let mut idle = load::idle(server.addr, options.connections).await?;
                quiet.push(per_connection(server.resident()?.saturating_sub(before)));
                idle.burst(16 << 10).await?;
                after.push(per_connection(server.resident()?.saturating_sub(before)));
                Ok::<_, Box<dyn Error>>(())
            })?;
        }
        println!("{name:20} {:9.1} {:17.1}", median(quiet), median(after));
    }
    Ok(())
}
