//! The middleware, and what it hands on.

use axum_core::body::Body;
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;
use crate::conf::MiddlewaresConf;
use crate::{Engine, Request, RestConf, Route};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Answers with what it would send to another service.
async fn outgoing(trace: TraceContext) -> String {
    let mut headers = HeaderMap::new();
    trace.inject(&mut headers);
    let line = |name| headers.get(name).map_or("-", |value: &HeaderValue| value.to_str().unwrap());
    format!("{}|{}|{}", line(TRACEPARENT), line(TRACESTATE), line(BAGGAGE))
}

async fn ask(conf: RestConf, headers: &[(&'static str, &str)]) -> (HeaderMap, String) {
    let mut engine = Engine::new(conf);
    engine.add_route(Route::get("/out/:id", outgoing));
    engine.add_route(Route::get("/user/:id", async |trace: TraceContext| {
        trace.baggage("user").map(Cow::into_owned).unwrap_or_default()
    }));
    let path = if headers.iter().any(|(name, _)| *name == "x-user") { "/user/1" } else { "/out/1" };
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response =
        engine.into_service().unwrap().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_callers_trace_goes_on_with_a_span_of_ours() {
    let headers = [("traceparent", PARENT), ("tracestate", "a=1"), ("tracestate", "b=2"), ("baggage", "k=v")];
    let (response, out) = ask(RestConf::default(), &headers).await;
    let fields: Vec<_> = out.split('|').collect();
    assert!(fields[0].starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"), "{out}");
    assert!(fields[0].ends_with("-01") && fields[0] != PARENT, "{out}");
    assert_eq!(fields[1..], ["a=1,b=2", "k=v"]);
    assert_eq!(response[TRACEPARENT], fields[0], "the response names the same span");
}

#[tokio::test]
async fn without_one_a_trace_begins_and_a_state_without_a_parent_is_none() {
    for parent in [None, Some("00-rubbish")] {
        let mut headers = vec![("tracestate", "a=1")];
        headers.extend(parent.map(|parent| ("traceparent", parent)));
        let (_, out) = ask(RestConf::default(), &headers).await;
        assert!(out.starts_with("00-") && out.ends_with("-01|-|-"), "{out}");
    }
}

#[tokio::test]
async fn of_the_traces_that_begin_here_the_sampler_chooses_and_of_others_the_caller() {
    let mut conf = RestConf::default();
    conf.telemetry.sampler = 0.0;
    let (_, out) = ask(conf.clone(), &[]).await;
    assert!(out.ends_with("-00|-|-"), "{out}");
    let (_, out) = ask(conf, &[("traceparent", PARENT)]).await;
    assert!(out.ends_with("-01|-|-"), "{out}");
}

#[test]
fn a_quarter_is_sampled_by_the_traces_number() {
    for (lower, expected) in [(0, true), (u64::MAX / 4 - 4096, true), (u64::MAX / 4 + 4096, false)] {
        let trace = TraceId(7 << 64 | u128::from(lower));
        assert_eq!(is_sampled(trace, 0.25), expected, "{trace}");
    }
}

#[tokio::test]
async fn baggage_is_decoded_and_too_much_of_it_stays_behind() {
    let (_, user) =
        ask(RestConf::default(), &[("x-user", ""), ("baggage", "a=1;p, user=J%C3%B6rg ;x=y")]).await;
    assert_eq!(user, "Jörg");
    let large = format!("user={}", "a".repeat(MAX_BAGGAGE));
    let (_, user) = ask(RestConf::default(), &[("x-user", ""), ("baggage", &large)]).await;
    assert_eq!(user, "");
}

#[tokio::test]
async fn a_switch_a_disabled_telemetry_and_a_path_that_is_ignored_leave_it_out() {
    let switch = MiddlewaresConf { trace: false, ..MiddlewaresConf::default() };
    let mut disabled = RestConf::default();
    disabled.telemetry.disabled = true;
    let ignored = RestConf { trace_ignore_paths: vec!["/out/:id".to_owned()], ..RestConf::default() };
    for conf in [RestConf { middlewares: switch, ..RestConf::default() }, disabled, ignored] {
        let (response, out) = ask(conf, &[("traceparent", PARENT)]).await;
        assert!(!response.contains_key(TRACEPARENT));
        assert_eq!(out, "", "there is no context to extract");
    }
}
