use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rest::conf::LogConf;
use rest::{Engine, RestConf, Route};
use serde::Serialize;
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::decompression::RequestDecompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::{DefaultMakeSpan, DefaultOnResponse, TraceLayer};
use tracing::Level;
use tracing_subscriber::layer::SubscriberExt;

/// The first is what the others are compared with.
pub(super) const NAMES: [&str; 4] = ["hyper", "rest", "axum", "axum + tower-http"];

#[derive(Serialize)]
struct Greeting {
    message: String,
}

impl Greeting {
    fn to(name: &str) -> Self {
        Self { message: format!("Hello, {name}!") }
    }
}

/// Serves until it is killed.
#[tokio::main]
pub(crate) async fn serve(which: &str) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    match which {
        "hyper" => hyper(listener).await,
        "rest" => zeroxide(listener).await,
        "axum" => axum(listener, axum_routes()).await,
        "axum + tower-http" => axum(listener, axum_layered()).await,
        other => Err(format!("there is no server {other}").into()),
    }
}

/// No router, no log, no limit: a path is looked at for the name, and that is all.
async fn hyper(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(http1::Builder::new().serve_connection(
            TokioIo::new(stream),
            service_fn(async |request: hyper::Request<hyper::body::Incoming>| {
                let name = request.uri().path().strip_prefix("/hello/").unwrap_or("nobody");
                let body = serde_json::to_vec(&Greeting::to(name)).expect("it is a text");
                let response = hyper::Response::builder().header("content-type", "application/json");
                Ok::<_, Infallible>(response.body(Full::new(Bytes::from(body))).expect("a good response"))
            }),
        ));
    }
}

/// The defaults, all of them; the log's lines are made, and written to nowhere.
async fn zeroxide(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    use rest::extract::{Json, Path};

    let log = tracing_subscriber::registry().with(LogConf::default().layer_to(io::sink));
    tracing::subscriber::set_global_default(log)?;
    // Of a machine that is busy with measuring, nothing is to be shed; the counting for it goes on.
    let mut engine = Engine::new(RestConf { cpu_threshold: 1000, ..RestConf::default() });
    engine.add_route(Route::get("/hello/:name", async |Path(name): Path<String>| Json(Greeting::to(&name))));
    Ok(engine.serve(listener, std::future::pending()).await?)
}

fn axum_routes() -> axum::Router {
    use axum::Json;
    use axum::extract::Path;

    axum::Router::new().route(
        "/hello/{name}",
        axum::routing::get(async |Path(name): Path<String>| Json(Greeting::to(&name))),
    )
}

/// What tower-http has of our chain: spans and a line per request, panics, a timeout, a limit, gzip. It has no breaker, no
/// shedding and no metrics.
fn axum_layered() -> axum::Router {
    let log = tracing_subscriber::fmt().json().with_writer(io::sink).finish();
    tracing::subscriber::set_global_default(log).expect("the first one");
    let trace = TraceLayer::new_for_http()
        .make_span_with(DefaultMakeSpan::new().level(Level::INFO))
        .on_response(DefaultOnResponse::new().level(Level::INFO));
    axum_routes()
        .layer(RequestDecompressionLayer::new())
        .layer(RequestBodyLimitLayer::new(1 << 20))
        .layer(TimeoutLayer::with_status_code(hyper::StatusCode::SERVICE_UNAVAILABLE, Duration::from_secs(3)))
        .layer(trace)
        .layer(CatchPanicLayer::new())
}

async fn axum(listener: TcpListener, routes: axum::Router) -> Result<(), Box<dyn Error>> {
    use axum::serve::ListenerExt;

    let listener = listener.tap_io(|stream| {
        // Fails only on a connection that is gone.
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, routes).await?)
}
