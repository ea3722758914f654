use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::options::Options;
use crate::server::Server;

/// Puts each server under load by turns, round by round, and prints the medians of the CPU time that its process takes for
/// one unit of what the load has counted. The first is what the others are compared with.
pub(crate) fn cpu_per<L>(
    unit: &str,
    (kind, names): (&str, &[&str]),
    options: &Options,
    mut load: L,
) -> Result<(), Box<dyn Error>>
where
    L: AsyncFnMut(SocketAddr, Duration) -> io::Result<u64>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut samples: Vec<Vec<f64>> = names.iter().map(|_| Vec::new()).collect();
    for round in 1..=options.rounds {
        for (name, samples) in names.iter().zip(&mut samples) {
            let server = Server::start(kind, name)?;
            // Until buffers and caches are what they will be.
            runtime.block_on(load(server.addr, WARM_UP))?;
            let before = server.cpu()?;
            let count = runtime.block_on(load(server.addr, options.time))?;
            let micros = (server.cpu()? - before).as_secs_f64() * 1e6 / count as f64;
            let rate = count as f64 / options.time.as_secs_f64();
            println!("round {round}: {name:20} {micros:7.2} µs CPU/{unit}, {rate:7.0} {unit}s/s");
            samples.push(micros);
        }
    }
    let medians: Vec<f64> = samples.into_iter().map(median).collect();
    let Options { connections, rounds, time } = options;
    println!("\n{connections} connections, {rounds} rounds of {time:?}, medians");
    println!("{:20} {:>17} {:>9}", "", format!("µs CPU/{unit}"), format!("of {}", names[0]));
    for (name, micros) in names.iter().zip(&medians) {
        println!("{name:20} {micros:17.2} {:9.2}", micros / medians[0]);
    }
    Ok(())
}

pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

const WARM_UP: Duration = Duration::from_millis(300);
