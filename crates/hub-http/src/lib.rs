//! What a hub gives over HTTP: its client protocol for those who have no WebSocket, an API for other servers, and metrics.
//!
//! Each is mounted on its own, and none is there by itself:
//!
//! - [`Sessions`] serve the client protocol of `docs/PROTOCOL.md` as a stream of events, and a POST for what a client says;
//! - [`ServerApi`] has routes by which other services publish, send, kick, and look: behind keys, or a guard of one's own;
//! - [`refuse_while_draining`] answers newcomers with 503 while a hub is being drained;
//! - [`observe`] shows what a hub counts among an engine's metrics.
//!
//! ```
//! use hub::protocol::{Anyone, Publication, Server};
//! use hub::{Hub, HubConf};
//! use hub_http::{ApiKey, Listener, ServerApi, Sessions, SessionsConf};
//! use rest::extract::State;
//! use rest::sse::Event;
//! use rest::{Engine, IntoResponse, RestConf, Route, RouteGroup};
//!
//! type Chat = Server<Publication<Event>, Anyone>;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let hub = Hub::spawn(HubConf::default());
//! let sessions = Sessions::new(SessionsConf::default());
//! let mut engine = Engine::with_state(RestConf::default(), Chat::new(hub.clone(), Anyone));
//!
//! // For browsers: GET /chat/events opens, POST /chat/commands talks, DELETE /chat/commands says goodbye.
//! let (commands, here) = (sessions.commands("/chat/commands"), sessions);
//! let events = async move |State(chat): State<Chat>, listener: Listener| here.open(chat.opening(None), listener);
//! engine.add_route(Route::sse("/chat/events", events)).add_routes(commands);
//!
//! // For other services: POST /hub/publish and the like, with `Authorization: Bearer …`.
//! let key = ApiKey::new("a key that nobody guesses, of a secret store")?;
//! engine.add_routes(ServerApi::new(hub.clone()).with_keys([key]).prefix("/hub"));
//!
//! // For Prometheus: hub_connections{hub="chat"} and the like.
//! hub_http::observe(&engine.metrics(), "chat", &hub);
//! # let _ = engine.into_service()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Clients by events and by WebSocket in the same rooms
//!
//! What a hub carries is written once for all receivers of a kind. Where there are two kinds, the hub's frame is a type that
//! becomes either, made by whoever needs it first:
//!
//! ```
//! use std::sync::{Arc, OnceLock};
//!
//! use hub::protocol::Publication;
//! use rest::sse::Event;
//! # #[derive(Clone)]
//! # struct Prepared(Arc<str>);
//! # impl Prepared {
//! #     fn text(text: &str) -> Self { Self(text.into()) }
//! # }
//!
//! #[derive(Clone)]
//! struct Frame(Arc<Twins>);
//!
//! struct Twins {
//!     text: String,
//!     event: OnceLock<Event>,
//!     prepared: OnceLock<Prepared>, // ws::Prepared
//! }
//!
//! impl From<String> for Frame {
//!     fn from(text: String) -> Self {
//!         Self(Arc::new(Twins { text, event: OnceLock::new(), prepared: OnceLock::new() }))
//!     }
//! }
//!
//! impl From<Frame> for Event {
//!     fn from(Frame(twins): Frame) -> Self {
//!         twins.event.get_or_init(|| Self::from(twins.text.clone())).clone()
//!     }
//! }
//!
//! impl From<Frame> for Prepared {
//!     fn from(Frame(twins): Frame) -> Self {
//!         twins.prepared.get_or_init(|| Self::text(&twins.text)).clone()
//!     }
//! }
//!
//! type Message = Publication<Frame>; // for `Sessions::open` and for `ws::speak`
//! # let _: Option<Message> = None;
//! ```

mod sessions;
mod api;
mod newcomers;
mod metrics;

pub use api::{ApiConf, ApiKey, ServerApi, WeakKey};
pub use metrics::observe;
pub use newcomers::refuse_while_draining;
pub use sessions::{Listener, SessionError, Sessions, SessionsConf};
