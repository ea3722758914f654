//! Puts an engine together: each route in its chain, in the router.

use std::cmp::Reverse;
use std::sync::Arc;

use tower::Layer;
use tower::util::MapRequest;

use super::{Engine, Featured};
use crate::RestConf;
use crate::cors::Cors;
use crate::error::ServeError;
use crate::extract::Proxies;
use crate::middleware::{Shared, Shedding, Slots, Stat, chain};
use crate::mount::{Mount, strip};
use crate::no_route::NoRoute;
use crate::route::{Endpoint, Features};
use crate::route_service::{RouteLayer, RouteService};
use crate::router::{RouteError, Router};
use crate::service::{EngineService, Inner};
use crate::shutdown::Lifecycle;
use crate::telemetry::Exporter;

/// An engine, built.
pub(crate) struct Built {
    pub(crate) conf: RestConf,
    pub(crate) service: EngineService,
    /// What sends its spans, for whoever serves it to run.
    pub(crate) exporter: Option<Exporter>,
}

impl<S: Clone + Send + Sync + 'static> Engine<S> {
    /// Puts it together, or says everything that is wrong with it.
    pub(super) fn build(self) -> Result<Built, ServeError> {
        let cors = self.cors.as_ref().map(Cors::new).transpose().map_err(ServeError::Cors)?.map(Arc::new);
        let listing = self.routes_text();
        #[cfg(feature = "openapi")]
        let openapi = self.openapi.clone().map(|document| crate::openapi::json(document, self.routes()));
        #[cfg(not(feature = "openapi"))]
        let openapi = None;
        let (spans, exporter) = Exporter::new(&self.conf, &self.metrics)?.unzip();
        let shared = Shared {
            server_slots: Slots::new(self.conf.middlewares.max_conns, self.conf.max_server_conns),
            shedding: Shedding::new(&self.conf),
            stat: Stat::new(&self.conf),
            spans,
            unauthorized: self.unauthorized,
            unsigned: self.unsigned,
            metrics: self.metrics.clone(),
            bodies: self.bodies,
        };
        let mut router = Router::new();
        let mut errors = self.mistakes;
        for Featured { route, features, layers } in self.routes {
            let (method, path) = (route.method.clone(), route.path.clone());
            let handler = route.into_service(self.state.clone());
            // The chain has it too; here it is for layers that see a body and may change it.
            let is_layered = !layers.is_empty() || !self.layers.is_empty();
            let handler = if is_layered { RouteService::new(shared.bodies.layer(handler)) } else { handler };
            let service = RouteLayer::wrap(&layers, handler);
            let service =
                chain(&self.conf, &shared, features, Some(&path), RouteLayer::wrap(&self.layers, service));
            errors.extend(router.add(method, &path, service).err());
        }

        let mut mounts: Vec<Mount> = Vec::new();
        for (prefix, service) in self.mounts {
            let route = format!("mount {prefix}");
            let prefix = prefix.trim_end_matches('/').to_owned();
            if mounts.iter().any(|mount| mount.prefix == prefix) {
                errors.push(RouteError::Conflict { earlier: route.clone(), route });
            } else if !(prefix.is_empty() || prefix.starts_with('/')) {
                errors.push(RouteError::NoSlash { route });
            }
            let service = RouteService::new(MapRequest::new(service, strip(&prefix)));
            let service = chain(
                &self.conf,
                &shared,
                Features::default(),
                Some(&prefix),
                RouteLayer::wrap(&self.layers, service),
            );
            mounts.push(Mount { prefix, service });
        }
        mounts.sort_by_key(|mount| Reverse(mount.prefix.len()));

        if !errors.is_empty() {
            return Err(ServeError::Routes(errors));
        }
        let missed = |own: Option<Endpoint<S>>| own.map(|endpoint| endpoint.with(self.state.clone()));
        let no_route = NoRoute { not_found: missed(self.not_found), not_allowed: missed(self.not_allowed) };
        let fallback = chain(&self.conf, &shared, Features::default(), None, RouteService::new(no_route));
        let inner = Inner {
            router,
            handles_head: self.conf.handle_head,
            handles_options: self.conf.handle_options,
            mounts,
            fallback,
            cors,
            proxies: Proxies::new(&self.conf),
            listing,
            openapi,
            shared,
            lifecycle: Lifecycle::new(self.metrics, self.listeners),
        };
        Ok(Built { conf: self.conf, service: EngineService::new(inner), exporter })
    }
}
