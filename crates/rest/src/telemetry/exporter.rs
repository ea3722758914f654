//! The queue of an engine's spans, and the task that sends them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hyper_rustls::HttpsConnectorBuilder;
use opentelemetry::InstrumentationScope;
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_otlp::tonic_types::metadata::MetadataMap;
use opentelemetry_otlp::{SpanExporter as Otlp, WithExportConfig, WithHttpConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use tokio::sync::mpsc;
use tokio::time::{timeout, timeout_at};

use crate::RestConf;
use crate::conf::{TelemetryBatcher, TelemetryConf};
use crate::error::ServeError;
use crate::metrics::Metrics;

/// Takes spans that have ended.
#[derive(Clone)]
pub(crate) struct Spans {
    queue: mpsc::Sender<SpanData>,
    counts: Arc<Counts>,
    scope: InstrumentationScope,
}

impl Spans {
    /// Queues a span, or drops it where there is no room. One of an engine that nobody serves is dropped too.
    pub(super) fn put(&self, span: SpanData) {
        if self.queue.try_send(span).is_err() {
            self.counts.dropped.inc();
        }
    }

    pub(super) fn scope(&self) -> InstrumentationScope {
        self.scope.clone()
    }
}

/// Sends the spans of an engine, batch by batch.
pub(crate) struct Exporter {
    queue: mpsc::Receiver<SpanData>,
    counts: Arc<Counts>,
    otlp: Otlp,
}

impl Exporter {
    /// Creates it, with what fills its queue; `None` where the config wants none.
    pub(crate) fn new(conf: &RestConf, metrics: &Metrics) -> Result<Option<(Spans, Self)>, ServeError> {
        let telemetry = &conf.telemetry;
        if telemetry.disabled || telemetry.endpoint.is_empty() || !telemetry.batcher.is_otlp() {
            return Ok(None);
        }
        let mut otlp = otlp(telemetry).map_err(ServeError::Telemetry)?;
        let name = if telemetry.name.is_empty() { &conf.name } else { &telemetry.name };
        otlp.set_resource(&Resource::builder().with_service_name(name.clone()).build());
        let counts = metrics.of(Counts::register);
        let (sender, queue) = mpsc::channel(QUEUE);
        let spans = Spans { queue: sender, counts: counts.clone(), scope: scope() };
        Ok(Some((spans, Self { queue, counts, otlp })))
    }

    /// Sends until `stop` is ready, and then what is queued.
    pub(crate) async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut batch = Vec::new();
        loop {
            let is_last = tokio::select! {
                () = self.fill(&mut batch) => false,
                () = &mut stop => true,
            };
            if is_last {
                break;
            }
            // Not to be broken off by the stop: a batch that is on its way has its own time.
            self.send(std::mem::take(&mut batch)).await;
        }
        self.queue.close();
        while let Ok(span) = self.queue.try_recv() {
            batch.push(span);
            if batch.len() == BATCH {
                self.send(std::mem::take(&mut batch)).await;
            }
        }
        self.send(batch).await;
    }

    /// Takes a batch of spans: as many as go into one, or those of some seconds. Cancel safe, as they are in `batch` at once.
    async fn fill(&mut self, batch: &mut Vec<SpanData>) {
        if batch.is_empty() && self.queue.recv_many(batch, BATCH).await == 0 {
            return std::future::pending().await; // nobody is left to send anything
        }
        let rest = async {
            while batch.len() < BATCH && self.queue.recv_many(batch, BATCH - batch.len()).await > 0 {}
        };
        // What has come until then is a batch.
        let _ = timeout(DELAY, rest).await;
    }

    async fn send(&self, batch: Vec<SpanData>) {
        if batch.is_empty() {
            return;
        }
        let count = batch.len() as u64;
        let late = tokio::time::Instant::now() + TIMEOUT;
        let failure = match timeout_at(late, self.otlp.export(batch)).await {
            Ok(Ok(())) => {
                self.counts.sent.inc_by(count);
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it took too long".to_owned(),
        };
        self.counts.failed.inc_by(count);
        tracing::warn!(failure, spans = count, "the collector did not take the spans");
    }
}

impl TelemetryConf {
    /// The endpoint with a scheme. go-zero's has none, and says by another key whether it is secure.
    fn url(&self) -> String {
        if self.endpoint.contains("://") {
            return self.endpoint.clone();
        }
        let scheme = if self.otlp_http_secure { "https" } else { "http" };
        format!("{scheme}://{}", self.endpoint)
    }
}

/// What talks to the collector. It connects when there is something to send.
fn otlp(conf: &TelemetryConf) -> Result<Otlp, String> {
    let headers: HashMap<_, _> =
        conf.otlp_headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let headers = http::HeaderMap::try_from(&headers).map_err(|error| format!("OtlpHeaders: {error}"))?;
    let endpoint = |error| format!("Endpoint: {error}");
    if conf.batcher == TelemetryBatcher::OtlpGrpc {
        return Otlp::builder()
            .with_tonic()
            .with_endpoint(conf.url())
            .with_metadata(MetadataMap::from_headers(headers))
            .with_timeout(TIMEOUT)
            .build()
            .map_err(endpoint);
    }
    let path = if conf.otlp_http_path.is_empty() { "/v1/traces" } else { &conf.otlp_http_path };
    let url = format!("{}/{}", conf.url().trim_end_matches('/'), path.trim_start_matches('/'));
    let connector = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(tokio_rustls::rustls::crypto::ring::default_provider())
        .map_err(|error| format!("TLS: {error}"))?
        .https_or_http()
        .enable_http1()
        .build();
    Otlp::builder()
        .with_http()
        .with_http_client(HyperClient::new(connector, TIMEOUT, None))
        .with_endpoint(url)
        .with_headers(conf.otlp_headers.clone().into_iter().collect())
        .with_timeout(TIMEOUT)
        .build()
        .map_err(endpoint)
}

/// What has become of the spans.
struct Counts {
    sent: Counter,
    failed: Counter,
    dropped: Counter,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Outcome {
    outcome: &'static str,
}

impl Counts {
    fn register(metrics: &Metrics) -> Self {
        let spans = Family::<Outcome, Counter>::default();
        let of = |outcome| spans.get_or_create_owned(&Outcome { outcome });
        let counts = Self { sent: of("sent"), failed: of("failed"), dropped: of("dropped") };
        metrics.register("otlp_spans", "Spans of traces that are sampled, by what has become of them", spans);
        counts
    }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope::builder(env!("CARGO_PKG_NAME")).with_version(env!("CARGO_PKG_VERSION")).build()
}

/// A place in a trace, as OpenTelemetry has it.
pub(super) fn place(
    trace: crate::trace::TraceId,
    span: crate::trace::SpanId,
    state: TraceState,
) -> SpanContext {
    let (trace, span) = (TraceId::from_bytes(trace.0.to_be_bytes()), id(span));
    SpanContext::new(trace, span, TraceFlags::SAMPLED, false, state)
}

pub(super) fn id(span: crate::trace::SpanId) -> SpanId {
    SpanId::from_bytes(span.0.to_be_bytes())
}

/// Room for the spans that end while a batch is sent. With [`BATCH`] and [`DELAY`], OpenTelemetry's defaults.
const QUEUE: usize = 2_048;
const BATCH: usize = 512;
const DELAY: Duration = Duration::from_secs(5);
/// For one batch, with all that is tried again.
const TIMEOUT: Duration = Duration::from_secs(10);
