//! What tokens a group of routes takes.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

/// Which JSON Web Tokens a [group](crate::RouteGroup::jwt) takes, and where it looks for them.
///
/// The first of these that there is counts, also when it is not valid:
///
/// 1. the `Authorization` header: `Bearer <token>`, in any case, or the token alone;
/// 2. the cookie named by [`cookie`](Self::cookie);
/// 3. with [`subprotocol`](Self::subprotocol), for the WebSockets of browsers, which can set no header, the offer after
///    `bearer`: `new WebSocket(url, ["chat.v1", "bearer", token])`.
///
/// A browser gives up when none of its offers is chosen. So the route's upgrader has to support one: a protocol that goes
/// before it, or `bearer` itself. The token is taken out of the request before anything could choose it.
///
/// A cookie goes along with requests that other sites make. Give it `SameSite`, and keep the origin check of WebSockets.
///
/// ```
/// use rest::conf::JwtConf;
///
/// let conf = JwtConf { cookie: Some("session".into()), ..JwtConf::new("a long and random secret") };
/// assert!(!format!("{conf:?}").contains("random"));
/// ```
#[derive(Clone, Deserialize, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct JwtConf {
    /// The key that tokens are signed with, at least 8 bytes; 32 random ones are better. Default none, which is a mistake.
    pub secret: String,
    /// The key of before, which is still good, for changing it. Default none.
    pub prev_secret: Option<String>,
    /// The algorithms that a token may have. Default HS256.
    pub algorithms: Vec<JwtAlgorithm>,
    /// How far the clocks of those who sign may be off. Default 0.
    #[serde(with = "duration")]
    pub leeway: Duration,
    /// Whether a token without an `exp` is refused. Default no, as in go-zero. One that is there is always checked, and so
    /// are `nbf` and `iat`.
    pub require_exp: bool,
    /// The `iss` that a token must have. Default any or none.
    pub issuer: Option<String>,
    /// What must be in the `aud` of a token. Default anything or nothing.
    pub audience: Option<String>,
    /// The name of a cookie that may hold the token. Default none.
    pub cookie: Option<String>,
    /// Whether the token may be among the subprotocols that a WebSocket offers. Default no.
    pub subprotocol: bool,
}

impl JwtConf {
    /// Takes tokens that are signed with `secret`.
    pub fn new(secret: impl Into<String>) -> Self {
        Self { secret: secret.into(), ..Self::default() }
    }
}

impl Default for JwtConf {
    fn default() -> Self {
        Self {
            secret: String::new(),
            prev_secret: None,
            algorithms: vec![JwtAlgorithm::HS256],
            leeway: Duration::ZERO,
            require_exp: false,
            issuer: None,
            audience: None,
            cookie: None,
            subprotocol: false,
        }
    }
}

/// How a token is signed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
}

/// Shows everything but the secrets.
impl fmt::Debug for JwtConf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            secret: _,
            prev_secret,
            algorithms,
            leeway,
            require_exp,
            issuer,
            audience,
            cookie,
            subprotocol,
        } = self;
        f.debug_struct("JwtConf")
            .field("secret", &"…")
            .field("prev_secret", &prev_secret.as_ref().map(|_| "…"))
            .field("algorithms", algorithms)
            .field("leeway", leeway)
            .field("require_exp", require_exp)
            .field("issuer", issuer)
            .field("audience", audience)
            .field("cookie", cookie)
            .field("subprotocol", subprotocol)
            .finish()
    }
}
