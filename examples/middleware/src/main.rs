//! Middlewares of one's own: for all routes, for a group, and tower's, around and inside of the built-in ones.
//!
//! Run it with `cargo run -p middleware`, then try
//!
//! ```text
//! curl -i localhost:8888/
//! curl -i localhost:8888/admin/stock -H 'x-key: open sesame'
//! curl -i localhost:8888/admin/stock
//! ```

use std::error::Error as StdError;
use std::io;
use std::time::{Duration, Instant};

use clap::Parser;
use rest::extract::{Extension, Json};
use rest::header::{HeaderName, HeaderValue};
use rest::middleware::{Next, from_fn};
use rest::{
    Engine, Error, IntoResponse, RejectedBy, Request, Response, RestConf, Route, RouteGroup, StatusCode,
};
use serde::Serialize;
use tower_http::compression::CompressionLayer;
use tower_http::set_header::SetResponseHeaderLayer;

#[derive(Parser)]
struct Args {
    /// The port to listen on
    #[arg(long, default_value_t = 8888)]
    port: u16,
    /// The key that opens `/admin`
    #[arg(long, default_value = "open sesame")]
    key: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn StdError>> {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    let args = Args::parse();
    let conf = RestConf { host: "localhost".to_owned(), port: args.port, ..RestConf::default() };
    let mut engine = Engine::new(conf);

    // For all routes, the first one outermost: tower's layers and functions stand side by side.
    engine
        .layer(SetResponseHeaderLayer::overriding(X_SERVED_BY, HeaderValue::from_static("zeroxide")))
        .layer(from_fn(timed))
        .layer(CompressionLayer::new());
    engine.add_route(Route::get("/", async || "Hello!"));

    // For a group, which has limits of its own, too.
    let key = args.key;
    let admin = RouteGroup::new()
        .prefix("/admin")
        .timeout(Duration::from_millis(500))
        .layer(from_fn(move |request, next| only_with(key.clone(), request, next)))
        .route(Route::get("/stock", stock));
    engine.add_routes(admin);

    let server = engine.bind().await?;
    println!("middleware on {}", server.url());
    Ok(server.start().await?)
}

/// Tells the client how long the handler took, and the log who was slow.
async fn timed(request: Request, next: Next) -> Response {
    let (begin, path) = (Instant::now(), request.uri().path().to_owned());
    let mut response = next.run(request).await;
    let millis = begin.elapsed().as_secs_f64() * 1000.0;
    if millis > 100.0 {
        tracing::warn!(path, millis, "a slow handler");
    }
    let timing = HeaderValue::try_from(format!("handler;dur={millis:.1}")).expect("digits are a header");
    response.headers_mut().insert(SERVER_TIMING, timing);
    response
}

/// Who has shown the key, for handlers.
#[derive(Clone)]
struct Admin {
    agent: String,
}

/// Answers 401 to whoever does not show the key, and tells the handler who did.
async fn only_with(key: String, mut request: Request, next: Next) -> Response {
    let shown = request.headers().get("x-key").map(HeaderValue::as_bytes);
    if shown != Some(key.as_bytes()) {
        let mut refusal = Error::new(StatusCode::UNAUTHORIZED, "show the key in X-Key").into_response();
        refusal.extensions_mut().insert(RejectedBy("key")); // for the log and the metrics
        return refusal;
    }
    let agent =
        request.headers().get("user-agent").and_then(|agent| agent.to_str().ok()).unwrap_or("somebody");
    let admin = Admin { agent: agent.to_owned() };
    request.extensions_mut().insert(admin);
    next.run(request).await
}

#[derive(Serialize)]
struct Stock {
    pears: u32,
    asked_by: String,
}

async fn stock(Extension(admin): Extension<Admin>) -> Json<Stock> {
    Json(Stock { pears: 12, asked_by: admin.agent })
}

const X_SERVED_BY: HeaderName = HeaderName::from_static("x-served-by");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
