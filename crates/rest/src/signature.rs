//! Signed requests, for those who call: go-zero's content security, made safe.
//!
//! Both sides share a secret. Whoever calls signs method, path, query, body, the time and a number that is used once, by
//! HMAC-SHA256, in one header:
//!
//! ```text
//! X-Content-Security: key=<name>; type=0; time=<seconds since 1970>; nonce=<16 to 64 letters, digits, - and _>; signature=<Base64>
//! ```
//!
//! What is signed are these lines: `zeroxide-v1`, the key's name, the type, the time, the nonce, the method, the path and the
//! query as they are sent, and the SHA-256 of the body as it is sent, in hexadecimal digits; joined by `\n`, with none at
//! the end.
//!
//! With `type=1` the bodies of the request and of its response are encrypted too, in the coding `aes128gcm` of RFC 8188. A
//! request's key is made of the HMAC of the lines `zeroxide-request` and the nonce, a response's of `zeroxide-response` and the
//! signature of its request, so that no response fits another request.
//!
//! # What is different from go-zero
//!
//! There the caller chooses a key and encrypts it for the server by RSA with the padding of PKCS #1 v1.5, and bodies by
//! AES-ECB. That padding invites attacks by whoever can measure how long a refusal takes, and no Rust library is known to
//! withstand them; ECB shows what repeats, and notices no change. And as anybody with the public key can sign there, a
//! shared secret is no step back. A go-zero client has to be changed for this one. `X-Request-Uri`, by which a signature for
//! one path was good for another, is not looked at; all methods are checked; a request is good once.
//!
//! On the server's side see [`RouteGroup::signature`](crate::RouteGroup::signature). Those who call use this module:
//!
//! ```
//! use std::time::SystemTime;
//!
//! use rest::Method;
//! use rest::signature::SigningKey;
//!
//! # fn main() -> Result<(), rest::signature::WeakSecret> {
//! let key = SigningKey::new("mobile", b"32 random bytes, as from a dice..")?;
//! let signed = key.sign(&Method::POST, "/orders?dry=1", b"{}".as_slice(), SystemTime::now());
//! assert!(signed.headers().contains_key("x-content-security"));
//! # Ok(())
//! # }
//! ```

mod coding;
mod statement;

use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac};

pub use self::coding::Broken;
pub(crate) use self::coding::{AES128GCM, Sealed, open};
pub(crate) use self::statement::Statement;

/// A secret that those who call share with the service, and its name.
#[derive(Clone)]
pub struct SigningKey {
    name: String,
    hmac: hmac::Key,
}

impl SigningKey {
    /// Creates a key of a secret of 32 bytes at least, which should be random.
    ///
    /// # Errors
    ///
    /// The secret is shorter, or the name is no name: 1 to 64 letters, digits, `-` and `_`.
    pub fn new(name: impl Into<String>, secret: &[u8]) -> Result<Self, WeakSecret> {
        let name = name.into();
        if secret.len() < MIN_SECRET || !statement::is_word(&name, 1) {
            return Err(WeakSecret(()));
        }
        Ok(Self { name, hmac: hmac::Key::new(hmac::HMAC_SHA256, secret) })
    }

    /// Signs a request for a target such as `/orders?dry=1`, at this time.
    pub fn sign(
        &self,
        method: &Method,
        target: &str,
        body: impl Into<Bytes>,
        at: SystemTime,
    ) -> SignedRequest {
        let statement = Statement::new(&self.name, false, seconds(at), nonce());
        self.finish(statement, method, target, body.into())
    }

    /// Signs a request and encrypts its body; its response will be encrypted too.
    pub fn seal(
        &self,
        method: &Method,
        target: &str,
        body: impl Into<Bytes>,
        at: SystemTime,
    ) -> SignedRequest {
        let statement = Statement::new(&self.name, true, seconds(at), nonce());
        let plain = body.into();
        let body = match plain.is_empty() {
            true => plain,
            false => coding::seal(&self.request_key(&statement), &plain),
        };
        self.finish(statement, method, target, body)
    }

    fn finish(&self, mut statement: Statement, method: &Method, target: &str, body: Bytes) -> SignedRequest {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let text = statement.text(method, path, query, &hash(&body));
        statement.signature = hmac::sign(&self.hmac, text.as_bytes()).as_ref().to_vec();
        SignedRequest { response_key: self.response_key(&statement), statement, body }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether a statement about this request is signed by this key. Takes the same time whatever is wrong with it.
    pub(crate) fn verifies(
        &self,
        statement: &Statement,
        method: &Method,
        path: &str,
        query: &str,
        body: &[u8],
    ) -> bool {
        let text = statement.text(method, path, query, &hash(body));
        hmac::verify(&self.hmac, text.as_bytes(), &statement.signature).is_ok()
    }

    pub(crate) fn request_key(&self, statement: &Statement) -> Vec<u8> {
        self.derived("zeroxide-request", statement.nonce.as_bytes())
    }

    pub(crate) fn response_key(&self, statement: &Statement) -> Vec<u8> {
        self.derived("zeroxide-response", &statement.signature)
    }

    fn derived(&self, purpose: &str, of: &[u8]) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.hmac);
        context.update(purpose.as_bytes());
        context.update(b"\n");
        context.update(of);
        context.sign().as_ref().to_vec()
    }
}

/// A request that is signed: what to send, and what to read its response with.
pub struct SignedRequest {
    statement: Statement,
    response_key: Vec<u8>,
    body: Bytes,
}

impl SignedRequest {
    /// The headers to send.
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(X_CONTENT_SECURITY, self.statement.header());
        if self.statement.is_sealed && !self.body.is_empty() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(AES128GCM));
        }
        headers
    }

    /// The body to send.
    pub fn body(&self) -> Bytes {
        self.body.clone()
    }

    /// Decrypts the body of the response, where that has `Content-Encoding: aes128gcm`.
    ///
    /// # Errors
    ///
    /// It is not what the service has sent in answer to this request, or not all of it.
    pub fn open(&self, response: &[u8]) -> Result<Vec<u8>, Broken> {
        open(&self.response_key, response)
    }
}

/// A secret of less than 32 bytes, or a name that is none.
#[derive(Debug)]
pub struct WeakSecret(());

impl fmt::Display for WeakSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key needs a secret of 32 bytes and a name of letters, digits, - and _")
    }
}

impl std::error::Error for WeakSecret {}

fn hash(body: &[u8]) -> String {
    HEXLOWER.encode(digest::digest(&digest::SHA256, body).as_ref())
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).as_ref().map_or(0, Duration::as_secs)
}

fn nonce() -> String {
    BASE64URL_NOPAD.encode(&random::<16>())
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the system has random numbers");
    bytes
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for SignedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedRequest").field("key", &self.statement.key).finish_non_exhaustive()
    }
}

pub(crate) const X_CONTENT_SECURITY: HeaderName = HeaderName::from_static("x-content-security");
/// As many as the hash has.
const MIN_SECRET: usize = 32;
