//! A collector of traces in this process: it takes OTLP over gRPC and over HTTP on one port, and keeps what came.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::StreamBody;
use rest::extract::State;
use rest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use rest::test::Server;
use rest::{Body, Engine, IntoResponse, Response, RestConf, Route, StatusCode};

use super::protobuf::{Field, Message};

/// A span as it came.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) service: String,
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) parent: String,
    pub(crate) name: String,
    pub(crate) kind: u64,
    pub(crate) begin: u64,
    pub(crate) end: u64,
    pub(crate) attributes: HashMap<String, Value>,
    /// Their names.
    pub(crate) events: Vec<String>,
    /// 2 is an error.
    pub(crate) status: u64,
}

/// What an attribute holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Int(i64),
    Other,
}

#[derive(Clone)]
struct Kept {
    answer: StatusCode,
    requests: Arc<Mutex<Vec<(HeaderMap, Message)>>>,
}

pub(crate) struct Collector {
    server: Server,
    kept: Kept,
}

impl Collector {
    /// Starts one that answers with this status.
    pub(crate) async fn start(answer: StatusCode) -> Self {
        let kept = Kept { answer, requests: Arc::default() };
        let mut engine = Engine::with_state(RestConf::default(), kept.clone());
        engine.add_route(Route::post("/v1/traces", http));
        engine.add_route(Route::post("/opentelemetry.proto.collector.trace.v1.TraceService/Export", grpc));
        Self { server: Server::start(engine).await, kept }
    }

    /// As go-zero has it, without a scheme.
    pub(crate) fn endpoint(&self) -> String {
        self.server.addr().to_string()
    }

    /// The spans that came.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let requests = self.kept.requests.lock().unwrap();
        let resources = requests.iter().flat_map(|(_, request)| request.below(&[1]));
        resources
            .flat_map(|resource| {
                let about = attributes(&resource.below(&[1])[0], 1);
                let Some(Value::Text(service)) = about.get("service.name").cloned() else {
                    panic!("{about:?}")
                };
                let spans = resource.below(&[2, 2]);
                spans.into_iter().map(move |span| decode(service.clone(), &span))
            })
            .collect()
    }

    /// What each request had in its header `x-key`.
    pub(crate) fn keys(&self) -> Vec<String> {
        let requests = self.kept.requests.lock().unwrap();
        requests.iter().map(|(headers, _)| headers["x-key"].to_str().unwrap().to_owned()).collect()
    }
}

async fn http(State(kept): State<Kept>, headers: HeaderMap, body: Bytes) -> Response {
    assert_eq!(headers[CONTENT_TYPE], "application/x-protobuf");
    kept.requests.lock().unwrap().push((headers, Message::decode(&body)));
    kept.answer.into_response()
}

/// One message with its head of five bytes, both ways, and the outcome in the trailers.
async fn grpc(State(kept): State<Kept>, headers: HeaderMap, body: Bytes) -> Response {
    assert_eq!(
        (&body[..1], &headers[CONTENT_TYPE]),
        (&[0][..], &HeaderValue::from_static("application/grpc"))
    );
    let length = u32::from_be_bytes(body[1..5].try_into().unwrap());
    assert_eq!(length as usize, body.len() - 5);
    kept.requests.lock().unwrap().push((headers, Message::decode(&body[5..])));

    let outcome = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))]);
    let frames = [Frame::data(Bytes::from_static(&[0; 5])), Frame::trailers(outcome)];
    let body = StreamBody::new(stream::iter(frames.map(Ok::<_, Infallible>)));
    ([(CONTENT_TYPE, "application/grpc")], Body::new(body)).into_response()
}

fn decode(service: String, span: &Message) -> Span {
    let number = |field| span.last(field).map_or(0, Field::number);
    let hex = |field| {
        let bytes = span.last(field).map_or(&[][..], Field::bytes);
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    Span {
        service,
        trace: hex(1),
        id: hex(2),
        parent: hex(4),
        name: span.last(5).map(Field::text).unwrap_or_default(),
        kind: number(6),
        begin: number(7),
        end: number(8),
        attributes: attributes(span, 9),
        events: span.below(&[11]).iter().map(|event| event.last(2).unwrap().text()).collect(),
        status: span.below(&[15]).first().and_then(|status| status.last(3)).map_or(0, Field::number),
    }
}

fn attributes(message: &Message, field: u64) -> HashMap<String, Value> {
    let pairs = message.below(&[field]);
    let pairs = pairs.iter().map(|pair| {
        let value = pair.below(&[2]).pop().expect("a value");
        let value = match (value.last(1), value.last(3)) {
            (Some(text), _) => Value::Text(text.text()),
            (None, Some(int)) => Value::Int(int.number().cast_signed()),
            (None, None) => Value::Other,
        };
        (pair.last(1).expect("a key").text(), value)
    });
    pairs.collect()
}
