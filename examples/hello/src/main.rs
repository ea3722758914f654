//! A JSON route with a parameter.
//!
//! Run it with `cargo run -p hello`, then try `curl localhost:8888/hello/Ann` and `curl localhost:8888/hello/Ann?shout=true`.

use std::error::Error;
use std::io;

use clap::Parser;
use rest::extract::{Json, Path, Query};
use rest::{Engine, RestConf, Route};
use serde::{Deserialize, Serialize};

#[derive(Parser)]
struct Args {
    /// The port to listen on
    #[arg(long, default_value_t = 8888)]
    port: u16,
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
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    let args = Args::parse();
    let mut engine =
        Engine::new(RestConf { host: "localhost".to_owned(), port: args.port, ..RestConf::default() });
    engine.add_route(Route::get("/hello/:name", hello));

    let server = engine.bind().await?;
    println!("hello on {}", server.url());
    Ok(server.start().await?)
}

async fn hello(Path(name): Path<String>, Query(manner): Query<Manner>) -> Json<Greeting> {
    let message = format!("Hello, {name}!");
    Json(Greeting { message: if manner.shout { message.to_uppercase() } else { message } })
}
