//! Step 4 of the tutorial: rooms, names, and who is online.
//!
//! Run it with `cargo run -p tutorial-4-rooms`, then open <http://localhost:8888/#kitchen> in two tabs, with two names.

use std::error::Error;

use hub::protocol::{Admission, Authorizer, Hello, Publication, Refusal, Server};
use hub::{Hub, HubConf, Identity, UserId};
use rest::conf::{self, Format};
use rest::extract::State;
use rest::{Engine, Html, RestConf, Route};
use serde::{Deserialize, Serialize};
use ws::{Prepared, WebSocket};

#[cfg(test)]
mod tests;

#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
struct ChatConf {
    #[serde(flatten)]
    rest: RestConf,
    hub: HubConf,
}

type Chat = Server<Publication<Prepared>, Names>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let conf = conf()?;
    conf.rest.init_log()?;
    let server = engine(conf).bind().await?;
    println!("chat on {}", server.url());
    Ok(server.start().await?)
}

fn conf() -> Result<ChatConf, conf::ConfError> {
    conf::parse(include_str!("../etc/chat.yaml"), Format::Yaml)
}

fn engine(conf: ChatConf) -> Engine<Chat> {
    let chat = Server::new(Hub::spawn(conf.hub), Names);
    let mut engine = Engine::with_state(conf.rest, chat);
    engine.add_route(Route::get("/", page)).add_route(ws::route("/ws", speak));
    engine
}

async fn page() -> Html<&'static str> {
    Html(include_str!("page.html"))
}

async fn speak(socket: WebSocket, State(chat): State<Chat>) -> Result<(), ws::Error> {
    ws::speak(socket, chat.opening(None)).await
}

/// Whoever comes says a name, and is believed.
struct Names;

impl Authorizer<Publication<Prepared>> for Names {
    async fn connect(&self, hello: Hello<'_>) -> Result<Admission, Refusal> {
        let name: String = hello.parse()?;
        let user = UserId::new(name.trim()).map_err(|error| Refusal::rejected(error.to_string()))?;
        Ok(Identity::user(user).into())
    }
}
