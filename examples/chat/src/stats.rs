//! What the page needs to know besides what is said: the rules, the nodes, and what the hub counts.

use rest::extract::{Json, State};
use rest::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, HeaderMap, ORIGIN};
use rest::{IntoResponse, Route, RouteGroup};
use serde_json::json;

use crate::App;

pub(crate) fn routes() -> RouteGroup<App> {
    RouteGroup::new().routes([Route::get("/chat.json", rules), Route::get("/stats", stats)])
}

async fn rules(State(app): State<App>, headers: HeaderMap) -> impl IntoResponse {
    let rules = app.chat.authorizer().rules;
    (shared(&app, &headers), Json(json!({ "dev": app.is_dev, "ports": app.nodes.ports(), "rules": rules })))
}

async fn stats(State(app): State<App>, headers: HeaderMap) -> impl IntoResponse {
    (shared(&app, &headers), Json(app.chat.hub().stats()))
}

/// Lets the pages of all nodes read it, and nobody keep it.
fn shared(app: &App, headers: &HeaderMap) -> HeaderMap {
    let mut shared = HeaderMap::new();
    shared.insert(CACHE_CONTROL, "no-store".parse().expect("a header's value"));
    if let Some(origin) = headers.get(ORIGIN)
        && origin.to_str().is_ok_and(|origin| app.nodes.are_of(origin, headers))
    {
        shared.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
    shared
}
