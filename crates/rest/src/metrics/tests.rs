//! What an engine counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use http::StatusCode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use tower::{ServiceExt, service_fn};

use super::*;
use crate::conf::MiddlewaresConf;
use crate::service::EngineService;
use crate::{Body, Engine, Request, RestConf};

fn engine(conf: RestConf) -> (EngineService, Metrics) {
    let mut engine = Engine::new(conf);
    let metrics = engine.metrics();
    engine.add_route(Route::get("/users/:id", async || tokio::time::sleep(Duration::from_millis(60)).await));
    engine.add_route(Route::post("/users/:id", async || StatusCode::CONFLICT));
    engine.add_route(Route::get("/wait", async || std::future::pending::<()>().await));
    engine.add_route(metrics.route("/metrics"));
    engine.mount("/files", service_fn(async |_: Request| Ok::<_, std::convert::Infallible>("a file")));
    (engine.into_service().unwrap(), metrics)
}

async fn ask(service: &EngineService, method: &str, path: &str) -> Response {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    service.clone().oneshot(request).await.unwrap()
}

#[track_caller]
fn has(metrics: &Metrics, line: &str) {
    let text = metrics.text();
    assert!(text.lines().any(|it| it == line), "no {line} in\n{text}");
}

#[tokio::test(start_paused = true)]
async fn requests_are_counted_by_route_method_and_code() {
    let (service, metrics) = engine(RestConf::default());
    ask(&service, "GET", "/users/1").await;
    ask(&service, "GET", "/users/2").await;
    ask(&service, "POST", "/users/3").await;
    ask(&service, "BREW", "/files/4").await;
    ask(&service, "GET", "/nowhere").await;

    has(&metrics, r#"http_server_requests_code_total{path="/users/:id",method="GET",code="200"} 2"#);
    has(&metrics, r#"http_server_requests_code_total{path="/users/:id",method="POST",code="409"} 1"#);
    has(&metrics, r#"http_server_requests_code_total{path="/files",method="OTHER",code="200"} 1"#);
    assert!(!metrics.text().contains("404"), "{}", metrics.text());
}

#[tokio::test(start_paused = true)]
async fn durations_are_in_go_zeros_buckets() {
    let (service, metrics) = engine(RestConf::default());
    ask(&service, "GET", "/users/1").await;

    let name = "http_server_requests_duration_ms";
    let labels = r#"path="/users/:id",method="GET",code="200""#;
    for (le, count) in [("5.0", 0), ("50.0", 0), ("100.0", 1), ("1000.0", 1), ("+Inf", 1)] {
        has(&metrics, &format!("{name}_bucket{{le=\"{le}\",{labels}}} {count}"));
    }
    has(&metrics, &format!("{name}_count{{{labels}}} 1"));
}

#[tokio::test(start_paused = true)]
async fn a_request_is_in_flight_until_its_end_and_a_client_that_goes_away_is_a_499() {
    let (service, metrics) = engine(RestConf::default());
    let mut waiting = Box::pin(ask(&service, "GET", "/wait"));
    assert!((&mut waiting).now_or_never().is_none(), "its handler waits for ever");
    has(&metrics, r#"http_server_requests_in_flight{path="/wait"} 1"#);

    drop(waiting);
    has(&metrics, r#"http_server_requests_in_flight{path="/wait"} 0"#);
    has(&metrics, r#"http_server_requests_code_total{path="/wait",method="GET",code="499"} 1"#);
}

#[tokio::test]
async fn two_engines_do_not_mix() {
    let (one, one_metrics) = engine(RestConf::default());
    let (_other, other_metrics) = engine(RestConf::default());
    ask(&one, "POST", "/users/1").await;
    assert!(one_metrics.text().contains("409"));
    assert!(!other_metrics.text().contains("409"));
}

#[tokio::test]
async fn a_route_shows_them() {
    let (service, _) = engine(RestConf::default());
    let response = ask(&service, "GET", "/metrics").await;
    assert!(response.headers()[CONTENT_TYPE].to_str().unwrap().starts_with("application/openmetrics-text"));
}

#[tokio::test]
async fn a_switch_leaves_requests_out() {
    let middlewares = MiddlewaresConf { prometheus: false, ..MiddlewaresConf::default() };
    let (service, metrics) = engine(RestConf { middlewares, ..RestConf::default() });
    ask(&service, "POST", "/users/1").await;
    assert!(!metrics.text().contains("/users/:id"), "{}", metrics.text());
}

#[tokio::test(start_paused = true)]
async fn an_upgraded_connection_counts_while_it_is_there_and_then_with_its_time() {
    let metrics = Metrics::new();
    let two = (metrics.http().living(LifeKind::Upgraded), metrics.http().living(LifeKind::Upgraded));
    has(&metrics, "http_server_connections_upgraded 2");
    tokio::time::advance(Duration::from_secs(100)).await;
    drop(two);
    has(&metrics, "http_server_connections_upgraded 0");
    has(&metrics, r#"http_server_lifetime_seconds_bucket{le="60.0",kind="upgraded"} 0"#);
    has(&metrics, r#"http_server_lifetime_seconds_bucket{le="300.0",kind="upgraded"} 2"#);
}

#[tokio::test]
async fn what_a_middleware_rejects_is_counted_by_its_name() {
    let (service, metrics) = engine(RestConf { max_bytes: 3, ..RestConf::default() });
    let request = Request::post("/users/1").header("content-length", "4").body(Body::from("1234")).unwrap();
    service.clone().oneshot(request).await.unwrap();
    ask(&service, "POST", "/users/1").await;
    has(&metrics, r#"http_server_requests_rejected_total{path="/users/:id",by="max_bytes"} 1"#);
}

#[tokio::test]
async fn a_library_has_its_own_metrics_once_per_engine() {
    struct Own(Counter);
    impl Own {
        fn register(metrics: &Metrics) -> Self {
            let own = Self(Counter::default());
            metrics.register("own", "Own", own.0.clone());
            own
        }
    }

    let mut engine = Engine::new(RestConf::default());
    let metrics = engine.metrics();
    engine.add_route(Route::get("/", async |metrics: Metrics| {
        metrics.of(Own::register).0.inc();
    }));
    let service = engine.into_service().unwrap();
    for _ in 0..3 {
        assert_eq!(ask(&service, "GET", "/").await.status(), StatusCode::OK);
    }
    has(&metrics, "own_total 3");
    assert_eq!(metrics.text().matches("own_total").count(), 1);
}

#[test]
fn what_a_collector_gathers_is_as_of_the_moment_it_is_asked_for() {
    #[derive(Debug)]
    struct Counted(Arc<AtomicU64>);

    impl Collector for Counted {
        fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
            let counter = ConstCounter::new(self.0.load(Ordering::Relaxed));
            let kind = counter.metric_type();
            counter.encode(encoder.encode_descriptor("elsewhere", "What is counted elsewhere", None, kind)?)
        }
    }

    let (metrics, count) = (Metrics::new(), Arc::<AtomicU64>::default());
    metrics.register_collector(Counted(count.clone()));
    has(&metrics, "elsewhere_total 0");
    count.store(7, Ordering::Relaxed);
    has(&metrics, "elsewhere_total 7");
}
