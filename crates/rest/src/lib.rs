//! A service engine in the manner of go-zero's `rest`, on hyper and tower.
//!
//! An [`Engine`] collects routes and serves them behind a chain of built-in middlewares, switched by [`RestConf`].
//!
//! ```
//! use rest::extract::Path;
//! use rest::{Engine, RestConf, Route};
//!
//! async fn hello(Path(name): Path<String>) -> String {
//!     format!("Hello, {name}!")
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut engine = Engine::new(RestConf { port: 0, ..RestConf::default() });
//! engine.add_route(Route::get("/hello/:name", hello));
//!
//! let server = engine.bind().await?;
//! println!("listening on {}", server.url());
//! # return Ok(());
//! server.start().await?; // until SIGTERM or SIGINT, then drains
//! # Ok(())
//! # }
//! ```
//!
//! # The parts
//!
//! - **Routes.** [`Route`] is a method, a path and a handler; [`RouteGroup`] gives several of them a prefix, limits and layers.
//!   Paths have `:name` parameters and a final `*rest`. Mistakes are collected and reported together, by [`Engine::bind`].
//! - **Handlers** are async functions of [extractors](extract) that return any [`IntoResponse`]; see [`Handler`].
//! - **Middlewares.** The built-in ones are listed in [`middleware`]; [`Engine::layer`] and [`RouteGroup::layer`] take any
//!   tower layer, [`Engine::mount`] any tower service.
//! - **Config.** [`conf::load`] reads YAML, TOML or JSON and the environment on top, and is strict about names.
//! - **Stopping.** [`Server::start`] returns after the listener is closed, requests are finished and upgraded connections
//!   have been told; see [`ShutdownConf`](conf::ShutdownConf) for the times.
//! - **Events.** [`Route::sse`] answers with a stream of [`sse::Event`]s.
//! - **Tests.** [`mod@test`] has a server and a client for them.
//! - **Upgrades.** [`Upgrade`] answers 101 and runs a task on the connection, or on a stream of HTTP/2. It is what `ws` is
//!   built on.

mod engine;
mod route;
mod handler;
mod router;
mod service;
mod route_service;
mod no_route;
mod mount;
mod files;
mod cors;
pub mod middleware;
pub mod breaker;
pub mod trace;
#[cfg_attr(not(feature = "otlp"), path = "telemetry/off.rs")]
pub mod telemetry;
pub mod signature;
pub mod metrics;
pub mod extract;
mod response;
pub mod sse;
mod upgrade;
#[cfg(feature = "openapi")]
pub mod openapi;
pub mod conf;
mod logging;
mod serve;
mod shutdown;
mod awaited;
mod listeners;
mod stop;
mod group;
mod failure;
mod error;
pub mod test;

pub use axum_core::body::Body;
pub use axum_core::extract::Request;
pub use axum_core::response::{IntoResponse, IntoResponseParts, Response};
pub use http::{Method, StatusCode, header};
pub use hyper::ext::Protocol;

pub use crate::conf::RestConf;
pub use crate::engine::Engine;
pub use crate::error::ServeError;
pub use crate::failure::{Error, ErrorBody};
pub use crate::group::{Service, ServiceGroup};
pub use crate::handler::Handler;
pub use crate::metrics::Metrics;
pub use crate::middleware::{JwtError, RejectedBy, SignatureError, TokenClaims};
pub use crate::response::{Html, OkJson, RawJson};
pub use crate::route::{Route, RouteGroup};
pub use crate::route_service::RouteService;
pub use crate::router::RouteError;
pub use crate::serve::Server;
pub use crate::service::{EngineService, ResponseFuture};
pub use crate::shutdown::{Readiness, Stopping};
pub use crate::stop::StopHandle;
pub use crate::upgrade::{Connection, Upgrade, UpgradeRejection};
