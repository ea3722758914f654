//! Step 2 of the tutorial: a page, and a WebSocket that says everything back.
//!
//! Run it with `cargo run -p tutorial-2-echo`, then open <http://localhost:8888> and write something.

use std::error::Error;

use rest::conf::{self, Format};
use rest::{Engine, Html, RestConf, Route};
use ws::WebSocket;

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
    engine.add_route(Route::get("/", page)).add_route(ws::route("/ws", echo));
    engine
}

async fn page() -> Html<&'static str> {
    Html(include_str!("page.html"))
}

async fn echo(mut socket: WebSocket) -> Result<(), ws::Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}
