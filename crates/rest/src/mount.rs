use std::borrow::Cow;
use std::sync::Arc;

use http::uri::Uri;
use percent_encoding::percent_decode_str;

use crate::Request;
use crate::route_service::RouteService;

/// A tower service beside the routes, for every method.
pub(crate) struct Mount {
    /// Without a trailing slash; empty for the root.
    pub(crate) prefix: String,
    pub(crate) service: RouteService,
}

impl Mount {
    /// Whether a path, percent-encoded, is this mount's.
    pub(crate) fn takes(&self, path: &str) -> bool {
        let path = single_slashes(path);
        let rest = path.strip_prefix(&self.prefix);
        rest.is_some_and(|rest| (rest.is_empty() || rest.starts_with('/')) && !climbs(rest))
    }
}

/// Makes one slash of several, as the router does; most paths have none such.
fn single_slashes(path: &str) -> Cow<'_, str> {
    if !path.contains("//") {
        return Cow::Borrowed(path);
    }
    let mut single = String::with_capacity(path.len());
    for part in path.split_inclusive('/') {
        if !(part == "/" && single.ends_with('/')) {
            single.push_str(part);
        }
    }
    Cow::Owned(single)
}

/// Whether a path has a `..`, in any spelling, by which it might leave the mount that it begins with.
fn climbs(path: &str) -> bool {
    percent_decode_str(path).decode_utf8_lossy().split(['/', '\\']).any(|segment| segment == "..")
}

/// Takes a mount's prefix off a request's path, as the mounted service expects. What is around the service still sees it.
pub(crate) fn strip(prefix: &str) -> impl Fn(Request) -> Request + Clone + Send + Sync + use<> {
    let prefix: Arc<str> = prefix.into();
    move |mut request| {
        let path = single_slashes(request.uri().path());
        let rest = path.strip_prefix(&*prefix).unwrap_or(&path);
        let slash = if rest.starts_with('/') { "" } else { "/" };
        let rest = match request.uri().query() {
            None => format!("{slash}{rest}"),
            Some(query) => format!("{slash}{rest}?{query}"),
        };
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = rest.parse().ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
        request
    }
}
