use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::{Map, Value};

use super::{JwtError, Source};
use crate::conf::{JwtAlgorithm, JwtConf};

/// Judges tokens by a group's rules. The clock is its caller's.
pub(crate) struct Gate {
    pub(super) source: Source,
    /// Also the previous one.
    keys: Vec<DecodingKey>,
    signature: Validation,
    leeway: f64,
    require_exp: bool,
    issuer: Option<String>,
    audience: Option<String>,
}

impl Gate {
    /// Makes a gate of a config, or says what is wrong with it.
    pub(crate) fn new(conf: JwtConf) -> Result<Self, &'static str> {
        let JwtConf {
            secret,
            prev_secret,
            algorithms,
            leeway,
            require_exp,
            issuer,
            audience,
            cookie,
            subprotocol,
        } = conf;
        if secret.len() < MIN_SECRET || prev_secret.as_ref().is_some_and(|secret| secret.len() < MIN_SECRET) {
            return Err("a JWT secret of less than 8 bytes");
        }
        let Some(first) = algorithms.first() else {
            return Err("no JWT algorithm");
        };
        // The signature alone is the library's business: what it says of claims depends on their types being right.
        let mut signature = Validation::new(algorithm(*first));
        signature.algorithms = algorithms.into_iter().map(algorithm).collect();
        signature.required_spec_claims.clear();
        signature.validate_exp = false;
        signature.validate_aud = false;
        Ok(Self {
            source: Source { cookie, subprotocol },
            keys: [Some(secret), prev_secret]
                .iter()
                .flatten()
                .map(|key| DecodingKey::from_secret(key.as_bytes()))
                .collect(),
            signature,
            leeway: leeway.as_secs_f64(),
            require_exp,
            issuer,
            audience,
        })
    }

    /// Returns the claims of a token that is valid at `now`, which counts from the Unix epoch.
    pub(super) fn judge(&self, token: &str, now: Duration) -> Result<Map<String, Value>, JwtError> {
        let claims = self.verify(token)?;
        let now = now.as_secs_f64();
        match number(&claims, "exp")? {
            Some(exp) if now >= exp + self.leeway => return Err(JwtError::Expired),
            None if self.require_exp => return Err(JwtError::NoExpiry),
            Some(_) | None => {}
        }
        for begin in ["nbf", "iat"] {
            if number(&claims, begin)?.is_some_and(|begin| now + self.leeway < begin) {
                return Err(JwtError::Early);
            }
        }
        if self
            .issuer
            .as_ref()
            .is_some_and(|issuer| claims.get("iss").and_then(Value::as_str) != Some(issuer))
        {
            return Err(JwtError::Issuer);
        }
        if self.audience.as_ref().is_some_and(|audience| !is_for(&claims, audience)) {
            return Err(JwtError::Audience);
        }
        Ok(claims)
    }

    fn verify(&self, token: &str) -> Result<Map<String, Value>, JwtError> {
        let mut error = JwtError::Signature;
        for key in &self.keys {
            match decode(token, key, &self.signature) {
                Ok(token) => return Ok(token.claims),
                Err(refused) => error = refusal(refused.kind()),
            }
            if error != JwtError::Signature {
                break; // another key changes nothing
            }
        }
        Err(error)
    }
}

fn refusal(kind: &ErrorKind) -> JwtError {
    match kind {
        ErrorKind::InvalidSignature => JwtError::Signature,
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => JwtError::Algorithm,
        _ => JwtError::Malformed,
    }
}

/// Reads a claim that has to be a number if it is there.
fn number(claims: &Map<String, Value>, name: &str) -> Result<Option<f64>, JwtError> {
    claims.get(name).map(|value| value.as_f64().ok_or(JwtError::Malformed)).transpose()
}

/// Whether `aud` is this text, or a list with it.
fn is_for(claims: &Map<String, Value>, audience: &str) -> bool {
    match claims.get("aud") {
        Some(Value::String(only)) => only == audience,
        Some(Value::Array(all)) => all.iter().any(|one| one.as_str() == Some(audience)),
        _ => false,
    }
}

fn algorithm(algorithm: JwtAlgorithm) -> Algorithm {
    match algorithm {
        JwtAlgorithm::HS256 => Algorithm::HS256,
        JwtAlgorithm::HS384 => Algorithm::HS384,
        JwtAlgorithm::HS512 => Algorithm::HS512,
    }
}

/// go-zero's.
const MIN_SECRET: usize = 8;

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;

    use super::*;

    const SECRET: &str = "a secret of some length";
    const NOW: Duration = Duration::from_secs(1_000);

    fn conf() -> JwtConf {
        JwtConf::new(SECRET)
    }

    fn signed(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
        encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    }

    fn judge(conf: JwtConf, claims: &Value) -> Result<Map<String, Value>, JwtError> {
        Gate::new(conf).unwrap().judge(&signed(Algorithm::HS256, SECRET, claims), NOW)
    }

    #[track_caller]
    fn refused(conf: JwtConf, claims: &Value, error: JwtError) {
        assert_eq!(judge(conf, claims), Err(error), "{claims}");
    }

    #[test]
    fn a_token_known_from_elsewhere_is_valid() {
        // The example of jwt.io.
        let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxN\
                     TE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c";
        let gate = Gate::new(JwtConf::new("your-256-bit-secret")).unwrap();
        let claims = gate.judge(token, Duration::from_secs(1_516_239_022)).unwrap();
        assert_eq!(
            Value::from(claims),
            json!({"sub": "1234567890", "name": "John Doe", "iat": 1_516_239_022})
        );
    }

    #[test]
    fn the_secret_of_before_is_still_good() {
        let old = signed(Algorithm::HS256, "the secret of before", &json!({}));
        assert_eq!(Gate::new(conf()).unwrap().judge(&old, NOW), Err(JwtError::Signature));

        let both = JwtConf { prev_secret: Some("the secret of before".into()), ..conf() };
        let gate = Gate::new(both).unwrap();
        assert_eq!(gate.judge(&old, NOW), Ok(Map::new()));
        assert_eq!(gate.judge(&signed(Algorithm::HS256, SECRET, &json!({})), NOW), Ok(Map::new()));
        let other = signed(Algorithm::HS256, "some other secret", &json!({}));
        assert_eq!(gate.judge(&other, NOW), Err(JwtError::Signature));
    }

    #[test]
    fn only_the_listed_algorithms_are_taken() {
        let token = signed(Algorithm::HS512, SECRET, &json!({}));
        assert_eq!(Gate::new(conf()).unwrap().judge(&token, NOW), Err(JwtError::Algorithm));
        let both = JwtConf { algorithms: vec![JwtAlgorithm::HS256, JwtAlgorithm::HS512], ..conf() };
        assert_eq!(Gate::new(both).unwrap().judge(&token, NOW), Ok(Map::new()));
        // {"alg":"none"}, {}, and no signature
        let none = Gate::new(conf()).unwrap().judge("eyJhbGciOiJub25lIn0.e30.", NOW);
        assert!(none.is_err(), "{none:?}");
    }

    #[test]
    fn what_is_no_token_is_malformed() {
        let token = signed(Algorithm::HS256, SECRET, &json!({}));
        let gate = Gate::new(conf()).unwrap();
        for malformed in ["", "a", "a.b", "a.b.c", "..", &format!("{token}.x"), &token[1..]] {
            assert!(gate.judge(malformed, NOW).is_err(), "{malformed}");
        }
        refused(conf(), &json!([1]), JwtError::Malformed);
    }

    #[test]
    fn a_token_is_valid_from_nbf_and_iat_to_before_exp() {
        assert!(judge(conf(), &json!({"nbf": 1000, "iat": 1000, "exp": 1001})).is_ok());
        refused(conf(), &json!({"exp": 1000}), JwtError::Expired);
        refused(conf(), &json!({"nbf": 1000.5}), JwtError::Early);
        refused(conf(), &json!({"iat": 1001}), JwtError::Early);

        let lenient = JwtConf { leeway: Duration::from_secs(5), ..conf() };
        assert!(judge(lenient.clone(), &json!({"nbf": 1005, "exp": 996})).is_ok());
        refused(lenient.clone(), &json!({"nbf": 1006}), JwtError::Early);
        refused(lenient, &json!({"exp": 995}), JwtError::Expired);
    }

    #[test]
    fn a_time_that_is_no_number_is_not_overlooked() {
        for claim in ["exp", "nbf", "iat"] {
            refused(conf(), &json!({claim: "9999999999"}), JwtError::Malformed);
            refused(conf(), &json!({claim: null}), JwtError::Malformed);
        }
    }

    #[test]
    fn an_exp_can_be_required() {
        assert!(judge(conf(), &json!({})).is_ok());
        refused(JwtConf { require_exp: true, ..conf() }, &json!({}), JwtError::NoExpiry);
    }

    #[test]
    fn issuer_and_audience_are_compared() {
        let issuer = JwtConf { issuer: Some("us".into()), ..conf() };
        assert!(judge(issuer.clone(), &json!({"iss": "us"})).is_ok());
        for claims in [json!({"iss": "them"}), json!({}), json!({"iss": ["us"]})] {
            refused(issuer.clone(), &claims, JwtError::Issuer);
        }
        let audience = JwtConf { audience: Some("chat".into()), ..conf() };
        assert!(judge(audience.clone(), &json!({"aud": "chat"})).is_ok());
        assert!(judge(audience.clone(), &json!({"aud": ["mail", "chat"]})).is_ok());
        for claims in
            [json!({"aud": "mail"}), json!({}), json!({"aud": [["chat"]]}), json!({"aud": {"chat": 1}})]
        {
            refused(audience.clone(), &claims, JwtError::Audience);
        }
    }

    #[test]
    fn a_config_that_protects_nothing_is_a_mistake() {
        let short = "a JWT secret of less than 8 bytes";
        assert_eq!(Gate::new(JwtConf::default()).err(), Some(short));
        assert_eq!(Gate::new(JwtConf::new("1234567")).err(), Some(short));
        assert_eq!(Gate::new(JwtConf { prev_secret: Some("1234567".into()), ..conf() }).err(), Some(short));
        assert_eq!(Gate::new(JwtConf { algorithms: Vec::new(), ..conf() }).err(), Some("no JWT algorithm"));
        assert!(Gate::new(JwtConf::new("12345678")).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn nothing_but_what_was_signed_is_let_in(at in 0_usize..200, to in "[A-Za-z0-9_.-]", cut in 0_usize..200) {
            let token = signed(Algorithm::HS256, SECRET, &json!({"sub": "ann", "exp": 2000}));
            let gate = Gate::new(conf()).unwrap();
            let mut changed = token.clone();
            let at = at % token.len();
            changed.replace_range(at..=at, &to);
            // The last sign of base64 has bits that say nothing: jsonwebtoken refuses those that are not zero.
            proptest::prop_assert_eq!(gate.judge(&changed, NOW).is_ok(), changed == token);
            proptest::prop_assert!(gate.judge(&token[..cut % token.len()], NOW).is_err());
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}", parts in "[A-Za-z0-9_-]{0,80}[.][A-Za-z0-9_-]{0,80}[.][A-Za-z0-9_-]{0,80}") {
            let gate = Gate::new(conf()).unwrap();
            proptest::prop_assert!(gate.judge(&text, NOW).is_err() && gate.judge(&parts, NOW).is_err());
        }
    }
}
