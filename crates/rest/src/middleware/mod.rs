//! The built-in middlewares, in go-zero's order.
//!
//! A request passes them from top to bottom, its response from bottom to top. Each has a page: what it does, its switch, its
//! config with the defaults, its limits, its answers, its metric, and how it differs from go-zero's.
//!
//! | middleware | switch in `Middlewares` | what it does |
//! |---|---|---|
//! | [recover] | always on here | a panic in any middleware below is a 500, not a lost connection |
//! | [trace] | `Trace` | puts the request into its [trace](crate::trace) |
//! | [log] | `Log` | one line per request |
//! | [prometheus] | `Prometheus` | counts requests, by route and code; see [`metrics`](crate::metrics) |
//! | [max_conns] | `MaxConns` | 503 above `MaxConns` concurrent requests of the route, or `MaxServerConns` of the engine |
//! | [breaker] | `Breaker` | 503 in place of a route that keeps failing, as Google's SRE book has it |
//! | [shedding] | `Shedding` | 503 while the CPU is over `CpuThreshold` and the requests are more than can be done |
//! | [timeout] | `Timeout` | 503 when there is no response head within `Timeout` |
//! | recover | `Recover` | a panic in the handler is a 500, inside the timeout and the limits |
//! | [metrics](self::stat) | `Metrics` | one line of statistics per minute |
//! | [max_bytes] | `MaxBytes` | 413 for a body over `MaxBytes`, declared or streamed |
//! | [gunzip] | `Gunzip` | unpacks bodies, up to `MaxBytes` |
//! | [jwt] | [`RouteGroup::jwt`](crate::RouteGroup::jwt) | 401 without a valid token |
//! | [signature] | [`RouteGroup::signature`](crate::RouteGroup::signature) | 403 without a good [signature](crate::signature) |
//! | [bodies] | always on | the [errors](crate::Error) and the [`OkJson`](crate::OkJson) of what is below, as the engine's clients know them |
//!
//! Below them stand the layers of [`Engine::layer`](crate::Engine::layer), those of the route's
//! [group](crate::RouteGroup::layer), and the handler. [`from_fn`] makes a layer of an async function.
//!
//! None of them treats an upgrade in a special way: they see the handshake, which ends with the response 101. What
//! happens on the connection afterwards is its [own task](crate::Upgrade).

pub mod trace;
pub mod log;
pub mod prometheus;
pub mod max_conns;
pub mod breaker;
pub mod shedding;
pub mod timeout;
pub mod recover;
pub mod stat;
pub mod max_bytes;
pub mod gunzip;
pub mod jwt;
pub mod signature;
pub mod bodies;
mod from_fn;
mod rejection;
mod window;

use std::time::Duration;

use tower::ServiceBuilder;

pub(crate) use self::bodies::BodiesLayer;
use self::breaker::BreakerLayer;
pub(crate) use self::breaker::{Attempt, SharedBreaker};
pub use self::from_fn::{FromFn, FromFnLayer, Next, from_fn};
use self::gunzip::GunzipLayer;
use self::jwt::JwtLayer;
pub(crate) use self::jwt::{Gate, Unauthorized};
pub use self::jwt::{JwtError, TokenClaims};
use self::log::LogLayer;
use self::max_bytes::MaxBytesLayer;
use self::max_conns::MaxConnsLayer;
pub(crate) use self::max_conns::Slots;
use self::prometheus::PrometheusLayer;
use self::recover::RecoverLayer;
pub(crate) use self::recover::message as panic_message;
pub use self::rejection::RejectedBy;
pub(crate) use self::shedding::Shedding;
pub use self::signature::SignatureError;
use self::signature::SignatureLayer;
pub(crate) use self::signature::{Gate as SignatureGate, Unsigned};
pub(crate) use self::stat::Stat;
use self::stat::StatLayer;
use self::timeout::TimeoutLayer;
use self::trace::TraceLayer;
use crate::RestConf;
use crate::metrics::Metrics;
use crate::route::Features;
use crate::route_service::RouteService;
use crate::telemetry::Spans;

/// What the chains of one engine have in common.
#[derive(Clone)]
pub(crate) struct Shared {
    /// The slots of the whole engine.
    pub(crate) server_slots: Slots,
    pub(crate) shedding: Option<Shedding>,
    pub(crate) stat: Stat,
    pub(crate) spans: Option<Spans>,
    pub(crate) unauthorized: Unauthorized,
    pub(crate) unsigned: Unsigned,
    pub(crate) metrics: Metrics,
    pub(crate) bodies: BodiesLayer,
}

/// Puts the built-in middlewares around a route, or around what answers where there is none, and so no path.
///
/// A middleware that is switched off, or has no limit, passes through.
pub(crate) fn chain(
    conf: &RestConf,
    shared: &Shared,
    features: Features,
    path: Option<&str>,
    route: RouteService,
) -> RouteService {
    let on = &conf.middlewares;
    let metrics = path.filter(|_| on.prometheus).map(|path| shared.metrics.http().of(path));
    let max_conns = features.max_conns.unwrap_or(conf.max_conns);
    let slots = Slots::new(on.max_conns, max_conns);
    let timeout =
        Some(features.timeout.unwrap_or(conf.timeout)).filter(|t| on.timeout && *t > Duration::ZERO);
    let max_bytes = Some(features.max_bytes.unwrap_or(conf.max_bytes)).filter(|max| on.max_bytes && *max > 0);

    let trace = TraceLayer::new(conf, path, shared.spans.clone());
    let log = LogLayer { on: on.log, opens_span: on.log && !trace.opens_span(), slow: conf.slow_threshold };
    let shedding =
        shared.shedding.as_ref().map(|shedding| shedding.layer(features.priority, shared.stat.clone()));

    let service = ServiceBuilder::new()
        .layer(RecoverLayer { on: true })
        .layer(trace)
        .layer(log)
        .layer(PrometheusLayer { metrics })
        .layer(MaxConnsLayer { server: shared.server_slots.clone(), route: slots })
        .layer(BreakerLayer::new(on.breaker, shared.stat.clone()))
        .layer(shedding.unwrap_or_default())
        .layer(TimeoutLayer { timeout })
        .layer(RecoverLayer { on: on.recover })
        .layer(StatLayer(shared.stat.clone()))
        .layer(MaxBytesLayer::new(max_bytes))
        .layer(GunzipLayer { on: on.gunzip, max: max_bytes })
        .layer(JwtLayer { gate: features.jwt, unauthorized: shared.unauthorized.clone() })
        .layer(SignatureLayer { gate: features.signature, unsigned: shared.unsigned.clone() })
        .layer(shared.bodies.clone())
        .service(route);
    RouteService::of_chain(service)
}
