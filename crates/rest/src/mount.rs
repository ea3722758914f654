use std::sync::Arc;

use http::uri::{PathAndQuery, Uri};
use percent_encoding::percent_decode_str;

use crate::Request;
use crate::service::RouteService;

/// A tower service beside the routes, for every method.
pub(crate) struct Mount {
    /// Without a trailing slash; empty for the root.
    pub(crate) prefix: String,
    pub(crate) service: RouteService,
}

impl Mount {
    /// Whether a path, percent-encoded, is this mount's.
    pub(crate) fn takes(&self, path: &str) -> bool {
        let rest = path.strip_prefix(&self.prefix);
        rest.is_some_and(|rest| (rest.is_empty() || rest.starts_with('/')) && !climbs(rest))
    }
}

/// Whether a path has a `..`, in any spelling, by which it might leave the mount that it begins with.
fn climbs(path: &str) -> bool {
    percent_decode_str(path).decode_utf8_lossy().split(['/', '\\']).any(|segment| segment == "..")
}

/// Takes a mount's prefix off a request's path, as the mounted service expects. What is around the service still sees it.
pub(crate) fn strip(prefix: &str) -> impl Fn(Request) -> Request + Clone + Send + Sync + use<> {
    let prefix: Arc<str> = prefix.into();
    move |mut request| {
        let path_and_query = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
        let rest = path_and_query.strip_prefix(&*prefix).unwrap_or(path_and_query);
        let rest = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = rest.parse().ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
        request
    }
}
