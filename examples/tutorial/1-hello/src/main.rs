//! Step 1 of the tutorial: a server with a JSON route.
//!
//! Run it with `cargo run -p tutorial-1-hello`, then try `curl localhost:8888/hello/Ann`.

use std::error::Error;

use rest::conf::{self, Format};
use rest::extract::{Json, Path};
use rest::{Engine, RestConf, Route};
use serde::Serialize;

#[cfg(test)]
mod tests;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let conf: RestConf = conf::parse(include_str!("../etc/chat.yaml"), Format::Yaml)?;
    conf.init_log()?;
    let server = engine(conf).bind().await?;
    println!("chat on {}", server.url());
    Ok(server.start().await?)
}

fn engine(conf: RestConf) -> Engine {
    let mut engine = Engine::new(conf);
    engine.add_route(Route::get("/hello/:name", hello));
    engine
}

#[derive(Serialize)]
struct Greeting {
    message: String,
}

async fn hello(Path(name): Path<String>) -> Json<Greeting> {
    Json(Greeting { message: format!("Hello, {name}!") })
}
