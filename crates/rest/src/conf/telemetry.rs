//! Where the traces of a service go.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The traces of a service: which requests are traced, and who is told.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TelemetryConf {
    /// The service's name in traces. Default that of the service.
    pub name: String,
    /// Whom spans are sent to, such as `http://localhost:4317`; without a scheme it is `http`, or `https` with
    /// [`otlp_http_secure`](Self::otlp_http_secure). Default nobody. It takes the feature `otlp` to send any.
    pub endpoint: String,
    /// Which part of the requests is traced, unless whoever calls has decided: 0 to 1. Default 1.
    #[serde(with = "ratio")]
    pub sampler: f64,
    /// How spans are sent: `otlpgrpc` or `otlphttp`. Default `otlpgrpc`. `zipkin` and `file`, so that files of go-zero load, send
    /// none.
    pub batcher: TelemetryBatcher,
    /// What else is sent with each batch, such as a key. Default nothing.
    pub otlp_headers: BTreeMap<String, String>,
    /// The path below the endpoint that `otlphttp` sends to. Default `/v1/traces`.
    pub otlp_http_path: String,
    /// Whether an endpoint without a scheme is spoken to in TLS. Default no.
    pub otlp_http_secure: bool,
    /// Whether there is no tracing at all. Default no.
    pub disabled: bool,
}

impl Default for TelemetryConf {
    fn default() -> Self {
        Self {
            name: String::new(),
            endpoint: String::new(),
            sampler: 1.0,
            batcher: TelemetryBatcher::OtlpGrpc,
            otlp_headers: BTreeMap::new(),
            otlp_http_path: String::new(),
            otlp_http_secure: false,
            disabled: false,
        }
    }
}

/// How spans are sent.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TelemetryBatcher {
    /// `zipkin`. Without effect.
    Zipkin,
    /// `otlpgrpc`: OTLP over gRPC.
    #[default]
    OtlpGrpc,
    /// `otlphttp`: OTLP over HTTP.
    OtlpHttp,
    /// `file`. Without effect.
    File,
}

impl TelemetryBatcher {
    /// Whether it is one of those that the feature `otlp` brings.
    pub(crate) fn is_otlp(self) -> bool {
        matches!(self, Self::OtlpGrpc | Self::OtlpHttp)
    }
}

/// A part of a whole, 0 to 1.
mod ratio {
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        let value = f64::deserialize(deserializer)?;
        if !(0.0..=1.0).contains(&value) {
            return Err(D::Error::custom(format_args!("{value} is out of range, allowed 0 to 1")));
        }
        Ok(value)
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(*value)
    }
}

/// Shows of the headers the names alone: they hold keys.
impl fmt::Debug for TelemetryConf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            endpoint,
            sampler,
            batcher,
            otlp_headers,
            otlp_http_path,
            otlp_http_secure,
            disabled,
        } = self;
        f.debug_struct("TelemetryConf")
            .field("name", name)
            .field("endpoint", endpoint)
            .field("sampler", sampler)
            .field("batcher", batcher)
            .field("otlp_headers", &otlp_headers.keys())
            .field("otlp_http_path", otlp_http_path)
            .field("otlp_http_secure", otlp_http_secure)
            .field("disabled", disabled)
            .finish()
    }
}
