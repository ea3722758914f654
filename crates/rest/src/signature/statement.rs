use data_encoding::BASE64;
use http::{HeaderValue, Method};

/// What the header `X-Content-Security` says.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) key: String,
    pub(crate) is_sealed: bool,
    /// Seconds since 1970.
    pub(crate) time: u64,
    pub(crate) nonce: String,
    pub(crate) signature: Vec<u8>,
}

impl Statement {
    pub(super) fn new(key: &str, is_sealed: bool, time: u64, nonce: String) -> Self {
        Self { key: key.to_owned(), is_sealed, time, nonce, signature: Vec::new() }
    }

    /// Reads it; each field once, in any order, and no others.
    pub(crate) fn parse(header: &HeaderValue) -> Option<Self> {
        let (mut key, mut kind, mut time, mut nonce, mut signature) = (None, None, None, None, None);
        for pair in header.to_str().ok()?.split(';') {
            let (name, value) = pair.trim().split_once('=')?;
            let field = match name {
                "key" => &mut key,
                "type" => &mut kind,
                "time" => &mut time,
                "nonce" => &mut nonce,
                "signature" => &mut signature,
                _ => return None,
            };
            if field.replace(value).is_some() {
                return None;
            }
        }
        let is_sealed = match kind? {
            "0" => false,
            "1" => true,
            _ => return None,
        };
        let (key, nonce, time) = (key?, nonce?, time?);
        let is_plain =
            time.bytes().all(|byte| byte.is_ascii_digit()) && (time == "0" || !time.starts_with('0'));
        if !is_plain || !is_word(key, 1) || !is_word(nonce, MIN_NONCE) {
            return None;
        }
        Some(Self {
            key: key.to_owned(),
            is_sealed,
            time: time.parse().ok()?,
            nonce: nonce.to_owned(),
            signature: BASE64.decode(signature?.as_bytes()).ok()?,
        })
    }

    pub(super) fn header(&self) -> HeaderValue {
        let Self { key, is_sealed, time, nonce, signature } = self;
        let (kind, signature) = (u8::from(*is_sealed), BASE64.encode(signature));
        let text = format!("key={key}; type={kind}; time={time}; nonce={nonce}; signature={signature}");
        HeaderValue::try_from(text).expect("words, numbers and Base64 are a header")
    }

    /// What is signed.
    pub(super) fn text(&self, method: &Method, path: &str, query: &str, body_hash: &str) -> String {
        let Self { key, is_sealed, time, nonce, signature: _ } = self;
        let kind = u8::from(*is_sealed);
        format!("zeroxide-v1\n{key}\n{kind}\n{time}\n{nonce}\n{method}\n{path}\n{query}\n{body_hash}")
    }
}

/// Whether it is `min` to 64 letters, digits, `-` and `_`.
pub(super) fn is_word(text: &str, min: usize) -> bool {
    (min..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// So many letters do not come twice by chance.
const MIN_NONCE: usize = 16;
