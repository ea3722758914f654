//! Whose signatures a service takes.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

/// Which signed requests a service takes.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SignatureConf {
    /// Whether a request without a signature is refused. Default no.
    pub strict: bool,
    /// How old or how far ahead a signature may be. Default 1 h.
    #[serde(with = "duration")]
    pub expiry: Duration,
    /// The keys that those who sign have the other half of. Default none.
    pub private_keys: Vec<PrivateKeyConf>,
}

impl Default for SignatureConf {
    fn default() -> Self {
        Self { strict: false, expiry: Duration::from_secs(3600), private_keys: Vec::new() }
    }
}

/// A key, and what it is called by those who sign.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct PrivateKeyConf {
    /// The name by which a request says which key it means.
    #[serde(alias = "fingerprint")]
    pub fingerprint: String,
    /// The file with the key, PEM.
    #[serde(alias = "keyfile", alias = "keyFile", alias = "key_file")]
    pub key_file: PathBuf,
}
