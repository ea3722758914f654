use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::request::Parts;

use super::SignatureError;
use super::seen::{Nonce, Seen};
use crate::conf::SignatureConf;
use crate::signature::{AES128GCM, SigningKey, Statement, X_CONTENT_SECURITY, open};

/// Judges signed requests by a group's rules. The clock is its caller's.
pub(crate) struct Gate {
    strict: bool,
    expiry: Duration,
    keys: Vec<SigningKey>,
    seen: Mutex<Seen>,
}

/// What a good request has: its body, and with which key its response is encrypted.
pub(super) type Good = (Bytes, Option<Vec<u8>>);

impl Gate {
    /// Makes a gate of a config, or says what is wrong with it.
    pub(crate) fn new(conf: &SignatureConf) -> Result<Self, String> {
        if conf.private_keys.is_empty() {
            return Err("a signature and no key".to_owned());
        }
        let mut keys: Vec<SigningKey> = Vec::new();
        for key in &conf.private_keys {
            let (name, file) = (&key.fingerprint, key.key_file.display());
            let secret = fs::read(&key.key_file)
                .map_err(|error| format!("the key {name}, whose file {file} cannot be read: {error}"))?;
            let secret = secret.trim_ascii();
            if secret.starts_with(b"-----BEGIN") {
                return Err(format!("the key {name}, which is a PEM key in {file} and no shared secret"));
            }
            if keys.iter().any(|other| other.name() == name) {
                return Err(format!("two keys named {name}"));
            }
            keys.push(SigningKey::new(name, secret).map_err(|weak| format!("the key {name}: {weak}"))?);
        }
        Ok(Self {
            strict: conf.strict,
            expiry: conf.expiry,
            keys,
            seen: Mutex::new(Seen::new(conf.max_nonces)),
        })
    }

    /// Reads what a request says of itself, before its body is read; `None` where it may come without.
    pub(super) fn admit(&self, parts: &Parts, now: Duration) -> Result<Option<Statement>, SignatureError> {
        let mut lines = parts.headers.get_all(X_CONTENT_SECURITY).iter();
        let statement = match (lines.next(), lines.next()) {
            (None, _) if self.strict => return Err(SignatureError::Missing),
            (None, _) => return Ok(None),
            (Some(line), None) => Statement::parse(line).ok_or(SignatureError::Malformed)?,
            (Some(_), Some(_)) => return Err(SignatureError::Malformed),
        };
        let distance = Duration::from_secs(statement.time.abs_diff(now.as_secs()));
        if distance > self.expiry {
            return Err(SignatureError::Time);
        }
        self.key(&statement)?;
        Ok(Some(statement))
    }

    /// Judges a request with its body. The headers about its coding are taken off.
    pub(super) fn judge(
        &self,
        statement: &Statement,
        parts: &mut Parts,
        body: Bytes,
        now: Duration,
    ) -> Result<Good, SignatureError> {
        let key = self.key(statement)?;
        let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
        if !key.verifies(statement, &parts.method, path, query, &body) {
            return Err(SignatureError::Signature);
        }
        // Only what is signed takes a place, so that nobody else can fill them.
        let until = statement.time.saturating_add(self.expiry.as_secs());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.take(key.name(), &statement.nonce, until, now.as_secs()) {
            Nonce::New => {}
            Nonce::Replayed => return Err(SignatureError::Replayed),
            Nonce::Full => return Err(SignatureError::Full),
        }
        drop(seen);
        if !statement.is_sealed {
            return Ok((body, None));
        }
        let is_coded = parts.headers.get(CONTENT_ENCODING).is_some_and(|coding| coding == AES128GCM);
        let body = match (is_coded, body.is_empty()) {
            (true, _) => open(&key.request_key(statement), &body).map_err(|_| SignatureError::Body)?.into(),
            (false, true) => body,
            (false, false) => return Err(SignatureError::Body),
        };
        parts.headers.remove(CONTENT_ENCODING);
        parts.headers.remove(CONTENT_LENGTH);
        Ok((body, Some(key.response_key(statement))))
    }

    fn key(&self, statement: &Statement) -> Result<&SigningKey, SignatureError> {
        self.keys.iter().find(|key| key.name() == statement.key).ok_or(SignatureError::Key)
    }
}
