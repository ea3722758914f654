//! Fan-out: what one says all hear. `crowd.rs` is who is connected and how they talk, `board.rs` checks what each has heard,
//! `line.rs` is what is said; `servers.rs` are the peers that are there for this alone.

mod board;
mod crowd;
mod line;
mod servers;

use std::error::Error;
use std::time::{Duration, Instant};

use self::crowd::Crowd;
use crate::compare::{self, Spent, median};
use crate::options::Options;
use crate::server::Server;

pub(super) use self::servers::{bare_writes, coalesced_writes, tokio_tungstenite_hub};

pub(super) const KINDS: [&str; 4] =
    ["ws-fanout", "ws-fanout-deflate", "ws-fanout-saturating", "ws-fanout-stalled"];

/// How many talk.
const TALKERS: usize = 4;

/// So many deliveries a second are made of, whatever the number of those who hear, where talking is paced: half of what a core does.
const DELIVERIES_PER_SECOND: usize = 40_000;

/// So many lines of a talker are on their way at most where it is not.
const WINDOW: u32 = 16;

pub(super) fn measure(kind: &str, options: &Options) -> Result<(), Box<dyn Error>> {
    let hearers = options.connections;
    let mut names = match kind {
        "ws-fanout" => vec!["ws", "axum", "tokio-tungstenite", "gorilla", "bare writes"],
        "ws-fanout-deflate" => vec!["ws, uncompressed", "ws"],
        "ws-fanout-saturating" => {
            vec!["ws", "axum", "tokio-tungstenite", "gorilla", "bare writes, coalesced"]
        }
        _ => return stalled(options),
    };
    names.retain(|name| Server::is_there(name));
    let (length, is_paced) =
        (if kind == "ws-fanout-deflate" { 1024 } else { 64 }, kind != "ws-fanout-saturating");
    compare::spent_per("delivery", ("ws", &names), options, async |server, time| {
        let mut crowd = Crowd::gather(server.addr, hearers, 0, length).await?;
        let mut talk = async |time| match is_paced {
            true => crowd.paced(pace(hearers), time).await,
            false => crowd.saturating(WINDOW, time).await,
        };
        // Until buffers and caches are what they will be.
        talk(WARM_UP).await?;
        let (cpu, begun) = (server.cpu()?, Instant::now());
        let count = talk(time).await?;
        Ok(Spent { count, cpu: server.cpu()?.saturating_sub(cpu), time: begun.elapsed() })
    })
}

/// How long it takes until nearly all have heard a line, without and with some beside them who have stopped reading.
fn stalled(options: &Options) -> Result<(), Box<dyn Error>> {
    let Options { connections, rounds, time } = *options;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let percentiles = [50, 99];
    let (mut without, mut with) = ([(); 2].map(|()| Vec::new()), [(); 2].map(|()| Vec::new()));
    for round in 1..=rounds {
        for (stalled, samples) in [(0, &mut without), (connections / 10, &mut with)] {
            let server = Server::start("ws", "ws, small send buffers")?;
            let mut delays = runtime.block_on(async {
                let mut crowd = Crowd::gather(server.addr, connections, stalled, 1024).await?;
                // Fills what the systems at both ends take for one who does not read, and leaves it behind.
                crowd.burst(WINDOW, STALLING_LINES).await?;
                crowd.paced(pace(connections), WARM_UP).await?;
                crowd.time_delays();
                crowd.paced(pace(connections), time).await?;
                Ok::<_, std::io::Error>(crowd.take_delays())
            })?;
            delays.sort_unstable();
            for (percent, samples) in percentiles.iter().zip(samples) {
                samples.push(f64::from(delays[(delays.len() - 1) * percent / 100]));
            }
            println!("round {round}: {stalled:4} stalled, {} deliveries", delays.len());
        }
    }
    println!(
        "\n{connections} who read, {rounds} rounds of {time:?}; microseconds until heard, medians of the rounds"
    );
    println!("{:12} {:>9} {:>14} {:>6}", "", "none", "10 % stalled", "ratio");
    for (index, percent) in percentiles.iter().enumerate() {
        let ratios = with[index].iter().zip(&without[index]).map(|(with, without)| with / without).collect();
        let (none, some) = (median(without[index].clone()), median(with[index].clone()));
        println!("p{percent:<11} {none:9.0} {some:14.0} {:6.2}", median(ratios));
    }
    Ok(())
}

/// Lines a second.
fn pace(hearers: usize) -> u32 {
    (DELIVERIES_PER_SECOND / hearers).clamp(1, 1000) as u32
}

const WARM_UP: Duration = Duration::from_millis(500);

/// Of 1 KiB each: more than both systems hold for one who does not read, and, with those that follow, less than what a member may
/// be behind.
const STALLING_LINES: u32 = 640;
