use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::options::Options;
use crate::server::Server;

/// What a load has counted, and what the server has spent on it.
pub(crate) struct Spent {
    pub(crate) count: u64,
    pub(crate) cpu: Duration,
    pub(crate) time: Duration,
}

/// Puts each server under load by turns, round by round, and prints the medians of the CPU time that its process takes for
/// one unit of what the load has counted. The first is what the others are compared with.
pub(crate) fn spent_per<L>(
    unit: &str,
    (kind, names): (&str, &[&str]),
    options: &Options,
    mut load: L,
) -> Result<(), Box<dyn Error>>
where
    L: AsyncFnMut(&Server, Duration) -> Result<Spent, Box<dyn Error>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut samples: Vec<Vec<f64>> = names.iter().map(|_| Vec::new()).collect();
    for round in 1..=options.rounds {
        for (name, samples) in names.iter().zip(&mut samples) {
            let server = Server::start(kind, name)?;
            let spent =
                runtime.block_on(load(&server, options.time)).map_err(|error| format!("{name}: {error}"))?;
            let micros = spent.cpu.as_secs_f64() * 1e6 / spent.count as f64;
            let rate = spent.count as f64 / spent.time.as_secs_f64();
            println!("round {round}: {name:22} {micros:8.3} µs CPU/{unit}, {rate:7.0} {unit}s/s");
            samples.push(micros);
        }
    }
    let medians: Vec<f64> = samples.into_iter().map(median).collect();
    let Options { connections, rounds, time } = options;
    println!("\n{connections} connections, {rounds} rounds of {time:?}, medians");
    println!("{:22} {:>17} {:>9}", "", format!("µs CPU/{unit}"), format!("of {}", names[0]));
    for (name, micros) in names.iter().zip(&medians) {
        println!("{name:22} {micros:17.3} {:9.2}", micros / medians[0]);
    }
    Ok(())
}

/// The same for a load that knows nothing of the server but where it is, and returns what it has counted.
pub(crate) fn cpu_per<L>(
    unit: &str,
    servers: (&str, &[&str]),
    options: &Options,
    mut load: L,
) -> Result<(), Box<dyn Error>>
where
    L: AsyncFnMut(SocketAddr, Duration) -> io::Result<u64>,
{
    spent_per(unit, servers, options, async |server, time| {
        // Until buffers and caches are what they will be.
        load(server.addr, WARM_UP).await?;
        let before = server.cpu()?;
        let count = load(server.addr, time).await?;
        Ok(Spent { count, cpu: server.cpu()?.saturating_sub(before), time })
    })
}

pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

const WARM_UP: Duration = Duration::from_millis(300);
