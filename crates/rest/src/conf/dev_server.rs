//! The second server, for those who run the first.

use serde::{Deserialize, Serialize};

use super::range;

/// A server beside the engine's, for probes and for people: health, metrics, routes, build.
///
/// | path | what it answers |
/// |---|---|
/// | `/` | the paths of this server, as JSON |
/// | `HealthPath` | 200 and `HealthResponse`, or 503 from the moment on when the engine begins to stop |
/// | `MetricsPath` | the [metrics](crate::metrics) |
/// | `/routes` | the engine's routes, as text |
/// | `/build` | name, mode, versions and target, as JSON |
///
/// It ends after the engine, so that a probe can watch it stop. Unlike go-zero's it is there only if it is
/// [`enabled`](Self::enabled), and for this machine only if [`host`](Self::host) does not say otherwise.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DevServerConf {
    /// Whether there is such a server. Default no.
    pub enabled: bool,
    /// The address or host name to listen on. Default `127.0.0.1`. Everybody who reaches it can read all it answers.
    pub host: String,
    /// The TCP port to listen on, 0 to 65535; 0 takes any free one. Default 6060.
    #[serde(with = "range::Integer::<0, 65_535>")]
    pub port: u16,
    /// Where the metrics are. Default `/metrics`.
    pub metrics_path: String,
    /// Where the health is. Default `/healthz`.
    pub health_path: String,
    /// Whether the metrics are there. Default yes.
    pub enable_metrics: bool,
    /// Without effect, so that files of go-zero load: what it shows is of Go's runtime. Default no.
    pub enable_pprof: bool,
    /// What a healthy service says. Default `OK`.
    pub health_response: String,
}

impl Default for DevServerConf {
    fn default() -> Self {
        Self {
            enabled: false,
            host: "127.0.0.1".to_owned(),
            port: 6060,
            metrics_path: "/metrics".to_owned(),
            health_path: "/healthz".to_owned(),
            enable_metrics: true,
            enable_pprof: false,
            health_response: "OK".to_owned(),
        }
    }
}
