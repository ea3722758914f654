//! What the built-in middlewares cost a request, in allocations: those can be counted, on any machine.

use std::alloc::System;
use std::io;

use rest::conf::{LogConf, MiddlewaresConf, Mode};
use rest::{Body, Engine, EngineService, Request, RestConf, Route};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tower::ServiceExt;
use tracing_subscriber::layer::SubscriberExt;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The goal in docs/BENCHMARKS.md.
const MOST: usize = 20;

fn hello(middlewares: MiddlewaresConf) -> EngineService {
    let mut engine = Engine::new(RestConf { middlewares, mode: Mode::Pro, ..RestConf::default() });
    engine.add_route(Route::get("/hello/:name", async || "Hello!"));
    engine.into_service().expect("one good route")
}

fn none() -> MiddlewaresConf {
    MiddlewaresConf {
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
    }
}

/// How many times one request allocates, once everything is there that stays.
fn allocations(service: &EngineService) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut counted = 0;
        for _ in 0..100 {
            let request =
                Request::get("/hello/Ann").header("user-agent", "cost").body(Body::empty()).expect("valid");
            let before = ALLOCATOR.stats().allocations + ALLOCATOR.stats().reallocations;
            let response = service.clone().oneshot(request).await.expect("it never fails");
            drop(response);
            counted = ALLOCATOR.stats().allocations + ALLOCATOR.stats().reallocations - before;
        }
        counted
    })
}

#[test]
fn the_default_chain_adds_few_allocations_to_a_request() {
    let log = LogConf::default().layer_to(io::sink);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(log), || {
        let bare = allocations(&hello(none()));
        let whole = allocations(&hello(MiddlewaresConf::default()));
        let added = whole - bare;
        println!("{bare} allocations bare, {whole} through the whole chain");
        assert!(added <= MOST, "the chain adds {added} allocations to {bare}, and may add {MOST}");
    });
}
