//! Which other sites' pages may talk to an engine.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

/// Which pages of other origins may read what an [engine](crate::Engine::cors) answers, and what they may send.
///
/// It is a promise to browsers, not a fence: requests of other pages are still served, they only cannot read the answer,
/// and a WebSocket is not bound by it at all; for that there is the upgrader's origin check.
///
/// ```
/// use rest::conf::CorsConf;
/// use rest::{Engine, RestConf};
///
/// let mut engine = Engine::new(RestConf::default());
/// engine.cors(CorsConf::new(["https://app.example.com", "https://*.example.org"]));
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CorsConf {
    /// The origins, such as `https://app.example.com:8443`; `https://*.example.com` is any below that host, `*` any at all.
    /// Default none.
    pub allow_origins: Vec<String>,
    /// The headers that a page may send. Default `Content-Type`, `Origin`, `X-CSRF-Token`, `Authorization`, `AccessToken`,
    /// `Token` and `Range`.
    pub allow_headers: Vec<String>,
    /// The headers that a page may read, beside those that are always readable. Default none.
    pub expose_headers: Vec<String>,
    /// Whether a page may send cookies. Default no. Together with `*` it is a mistake: any page could act for its visitors.
    pub allow_credentials: bool,
    /// How long browsers may remember what they were told. Default 24 h.
    #[serde(with = "duration")]
    pub max_age: Duration,
}

impl CorsConf {
    /// Lets pages of these origins in.
    pub fn new(origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { allow_origins: origins.into_iter().map(Into::into).collect(), ..Self::default() }
    }
}

impl Default for CorsConf {
    fn default() -> Self {
        let headers =
            ["Content-Type", "Origin", "X-CSRF-Token", "Authorization", "AccessToken", "Token", "Range"];
        Self {
            allow_origins: Vec::new(),
            allow_headers: headers.map(str::to_owned).to_vec(),
            expose_headers: Vec::new(),
            allow_credentials: false,
            max_age: Duration::from_secs(24 * 60 * 60),
        }
    }
}
