//! Where Prometheus finds the metrics, as older files of go-zero say it.

use serde::{Deserialize, Serialize};

use super::range;

/// A server for the [metrics](crate::metrics) alone; [`DevServerConf`](super::DevServerConf) has them too, and more.
///
/// It is there if [`host`](Self::host) is set, and for everybody who reaches that.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct PrometheusConf {
    /// The address or host name to listen on. Default empty: there is no such server.
    pub host: String,
    /// The TCP port to listen on, 0 to 65535; 0 takes any free one. Default 9101.
    #[serde(with = "range::Integer::<0, 65_535>")]
    pub port: u16,
    /// Where the metrics are. Default `/metrics`.
    pub path: String,
}

impl Default for PrometheusConf {
    fn default() -> Self {
        Self { host: String::new(), port: 9101, path: "/metrics".to_owned() }
    }
}
