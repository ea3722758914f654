//! Step 7 of the tutorial: what it takes to run the chat for others.
//!
//! Run it with `cargo run -p tutorial-7-production`, then try `curl localhost:6060/metrics`.

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use hub::protocol::{Authorizer, Draft, ProtocolConf, Publication, Refusal, SUBPROTOCOL, Server};
use hub::{Drain, Hub, HubConf, Identity, Post, UserId};
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
    let conf = match env::args_os().nth(1) {
        Some(path) => conf::load(PathBuf::from(path))?,
        None => built_in()?,
    };
    conf.rest.init_log()?;
    let hub = Hub::spawn(conf.hub.clone());
    let server = engine(conf, hub.clone()).bind().await?;
    if let Some(addr) = server.dev_addr() {
        print!("health and metrics on http://{addr}, ");
    }
    println!("chat on {}", server.url());
    server.start().await?;
    hub.close().await;
    Ok(())
}

fn built_in() -> Result<ChatConf, conf::ConfError> {
    conf::parse(include_str!("../etc/chat.yaml"), Format::Yaml)
}

fn engine(conf: ChatConf, hub: Hub<Publication<Prepared>>) -> Engine<App> {
    let chat = Server::with_conf(hub.clone(), Members, conf.protocol);
    let upgrader = Upgrader::new(conf.ws).subprotocols([SUBPROTOCOL]);
    let members = RouteGroup::new()
        .jwt(conf.auth.clone())
        .layer(hub_http::refuse_while_draining(&hub))
        .route(upgrader.route("/ws", speak));
    let mut engine = Engine::with_state(conf.rest, App { auth: conf.auth, chat });
    engine.add_route(Route::get("/", page)).add_route(Route::post("/login", login)).add_routes(members);
    hub_http::observe(&engine.metrics(), "chat", &hub);
    engine.add_wrap_up_listener(async move || {
        // A few at a time, so that the servers which take them in are not overrun. An error says that the hub is
        // closed, and so empty.
        let _ = hub.drain(Drain { deadline: DRAIN, ..Drain::default() }).await;
    });
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

/// How long those who are connected may take to be sent away, within `Shutdown.WaitTime`.
const DRAIN: Duration = Duration::from_secs(10);
