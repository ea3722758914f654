//! A JSON route with a parameter.
//!
//! Run it with `cargo run -p hello`, then try `curl localhost:8888/hello/Ann` and `curl localhost:8888/hello/Ann?shout=true`. With
//! `-f FILE` it takes its config from a file; one that was written for go-zero will do.

use std::error::Error;
use std::path::PathBuf;

use clap::Parser;
use rest::extract::{Json, Path, Query};
use rest::{Engine, RestConf, Route};
use serde::{Deserialize, Serialize};

#[derive(Parser)]
struct Args {
    /// The config file
    #[arg(short = 'f', long)]
    config: Option<PathBuf>,
    /// The port to listen on, whatever the config says
    #[arg(long)]
    port: Option<u16>,
}

#[derive(Deserialize)]
struct Manner {
    #[serde(default)]
    shout: bool,
}

#[derive(Serialize)]
struct Greeting {
    message: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let mut conf = match args.config {
        Some(path) => RestConf::load(path)?,
        None => RestConf { host: "localhost".to_owned(), ..RestConf::default() },
    };
    conf.port = args.port.unwrap_or(conf.port);
    conf.init_log()?;

    let mut engine = Engine::new(conf);
    engine.add_route(Route::get("/hello/:name", hello));

    let server = engine.bind().await?;
    println!("hello on {}", server.url());
    Ok(server.start().await?)
}

async fn hello(Path(name): Path<String>, Query(manner): Query<Manner>) -> Json<Greeting> {
    let message = format!("Hello, {name}!");
    Json(Greeting { message: if manner.shout { message.to_uppercase() } else { message } })
}
