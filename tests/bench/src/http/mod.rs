//! `GET /hello/Ann`, answered by JSON: bare hyper, our engine with its whole default chain, and axum with what tower-http has
//! of it. The figure is the CPU time of the server's process for each request.

mod load;
mod servers;

use std::error::Error;

use crate::compare::cpu_per;
use crate::options::Options;

pub(crate) use servers::serve;

pub(crate) fn measure(options: &Options) -> Result<(), Box<dyn Error>> {
    cpu_per("request", ("http", &servers::NAMES), options, async |addr, time| {
        load::run(addr, options.connections, time).await
    })
}
