//! The servers of this process: one, or with `--nodes` several, on ports of their own.

use std::sync::{Arc, OnceLock};

use rest::header::{HOST, HeaderMap};
use rest::{Server, StopHandle};

/// The servers, as each of them knows all once they listen. A clone is the same.
#[derive(Clone, Default)]
pub(crate) struct Nodes(Arc<OnceLock<Vec<Node>>>);

struct Node {
    port: u16,
    stop: StopHandle,
}

impl Nodes {
    /// Says which they are; to be called once, before any of them is started.
    pub(crate) fn listen<'a>(&self, servers: impl Iterator<Item = &'a Server>) {
        let node = |server: &Server| Node { port: server.addr().port(), stop: server.stop_handle() };
        self.0.get_or_init(|| servers.map(node).collect());
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
        let own = headers.get(HOST).and_then(|host| host.to_str().ok());
        let (Some((_, page)), Some(own)) = (origin.split_once("://"), own) else { return false };
        let is_another = || {
            let (Some((page, port)), Some((own, _))) = (page.rsplit_once(':'), own.rsplit_once(':')) else {
                return false;
            };
            page.eq_ignore_ascii_case(own)
                && self.0.get().is_some_and(|nodes| nodes.iter().any(|node| port == node.port.to_string()))
        };
        page.eq_ignore_ascii_case(own) || is_another()
    }

    /// What a page of one of them may connect to besides its own server, as sources of a Content-Security-Policy.
    pub(crate) fn sources(&self, headers: &HeaderMap) -> String {
        let host =
            headers.get(HOST).and_then(|host| host.to_str().ok()?.rsplit_once(':')).map(|(host, _)| host);
        let is_plain =
            |host: &&str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-[]:".contains(&byte));
        let ports = self.0.get().filter(|nodes| nodes.len() > 1).into_iter().flatten().map(|node| node.port);
        let Some(host) = host.filter(is_plain) else { return String::new() };
        ports.map(|port| format!(" http://{host}:{port} ws://{host}:{port}")).collect()
    }

    fn running(&self) -> impl Iterator<Item = &Node> {
        self.0.get().into_iter().flatten().filter(|node| !node.stop.is_stopped())
    }
}
