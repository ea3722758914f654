//! Step 3 of the tutorial: a hub, so that everybody hears everybody.
//!
//! Run it with `cargo run -p tutorial-3-hub`, then open <http://localhost:8888> in two tabs and talk to yourself.

use std::error::Error;

use hub::{Hub, HubConf};
use rest::conf::{self, Format};
use rest::extract::State;
use rest::{Engine, Html, RestConf, Route};
use ws::{Prepared, WebSocket};

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

fn engine(conf: RestConf) -> Engine<Hub<Prepared>> {
    let hub = Hub::spawn(HubConf::default());
    let mut engine = Engine::with_state(conf, hub);
    engine.add_route(Route::get("/", page)).add_route(ws::route("/ws", chat));
    engine
}

async fn page() -> Html<&'static str> {
    Html(include_str!("page.html"))
}

async fn chat(socket: WebSocket, State(hub): State<Hub<Prepared>>) -> Result<(), ws::Error> {
    let client = hub.register().await.map_err(ws::Error::peer)?;
    ws::pump(socket, client).await
}
