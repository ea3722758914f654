//! The page, built into the program, so that it is there wherever the program is started.

use rest::extract::State;
use rest::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use rest::{Html, IntoResponse, Route, RouteGroup};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::App;

/// What the page may load and connect to: its own files and sockets, and those of the other nodes. Text from the chat could
/// not run if it were to get into the page as anything else than text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'; connect-src 'self'";

macro_rules! files {
    ($($content_type:literal: $($name:literal)*;)*) => {
        &[$($((concat!("/", $name), $content_type, include_str!(concat!("../page/", $name)))),*),*]
    };
}

const FILES: &[(&str, &str, &str)] = files! {
    "text/css": "base.css" "log.css" "sides.css";
    "text/javascript": "chat.js" "commands.js" "composer.js" "demo.js" "dom.js" "entry.js" "log.js" "notices.js" "people.js"
        "profile.js" "rooms.js" "sparkline.js" "stats.js" "status.js" "tab.js" "typing.js" "hub/attempts.js"
        "hub/commands.js" "hub/emitter.js" "hub/hub.js" "hub/options.js" "hub/room.js";
};

/// The routes of the page and its files. Browsers ask each time whether a file has changed.
pub(crate) fn routes() -> RouteGroup<App> {
    let fixed = |name, value| SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value));
    let file = |&(path, content_type, content)| {
        Route::get(path, async move || ([(CONTENT_TYPE, content_type)], content))
    };
    RouteGroup::new()
        .layer(fixed(CACHE_CONTROL, "no-cache"))
        .layer(fixed(X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .route(Route::get("/", index))
        .routes(FILES.iter().map(file))
}

async fn index(State(app): State<App>, headers: HeaderMap) -> impl IntoResponse {
    let policy = format!("{POLICY}{}", app.nodes.sources(&headers));
    ([(CONTENT_SECURITY_POLICY, policy)], Html(include_str!("../page/index.html")))
}
