//! Load on our servers and on their peers, side by side on one machine. `cargo xtask bench KIND` runs it.
//!
//! A kind is a module of its own with two verbs: `measure`, the whole run, and `serve`, one of its servers, which is this
//! same program as a process of its own, so that its CPU can be told from the load's. What all kinds share is here, in
//! `options.rs`, `compare.rs`, `server.rs` and `gorilla.rs`. Everything is on loopback and bounded in time.

mod options;
mod compare;
mod http;
mod ws;
mod server;
mod gorilla;

use std::error::Error;

use options::Options;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["serve", "http", which] => http::serve(which),
        ["serve", "ws", which] => ws::serve(which),
        ["http", ref options @ ..] => http::measure(&Options::parse(options)?),
        [kind, ref options @ ..] if ws::kinds().contains(&kind) => {
            ws::measure(kind, &Options::parse(options)?)
        }
        _ => {
            Err(format!("usage: bench KIND {}\n\nkinds: http {}", Options::USAGE, ws::kinds().join(" "))
                .into())
        }
    }
}
