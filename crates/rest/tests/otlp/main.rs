//! The feature `otlp`: what a collector gets, decoded by hand from the bytes that came.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod collector;
mod protobuf;

use std::sync::LazyLock;
use std::time::Duration;

use rest::conf::{ShutdownConf, TelemetryBatcher, TelemetryConf};
use rest::header::{HeaderMap, UPGRADE};
use rest::telemetry::SpansLayer;
use rest::test::Server;
use rest::{Body, Engine, Request, RestConf, Route, StatusCode, Upgrade};
use tokio::io::AsyncWriteExt;
use tracing::Dispatch;
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing_subscriber::layer::SubscriberExt;

use self::collector::{Collector, Span, Value};

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

fn engine(telemetry: TelemetryConf) -> Engine {
    let shutdown = ShutdownConf { wrap_up_time: Duration::ZERO, wait_time: Duration::from_secs(3600) };
    let mut engine =
        Engine::new(RestConf { name: "greeter".to_owned(), telemetry, shutdown, ..RestConf::default() });
    engine.add_route(Route::get("/hello/:name", async || "Hello!"));
    engine.add_route(Route::get("/broken", async || StatusCode::BAD_GATEWAY));
    engine
}

fn sent_to(collector: &Collector, batcher: TelemetryBatcher) -> TelemetryConf {
    let otlp_headers = [("x-key".to_owned(), "a key".to_owned())].into();
    TelemetryConf { endpoint: collector.endpoint(), batcher, otlp_headers, ..TelemetryConf::default() }
}

fn over_http(collector: &Collector) -> TelemetryConf {
    sent_to(collector, TelemetryBatcher::OtlpHttp)
}

/// Spans of this thread go to the collector, until the guard is dropped.
fn with_spans() -> DefaultGuard {
    // While one subscriber is all there is, the thread that comes to a span first says for all threads whether anybody wants
    // it, and a test beside this one wants none. Of two, tracing asks both.
    static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));
    LazyLock::force(&SECOND);
    tracing::subscriber::set_default(tracing_subscriber::registry().with(SpansLayer::new()))
}

fn get(path: &str) -> Request {
    Request::get(path).header("traceparent", TRACEPARENT).body(Body::empty()).unwrap()
}

fn named<'s>(spans: &'s [Span], name: &str) -> &'s Span {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name} in {spans:#?}"))
}

#[tokio::test]
async fn a_request_is_a_span_of_its_callers_trace_over_grpc_and_over_http() {
    for batcher in [TelemetryBatcher::OtlpGrpc, TelemetryBatcher::OtlpHttp] {
        let collector = Collector::start(StatusCode::OK).await;
        let engine = engine(sent_to(&collector, batcher));
        let metrics = engine.metrics();
        let server = Server::start(engine).await;

        let answer = server.connect().await.send(get("/hello/Ann?secret=1")).await;
        server.stop().await;

        let spans = collector.spans();
        let [span] = &spans[..] else { panic!("{batcher:?}: {spans:#?}") };
        assert_eq!(
            (span.trace.as_str(), span.parent.as_str(), span.name.as_str()),
            (TRACE, CALLER, "/hello/:name")
        );
        assert_eq!(answer.headers["traceparent"], format!("00-{TRACE}-{}-01", span.id).as_str());
        assert_eq!((span.kind, span.status, span.service.as_str()), (2, 0, "greeter"), "{batcher:?}");
        assert!(span.begin > 0 && span.begin <= span.end, "{span:?}");
        for (key, value) in [
            ("http.request.method", Value::Text("GET".to_owned())),
            ("http.route", Value::Text("/hello/:name".to_owned())),
            ("url.path", Value::Text("/hello/Ann".to_owned())),
            ("http.response.status_code", Value::Int(200)),
            ("network.protocol.version", Value::Text("1.1".to_owned())),
            ("network.peer.address", Value::Text("127.0.0.1".to_owned())),
        ] {
            assert_eq!(span.attributes.get(key), Some(&value), "{batcher:?}, {key}");
        }
        assert!(!format!("{span:?}").contains("secret"), "a query is nobody's: {span:?}");
        assert_eq!(collector.keys(), ["a key"], "{batcher:?}");
        assert!(metrics.text().contains("otlp_spans_total{outcome=\"sent\"} 1\n"), "{}", metrics.text());
    }
}

#[tokio::test]
async fn an_answer_from_500_on_is_an_error_and_what_no_route_takes_has_no_path_for_a_name() {
    let collector = Collector::start(StatusCode::OK).await;
    let server = Server::start(engine(over_http(&collector))).await;
    let mut client = server.connect().await;

    client.get("/broken").await;
    client.get("/nowhere").await;
    server.stop().await;

    let spans = collector.spans();
    let broken = named(&spans, "/broken");
    assert_eq!((broken.status, &broken.attributes["error.type"]), (2, &Value::Text("502".to_owned())));
    let nowhere = named(&spans, "GET");
    assert_eq!((nowhere.status, &nowhere.attributes["http.response.status_code"]), (0, &Value::Int(404)));
    assert_eq!(nowhere.parent, "", "it begins a trace");
}

#[tokio::test]
async fn what_a_handler_opens_is_inside_of_its_requests_span() {
    let _log = with_spans();
    let collector = Collector::start(StatusCode::OK).await;
    let mut engine = engine(over_http(&collector));
    engine.add_route(Route::get("/rows", async || {
        let query = tracing::info_span!("query", table = "users", rows = tracing::field::Empty);
        query.in_scope(|| {
            tracing::info_span!("connect").in_scope(|| {});
            tracing::error!(code = 7, "the table is gone");
        });
        query.record("rows", 3);
    }));
    let server = Server::start(engine).await;

    tracing::info_span!("elsewhere").in_scope(|| {});
    server.connect().await.send(get("/rows")).await;
    server.stop().await;

    let spans = collector.spans();
    let (rows, query, connect) = (named(&spans, "/rows"), named(&spans, "query"), named(&spans, "connect"));
    assert_eq!((rows.parent.as_str(), &query.parent, &connect.parent), (CALLER, &rows.id, &query.id));
    assert!(spans.iter().all(|span| span.trace == TRACE) && spans.len() == 3, "{spans:#?}");
    assert_eq!(query.attributes["table"], Value::Text("users".to_owned()));
    assert_eq!(query.attributes["rows"], Value::Int(3));
    assert_eq!((query.kind, query.status), (1, 2), "an internal one, and an error");
    assert_eq!(query.events, ["the table is gone"]);
}

#[tokio::test]
async fn an_upgraded_connection_has_a_span_that_ends_with_it() {
    async fn greet(upgrade: Upgrade) -> rest::Response {
        let headers = HeaderMap::from_iter([(UPGRADE, "greeting".parse().unwrap())]);
        upgrade.on_upgrade(headers, |mut connection, _| async move {
            connection.write_all(b"Hello!").await.unwrap();
        })
    }
    let _log = with_spans();
    let collector = Collector::start(StatusCode::OK).await;
    let mut engine = engine(over_http(&collector));
    engine.add_route(Route::get("/greeting", greet));
    let server = Server::start(engine).await;

    let request = format!(
        "GET /greeting HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: greeting\r\ntraceparent: {TRACEPARENT}\r\n\r\n"
    );
    let heard = server.say(request).await;
    assert!(heard.ends_with(b"Hello!"), "{}", heard.escape_ascii());
    server.stop().await;

    let spans = collector.spans();
    let (handshake, connection) = (named(&spans, "/greeting"), named(&spans, "connection"));
    assert_eq!(handshake.attributes["http.response.status_code"], Value::Int(101));
    assert_eq!((connection.trace.as_str(), &connection.parent), (TRACE, &handshake.id));
}

#[tokio::test]
async fn only_traces_that_are_sampled_are_sent() {
    let collector = Collector::start(StatusCode::OK).await;
    let server = Server::start(engine(TelemetryConf { sampler: 0.0, ..over_http(&collector) })).await;
    let mut client = server.connect().await;

    client.get("/hello/Ann").await;
    client.send(get("/hello/Ben")).await; // the caller has decided
    server.stop().await;

    let spans = collector.spans();
    assert_eq!(spans.iter().map(|span| span.parent.as_str()).collect::<Vec<_>>(), [CALLER]);
}

#[tokio::test]
async fn spans_that_a_collector_refuses_are_counted_and_cost_no_request() {
    let collector = Collector::start(StatusCode::BAD_REQUEST).await;
    let engine = engine(over_http(&collector));
    let metrics = engine.metrics();
    let server = Server::start(engine).await;

    assert_eq!(server.connect().await.get("/hello/Ann").await.text(), "Hello!");
    server.stop().await;

    assert!(metrics.text().contains("otlp_spans_total{outcome=\"failed\"} 1\n"), "{}", metrics.text());
}

#[tokio::test]
async fn spans_without_room_are_dropped_and_counted() {
    // In memory nobody empties the queue.
    let collector = Collector::start(StatusCode::OK).await;
    let engine = engine(over_http(&collector));
    let metrics = engine.metrics();
    let mut client = rest::test::Client::of(engine);

    for _ in 0..3 {
        assert_eq!(client.get("/hello/Ann").await.text(), "Hello!");
    }

    assert!(metrics.text().contains("otlp_spans_total{outcome=\"dropped\"} 3\n"), "{}", metrics.text());
}

#[tokio::test]
async fn an_endpoint_that_is_none_is_told_when_the_engine_is_built() {
    for batcher in [TelemetryBatcher::OtlpGrpc, TelemetryBatcher::OtlpHttp] {
        let telemetry =
            TelemetryConf { endpoint: "http://no one".to_owned(), batcher, ..TelemetryConf::default() };
        let told = engine(telemetry).into_service().unwrap_err().to_string();
        assert!(told.starts_with("cannot send traces: Telemetry.Endpoint: "), "{told}");
    }
    let otlp_headers = [("no header".to_owned(), "x".to_owned())].into();
    let endpoint = "localhost:4317".to_owned();
    let told = engine(TelemetryConf { endpoint, otlp_headers, ..TelemetryConf::default() }).into_service();
    assert!(told.unwrap_err().to_string().starts_with("cannot send traces: Telemetry.OtlpHeaders: "));
}
