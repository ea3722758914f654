//! The servers of this process: one, or with `--nodes` several, on ports of their own.

use std::collections::hash_map::RandomState;
use std::error::Error;
use std::sync::{Arc, OnceLock};

use hub::Hub;
use hub::backplane::loopback::Bus;
use rest::header::{HOST, HeaderMap};
use rest::{Server, StopHandle};
use tokio::task::JoinSet;
use ws::{Upgrader, WsConf};

use crate::conf::ChatConf;
use crate::room::Line;

/// The servers, as each of them knows all once they listen. A clone is the same.
#[derive(Clone)]
pub(crate) struct Nodes {
    count: u16,
    secret: RandomState,
    nodes: Arc<OnceLock<Vec<Node>>>,
}

struct Node {
    port: u16,
    stop: StopHandle,
}

impl Nodes {
    pub(crate) fn of(count: u16) -> Self {
        Self { count, secret: RandomState::new(), nodes: Arc::default() }
    }

    /// What makes users of their tokens: the same on all.
    pub(crate) fn secret(&self) -> RandomState {
        self.secret.clone()
    }

    /// A hub for each, and the config with its port. Several are joined by a bus in this process: one room is one room on all.
    pub(crate) fn hubs(&self, conf: ChatConf) -> impl Iterator<Item = (Hub<Line>, ChatConf)> {
        let bus = (self.count > 1).then(|| Bus::new(0));
        (0..self.count).map(move |number| {
            let (mut rest, hub) = (conf.rest.clone(), conf.hub.clone());
            rest.port = if rest.port == 0 { 0 } else { rest.port.saturating_add(number) };
            let hub = match &bus {
                Some(bus) => Hub::spawn_on(hub, bus.node(&number.to_string())),
                None => Hub::spawn(hub),
            };
            (hub, ChatConf { rest, ..conf.clone() })
        })
    }

    /// What the sockets' route accepts: pages of its own server, and where there are several, those of the others.
    pub(crate) fn upgrader(&self, conf: WsConf) -> Upgrader {
        let (upgrader, nodes) = (Upgrader::new(conf), self.clone());
        if self.count == 1 {
            return upgrader;
        }
        upgrader.check_origin(move |origin, request| nodes.are_of(origin, &request.headers))
    }

    /// Runs them until all have ended, each with its hub.
    pub(crate) async fn run(self, servers: Vec<(Server, Hub<Line>)>) -> Result<(), Box<dyn Error>> {
        let node = |server: &Server| Node { port: server.addr().port(), stop: server.stop_handle() };
        self.nodes.get_or_init(|| servers.iter().map(|(server, _)| node(server)).collect());
        let lines = servers.iter().map(|(server, _)| format!("chat on {}\n", server.url()));
        // At once, as whoever has started this may read no further than the first line.
        print!("{}", lines.collect::<String>());
        let mut running = JoinSet::new();
        for (server, hub) in servers {
            running.spawn(async move {
                let end = server.start().await;
                hub.close().await;
                end
            });
        }
        while let Some(end) = running.join_next().await {
            end??;
        }
        Ok(())
    }

    /// The ports of those that have not been stopped.
    pub(crate) fn ports(&self) -> Vec<u16> {
        self.running().map(|node| node.port).collect()
    }

    /// What stops the one with this port.
    pub(crate) fn stop_handle(&self, port: u16) -> Option<StopHandle> {
        self.running().find(|node| node.port == port).map(|node| node.stop.clone())
    }

    /// Whether a page is one of ours: by the host that the request itself names, on any of our ports.
    pub(crate) fn are_of(&self, origin: &str, headers: &HeaderMap) -> bool {
        let (Some((_, page)), Some(own)) = (origin.split_once("://"), host(headers)) else { return false };
        let is_another = || {
            let (page, port) = page.rsplit_once(':')?;
            let port: u16 = port.parse().ok()?;
            let is_ours = self.all().any(|node| node.port == port);
            Some(is_ours && page.eq_ignore_ascii_case(own.rsplit_once(':')?.0))
        };
        page.eq_ignore_ascii_case(own) || is_another() == Some(true)
    }

    /// What a page of one of them may connect to besides its own server, as sources of a Content-Security-Policy.
    pub(crate) fn sources(&self, headers: &HeaderMap) -> String {
        let is_plain =
            |host: &&str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-[]:".contains(&byte));
        let host =
            host(headers).and_then(|host| host.rsplit_once(':')).map(|(host, _)| host).filter(is_plain);
        let (Some(host), true) = (host, self.count > 1) else { return String::new() };
        self.all().map(|Node { port, .. }| format!(" http://{host}:{port} ws://{host}:{port}")).collect()
    }

    fn all(&self) -> impl Iterator<Item = &Node> {
        self.nodes.get().into_iter().flatten()
    }

    fn running(&self) -> impl Iterator<Item = &Node> {
        self.all().filter(|node| !node.stop.is_stopped())
    }
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(HOST)?.to_str().ok()
}
