//! What a request costs in process: the built-in middlewares, and finding a route among many.
//!
//! `cargo bench -p zeroxide-rest --bench chain`. The log's lines are made, and written to nowhere.

use std::hint::black_box;
use std::io;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rest::conf::{LogConf, MiddlewaresConf};
use rest::{Body, Engine, EngineService, Request, RestConf, Route};
use tower::ServiceExt;
use tracing_subscriber::layer::SubscriberExt;

/// All off: the router, the handler, and layers that pass through.
const BARE: MiddlewaresConf = MiddlewaresConf {
    trace: false,
    log: false,
    prometheus: false,
    max_conns: false,
    breaker: false,
    shedding: false,
    timeout: false,
    recover: false,
    metrics: false,
    max_bytes: false,
    gunzip: false,
};

fn chain(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("request");
    for (name, middlewares) in [("bare", BARE), ("default chain", MiddlewaresConf::default())] {
        let service = engine(middlewares, ["/hello/:name".to_owned()]);
        group
            .bench_function(name, |bencher| bencher.iter_custom(|count| time(&service, "/hello/Ann", count)));
    }
}

fn siblings(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("route among");
    for count in [10, 100, 1_000, 10_000] {
        let service = engine(BARE, (0..count).map(|index| format!("/items/item-{index}")));
        let path = format!("/items/item-{}", count / 2);
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter_custom(|count| time(&service, &path, count));
        });
    }
}

fn engine(middlewares: MiddlewaresConf, paths: impl IntoIterator<Item = String>) -> EngineService {
    let mut engine = Engine::new(RestConf { middlewares, ..RestConf::default() });
    for path in paths {
        engine.add_route(Route::get(path, async || "Hello!"));
    }
    engine.into_service().expect("good routes")
}

/// How long so many requests take, one after the other.
fn time(service: &EngineService, path: &str, count: u64) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let log = tracing_subscriber::registry().with(LogConf::default().layer_to(io::sink));
    tracing::subscriber::with_default(log, || {
        runtime.block_on(async {
            let begin = Instant::now();
            for _ in 0..count {
                let request = Request::get(path).header("user-agent", "bench").body(Body::empty());
                let answer = service.clone().oneshot(request.expect("a good request")).await;
                black_box(answer).expect("it never fails");
            }
            begin.elapsed()
        })
    })
}

criterion_group!(benches, chain, siblings);
criterion_main!(benches);
