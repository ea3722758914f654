//! Step 6 of the tutorial: people who have proved who they are, limits, and somebody who is slow.
//!
//! Run it with `cargo run -p tutorial-6-limits`, then open <http://localhost:8888> and press Enter as fast as you can.

use std::error::Error;

use hub::protocol::{Authorizer, Draft, ProtocolConf, Publication, Refusal, SUBPROTOCOL, Server};
use hub::{Hub, HubConf, Identity, Post, UserId};
use rest::conf::{self, Format, JwtConf};
use rest::extract::{Claims, State};
use rest::{Engine, Html, RestConf, Route, RouteGroup};
use serde::{Deserialize, Serialize};
use ws::{Prepared, Upgrader, WebSocket, WsConf};

use crate::login::{Token, login};

mod login;
#[cfg(test)]
mod tests;

#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
struct ChatConf {
    #[serde(flatten)]
    rest: RestConf,
    auth: JwtConf,
    ws: WsConf,
    hub: HubConf,
    protocol: ProtocolConf,
}

type Chat = Server<Publication<Prepared>, Members>;

#[derive(Clone)]
struct App {
    auth: JwtConf,
    chat: Chat,
}

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

fn engine(conf: ChatConf) -> Engine<App> {
    let chat = Server::with_conf(Hub::spawn(conf.hub), Members, conf.protocol);
    let upgrader = Upgrader::new(conf.ws).subprotocols([SUBPROTOCOL]);
    let members = RouteGroup::new().jwt(conf.auth.clone()).route(upgrader.route("/ws", speak));
    let mut engine = Engine::with_state(conf.rest, App { auth: conf.auth, chat });
    engine.add_route(Route::get("/", page)).add_route(Route::post("/login", login)).add_routes(members);
    engine
}

async fn page() -> Html<&'static str> {
    Html(include_str!("page.html"))
}

async fn speak(
    socket: WebSocket,
    Claims(token): Claims<Token>,
    State(app): State<App>,
) -> Result<(), ws::Error> {
    let user = UserId::new(&token.sub).map_err(ws::Error::peer)?;
    ws::speak(socket, app.chat.opening(Some(Identity::user(user)))).await
}

/// Whoever has a token is who it says. Nobody says more than 500 characters at once.
struct Members;

impl Authorizer<Publication<Prepared>> for Members {
    fn say(&self, _: &Identity, draft: &Draft<'_>) -> Result<Post<Publication<Prepared>>, Refusal> {
        let text: String =
            serde_json::from_str(draft.data.get()).map_err(|_| Refusal::rejected("a message is a text"))?;
        if text.trim().is_empty() || text.chars().count() > 500 {
            return Err(Refusal::rejected("a message has 1 to 500 characters"));
        }
        Ok(Publication::message(draft).into())
    }
}
