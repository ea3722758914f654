//! The keys by which other services show that they may use the API.

use std::error::Error;
use std::fmt;

use http::header::{AUTHORIZATION, HeaderMap};
use subtle::{Choice, ConstantTimeEq};

/// A secret that another service shows: `Authorization: Bearer …`.
///
/// It is in no log and in no debug text, and how long a wrong one takes to refuse does not tell how much of it was right.
#[derive(Clone)]
pub struct ApiKey(Box<str>);

/// A key that is too short to be a secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WeakKey;

impl ApiKey {
    /// A key of at least 16 bytes, all of them visible ASCII or spaces, as a header takes no others.
    ///
    /// # Errors
    ///
    /// It is shorter, or has other characters, or spaces at its ends.
    pub fn new(key: impl Into<String>) -> Result<Self, WeakKey> {
        let key = key.into();
        let is_sendable = key.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && key.trim() == key;
        if key.len() < MIN_BYTES || !is_sendable {
            return Err(WeakKey);
        }
        Ok(Self(key.into()))
    }
}

/// Whether a request shows one of these keys. All are looked at, whichever it is.
pub(super) fn is_let_in(headers: &HeaderMap, keys: &[ApiKey]) -> bool {
    let shown = headers.get(AUTHORIZATION).and_then(|value| {
        let (scheme, key) = value.as_bytes().split_at_checked(BEARER.len())?;
        scheme.eq_ignore_ascii_case(BEARER).then_some(key)
    });
    let Some(shown) = shown else { return false };
    let none = Choice::from(0);
    keys.iter().fold(none, |found, ApiKey(key)| found | key.as_bytes().ct_eq(shown)).into()
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

impl fmt::Display for WeakKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an API key has at least {MIN_BYTES} bytes of visible ASCII")
    }
}

impl Error for WeakKey {}

const MIN_BYTES: usize = 16;
const BEARER: &[u8] = b"Bearer ";

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn one_of_the_keys_is_enough_and_anything_else_is_not() {
        let keys = ["0123456789abcdef", "fedcba9876543210"].map(|key| ApiKey::new(key).unwrap());
        for good in ["Bearer 0123456789abcdef", "bearer fedcba9876543210"] {
            assert!(is_let_in(&headers(good), &keys), "{good}");
        }
        let bad =
            ["Bearer 0123456789abcdeF", "Bearer 0123456789abcde", "Basic 0123456789abcdef", "Bearer ", "B"];
        for bad in bad {
            assert!(!is_let_in(&headers(bad), &keys), "{bad}");
        }
        assert!(!is_let_in(&HeaderMap::new(), &keys));
        assert!(!is_let_in(&headers("Bearer 0123456789abcdef"), &[]));
    }

    #[test]
    fn what_cannot_be_a_secret_or_cannot_be_sent_is_no_key() {
        for weak in ["", "0123456789abcde", "0123456789abcde\n", "0123456789abcdeü", " 123456789abcdef"] {
            assert_eq!(ApiKey::new(weak).err(), Some(WeakKey), "{weak}");
        }
    }

    #[test]
    fn a_key_is_in_no_debug_text() {
        assert_eq!(format!("{:?}", ApiKey::new("0123456789abcdef")), "Ok(ApiKey(…))");
    }
}
