//! Whose signatures a service takes.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

/// Which signed requests a service takes.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SignatureConf {
    /// Whether a request without a signature is refused. Default no. One with a wrong signature always is.
    pub strict: bool,
    /// How old or how far ahead a signature may be. Default 1 h.
    #[serde(with = "duration")]
    pub expiry: Duration,
    /// How many requests are remembered, of each group, so that none is good twice; 0 refuses all. Default 1048576, which is
    /// some 20 MiB. When there are more within [`expiry`](Self::expiry), signed requests are answered 503.
    pub max_nonces: usize,
    /// The secrets that are shared with those who sign. Default none.
    pub private_keys: Vec<PrivateKeyConf>,
}

impl Default for SignatureConf {
    fn default() -> Self {
        Self {
            strict: false,
            expiry: Duration::from_secs(3600),
            max_nonces: 1 << 20,
            private_keys: Vec::new(),
        }
    }
}

/// A key, and what it is called by those who sign.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct PrivateKeyConf {
    /// The name by which a request says which key it means.
    #[serde(alias = "fingerprint")]
    pub fingerprint: String,
    /// The file with the shared secret: 32 bytes at least, space around them does not count. A PEM key, which go-zero has
    /// here, is a mistake; [`signature`](crate::signature) says why.
    #[serde(alias = "keyfile", alias = "keyFile", alias = "key_file")]
    pub key_file: PathBuf,
}
