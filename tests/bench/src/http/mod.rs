//! `GET /hello/Ann`, answered by JSON: bare hyper, our engine with its whole default chain, and axum with what tower-http has
//! of it. The figure is the CPU time of the server's process for each request.

mod load;
mod servers;

use std::error::Error;
use std::time::Duration;

use crate::options::Options;
use crate::server::Server;

pub(crate) use servers::serve;

/// Puts each server under load by turns, round by round, and prints the medians.
pub(crate) fn measure(options: &Options) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut samples: Vec<Vec<Sample>> = servers::NAMES.iter().map(|_| Vec::new()).collect();
    for round in 1..=options.rounds {
        for (name, samples) in servers::NAMES.iter().zip(&mut samples) {
            let server = Server::start("http", name)?;
            // Until buffers and caches are what they will be.
            runtime.block_on(load::run(server.addr, options.connections, WARM_UP))?;
            let before = server.cpu()?;
            let requests = runtime.block_on(load::run(server.addr, options.connections, options.time))?;
            let sample = Sample { cpu: server.cpu()? - before, requests, time: options.time };
            println!("round {round}: {name:20} {sample}");
            samples.push(sample);
        }
    }

    let micros: Vec<f64> = samples.iter().map(|samples| median(samples.iter().map(Sample::micros).collect())).collect();
    println!("\n{} connections, {} rounds of {:?}, medians", options.connections, options.rounds, options.time);
    println!("{:20} {:>14} {:>9}", "", "µs CPU/request", "of hyper");
    for (name, micros_each) in servers::NAMES.iter().zip(&micros) {
        println!("{name:20} {micros_each:14.2} {:9.2}", micros_each / micros[0]);
    }
    Ok(())
}

struct Sample {
    cpu: Duration,
    requests: u64,
    time: Duration,
}

impl Sample {
    fn micros(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.requests as f64
    }
}

impl std::fmt::Display for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rate = self.requests as f64 / self.time.as_secs_f64();
        write!(f, "{:6.2} µs CPU/request, {rate:7.0} requests/s", self.micros())
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

const WARM_UP: Duration = Duration::from_millis(300);
