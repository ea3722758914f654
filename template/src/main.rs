//! The service: its config, its routes, its start and its stop.

use std::env;
use std::error::Error;
use std::path::PathBuf;

use hub::{Hub, HubConf};
use rest::conf::{self, ConfError, Format};
use rest::{Engine, Html, RestConf, Route};
use serde::{Deserialize, Serialize};
use ws::{Prepared, Upgrader, WsConf};

mod chat;
mod greeting;

/// What can be set. A key that is not here is an error when the service starts.
#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
struct Conf {
    #[serde(flatten)]
    rest: RestConf,
    ws: WsConf,
    hub: HubConf,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let conf = match env::args_os().nth(1) {
        Some(path) => conf::load(PathBuf::from(path))?,
        None => built_in()?,
    };
    conf.rest.init_log()?;
    let hub = Hub::spawn(conf.hub.clone());
    let server = engine(conf, hub.clone()).bind().await?;
    println!("serving on {}", server.url());
    server.start().await?; // until Ctrl-C or SIGTERM, then everything is finished
    hub.close().await;
    Ok(())
}

fn built_in() -> Result<Conf, ConfError> {
    conf::parse(include_str!("../etc/service.yaml"), Format::Yaml)
}

fn engine(conf: Conf, hub: Hub<Prepared>) -> Engine<Hub<Prepared>> {
    let upgrader = Upgrader::new(conf.ws);
    let mut engine = Engine::with_state(conf.rest, hub);
    engine
        .add_route(Route::get("/", page))
        .add_route(Route::get("/hello/:name", greeting::hello))
        .add_route(Route::get("/online", chat::online))
        .add_route(upgrader.route("/ws", chat::chat));
    engine
}

async fn page() -> Html<&'static str> {
    Html(include_str!("page.html"))
}

/// The engine, with the config that is built in, for tests.
#[cfg(test)]
fn test_engine() -> Engine<Hub<Prepared>> {
    let conf = built_in().expect("the built-in config is good");
    let hub = Hub::spawn(conf.hub.clone());
    engine(conf, hub)
}
