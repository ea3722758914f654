//! Traces, sent to a collector by [OTLP](https://opentelemetry.io/docs/specs/otlp/). Behind the feature `otlp`.
//!
//! An engine that is served sends a span of each request whose trace is [sampled](crate::conf::TelemetryConf::sampler) to
//! `Telemetry.Endpoint`: over gRPC (`Batcher: otlpgrpc`) or HTTP (`otlphttp`). The span is called by the route, has the names
//! that the access log and `traceparent` have, and the attributes of OpenTelemetry's
//! [conventions for HTTP servers](https://opentelemetry.io/docs/specs/semconv/http/http-spans/). A query is in no span.
//!
//! The spans that handlers open by `tracing`, and the one of an upgraded connection, go along where the log of the process has a
//! [`SpansLayer`]; [`RestConf::init_log`](crate::RestConf::init_log) puts one in.
//!
//! | what | value |
//! |---|---|
//! | queue | 2,048 spans; what is more is dropped and counted: a request never waits |
//! | batch | 512 spans, or those of 5 s |
//! | time for a batch, retries included | 10 s |
//! | of one span | 128 attributes, 128 events; the rest is counted in the span |
//!
//! `otlp_spans_total` counts them by `outcome`: `sent`, `failed` or `dropped`. When an engine stops, what is queued is sent within
//! `Shutdown.WaitTime`, or a second if that is over. Each engine has a queue and a collector of its own.
//!
//! go-zero's batchers `zipkin` and `file` are not here: a collector takes OTLP and gives it to either. They are told among the
//! settings without effect.

mod exporter;
mod server_span;
mod layer;

pub use self::layer::SpansLayer;

pub(crate) use self::exporter::{Exporter, Spans};
pub(crate) use self::layer::within;
pub(crate) use self::server_span::ServerSpan;
