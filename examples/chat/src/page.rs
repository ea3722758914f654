//! The page, built into the program, so that it is there wherever the program is started.

use rest::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use rest::{Html, IntoResponse, Route, RouteGroup};
use tower_http::set_header::SetResponseHeaderLayer;

/// What the page may load and connect to: its own files and sockets. Text from the chat could not run if it were to get
/// into the page as anything else than text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The routes of the page and its files.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> RouteGroup<S> {
    let policy = HeaderValue::from_static(POLICY);
    RouteGroup::new().layer(SetResponseHeaderLayer::overriding(CONTENT_SECURITY_POLICY, policy)).routes([
        Route::get("/", async || Html(include_str!("../page/index.html"))),
        Route::get("/chat.js", async || file("text/javascript", include_str!("../page/chat.js"))),
        Route::get("/chat.css", async || file("text/css", include_str!("../page/chat.css"))),
    ])
}

fn file(content_type: &'static str, content: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, content_type)], content)
}
