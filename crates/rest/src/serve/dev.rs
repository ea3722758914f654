use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use serde::Serialize;
use tokio::net::TcpListener;

use super::accept::accept;
use super::bind;
use crate::conf::{MiddlewaresConf, Mode};
use crate::error::ServeError;
use crate::extract::{Json, State};
use crate::service::EngineService;
use crate::shutdown::{Lifecycle, Readiness};
use crate::{Engine, IntoResponse, RestConf, Route, StatusCode, header};

/// The [development server](crate::conf::DevServerConf) of an engine: an engine of its own, with routes about the other.
pub(super) struct DevServer {
    conf: Arc<RestConf>,
    service: EngineService,
    listener: TcpListener,
    addr: SocketAddr,
}

impl DevServer {
    /// Listens for the engine that is `service`, if `conf` wants that.
    pub(super) async fn bind(conf: &RestConf, service: &EngineService) -> Result<Option<Self>, ServeError> {
        if !conf.dev_server.enabled {
            return Ok(None);
        }
        let listener = bind(&conf.dev_server.host, conf.dev_server.port).await?;
        let addr = listener.local_addr().map_err(ServeError::Io)?;
        if !addr.ip().is_loopback() {
            tracing::warn!(%addr, "the development server can be reached from elsewhere");
        }
        let service = engine(conf, service).into_service()?;
        Ok(Some(Self { conf: Arc::new(own_conf()), service, listener, addr }))
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What its connections belong to.
    pub(super) fn lifecycle(&self) -> &Lifecycle {
        self.service.lifecycle()
    }

    pub(super) async fn serve(self) -> Infallible {
        tracing::info!(addr = %self.addr, "the development server listens");
        accept(self.listener, None, self.conf, self.service).await
    }
}

/// What there is to tell of an engine.
#[derive(Clone)]
struct About {
    readiness: Readiness,
    healthy: String,
    /// The name of the only probe, go-zero's.
    probe: String,
    paths: Vec<String>,
    routes: String,
    openapi: Option<String>,
    build: Build,
}

#[derive(Clone, Serialize)]
struct Build {
    name: String,
    mode: Mode,
    zeroxide: &'static str,
    profile: &'static str,
    target: String,
}

fn engine(conf: &RestConf, of: &EngineService) -> Engine<Arc<About>> {
    let dev = &conf.dev_server;
    let own = ["/", &dev.health_path, "/routes", "/build"].map(str::to_owned);
    let metrics = dev.enable_metrics.then(|| dev.metrics_path.clone());
    let document = of.openapi().map(|_| "/openapi.json".to_owned());
    let about = About {
        readiness: of.lifecycle().readiness(),
        healthy: dev.health_response.clone(),
        probe: format!("rest-{}:{}", conf.host, conf.port),
        paths: own.into_iter().chain(metrics).chain(document).collect(),
        routes: of.listing().to_owned(),
        openapi: of.openapi().map(str::to_owned),
        build: Build {
            name: conf.name.clone(),
            mode: conf.mode,
            zeroxide: env!("CARGO_PKG_VERSION"),
            profile: if cfg!(debug_assertions) { "debug" } else { "release" },
            target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        },
    };
    let mut engine = Engine::with_state(own_conf(), Arc::new(about));
    engine.add_route(Route::get("/", paths));
    engine.add_route(Route::get(dev.health_path.as_str(), health));
    engine.add_route(Route::get("/routes", routes));
    engine.add_route(Route::get("/build", build));
    if of.openapi().is_some() {
        engine.add_route(Route::get("/openapi.json", openapi));
    }
    if dev.enable_metrics {
        engine.add_route(of.lifecycle().metrics().route(dev.metrics_path.as_str()));
    }
    engine
}

/// Without what would get in the way of probes: their lines in the log, a breaker that a 503 opens, shedding.
fn own_conf() -> RestConf {
    let middlewares = MiddlewaresConf {
        trace: false,
        log: false,
        prometheus: false,
        breaker: false,
        shedding: false,
        metrics: false,
        ..MiddlewaresConf::default()
    };
    RestConf { middlewares, ..RestConf::default() }
}

async fn paths(State(about): State<Arc<About>>) -> impl IntoResponse {
    Json(about.paths.clone())
}

async fn health(State(about): State<Arc<About>>) -> impl IntoResponse {
    if about.readiness.is_ready() {
        return (StatusCode::OK, about.healthy.clone());
    }
    (StatusCode::SERVICE_UNAVAILABLE, format!("Service Unavailable\n{} is not ready\n", about.probe))
}

async fn routes(State(about): State<Arc<About>>) -> impl IntoResponse {
    format!("{}\n", about.routes)
}

async fn openapi(State(about): State<Arc<About>>) -> impl IntoResponse {
    let json = [(header::CONTENT_TYPE, "application/json")];
    (json, about.openapi.clone().unwrap_or_default())
}

async fn build(State(about): State<Arc<About>>) -> impl IntoResponse {
    Json(about.build.clone())
}

#[cfg(test)]
mod tests;
