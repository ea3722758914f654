//! Groups that want signatures, in an engine.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use http::{HeaderMap, Method};
use http_body_util::BodyExt;

use super::*;
use crate::conf::{PrivateKeyConf, SignatureConf};
use crate::service::EngineService;
use crate::signature::SigningKey;
use crate::{Engine, RestConf, Route, RouteGroup, ServeError};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// A file of this test's own, gone with it.
struct KeyFile(PathBuf);

impl KeyFile {
    fn new(content: &[u8]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("zeroxide-key-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content).unwrap();
        Self(path)
    }

    fn conf(&self) -> SignatureConf {
        let key = PrivateKeyConf { fingerprint: "mobile".to_owned(), key_file: self.0.clone() };
        SignatureConf { strict: true, private_keys: vec![key], ..SignatureConf::default() }
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn engine(change: impl FnOnce(&mut SignatureConf)) -> Engine {
    let file = KeyFile::new(&[SECRET, b"\n"].concat());
    let mut conf = file.conf();
    change(&mut conf);
    let mut engine = Engine::new(RestConf { max_bytes: 1000, ..RestConf::default() });
    let mut group = RouteGroup::new().signature(conf);
    let methods = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::HEAD,
        Method::OPTIONS,
    ];
    for method in methods {
        group = group.route(Route::new(method, "/echo", async |body: String| format!("got {body}")));
    }
    engine.add_routes(group);
    engine
}

fn service() -> EngineService {
    engine(|_| ()).into_service().unwrap()
}

fn key() -> SigningKey {
    SigningKey::new("mobile", SECRET).unwrap()
}

async fn ask(
    service: &EngineService,
    method: Method,
    target: &str,
    headers: HeaderMap,
    body: impl Into<Body>,
) -> (u16, Vec<u8>) {
    let mut request = Request::new(body.into());
    *request.method_mut() = method;
    *request.uri_mut() = target.parse().unwrap();
    *request.headers_mut() = headers;
    let response = service.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    (status, response.into_body().collect().await.unwrap().to_bytes().to_vec())
}

#[tokio::test]
async fn what_is_signed_comes_through_once() {
    let service = service();
    let signed = key().sign(&Method::POST, "/echo?a=1", "money", SystemTime::now());
    let answer = ask(&service, Method::POST, "/echo?a=1", signed.headers(), signed.body()).await;
    assert_eq!(answer, (200, b"got money".to_vec()));

    let replayed = ask(&service, Method::POST, "/echo?a=1", signed.headers(), signed.body()).await;
    assert_eq!(replayed, (403, Vec::new()));
}

#[tokio::test]
async fn what_is_changed_or_not_signed_is_forbidden_with_every_method() {
    let service = service();
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        assert_eq!(ask(&service, method.clone(), "/echo", HeaderMap::new(), "").await.0, 403, "{method}");
        let signed = key().sign(&method, "/echo", "", SystemTime::now());
        assert_eq!(ask(&service, method.clone(), "/echo", signed.headers(), "").await.0, 200, "{method}");
    }
    let signed = || key().sign(&Method::POST, "/echo?a=1", "money", SystemTime::now()).headers();
    for (method, target, body) in [
        (Method::PUT, "/echo?a=1", "money"),
        (Method::POST, "/echo?a=2", "money"),
        (Method::POST, "//echo?a=1", "money"),
        (Method::POST, "/echo?a=1", "Money"),
    ] {
        assert_eq!(ask(&service, method, target, signed(), body).await.0, 403, "{target} {body}");
    }
    for (from, to) in
        [("time=1", "time=2"), ("key=mobile", "key=tablet"), ("type=0", "type=1"), ("; nonce", ";")]
    {
        let mut headers = signed();
        let changed = headers["x-content-security"].to_str().unwrap().replace(from, to);
        headers.insert("x-content-security", changed.parse().unwrap());
        assert_eq!(ask(&service, Method::POST, "/echo?a=1", headers, "money").await.0, 403, "{changed}");
    }
    let mut headers = signed();
    headers.insert("x-request-uri", "/echo?a=1".parse().unwrap());
    assert_eq!(ask(&service, Method::POST, "/echo?a=2", headers, "money").await.0, 403);
    let stranger = SigningKey::new("mobile", b"another secret of thirty-two bytes").unwrap();
    let headers = stranger.sign(&Method::POST, "/echo", "", SystemTime::now()).headers();
    assert_eq!(ask(&service, Method::POST, "/echo", headers, "").await.0, 403);
}

#[tokio::test]
async fn a_signature_is_good_for_its_time_and_not_longer() {
    let service = engine(|conf| conf.expiry = Duration::from_secs(100)).into_service().unwrap();
    let now = SystemTime::now();
    for (offset, status) in [(-90, 200), (90, 200), (-110, 403), (110, 403)] {
        let distance = Duration::from_secs(i64::unsigned_abs(offset));
        let at = if offset < 0 { now - distance } else { now + distance };
        let signed = key().sign(&Method::GET, "/echo", "", at);
        let answer = ask(&service, Method::GET, "/echo", signed.headers(), "").await;
        assert_eq!(answer.0, status, "{offset}");
    }
}

#[tokio::test]
async fn where_it_is_not_strict_none_is_fine_and_a_wrong_one_is_not() {
    let service = engine(|conf| conf.strict = false).into_service().unwrap();
    assert_eq!(ask(&service, Method::POST, "/echo", HeaderMap::new(), "a").await.0, 200);
    let signed = key().sign(&Method::POST, "/echo", "b", SystemTime::now());
    assert_eq!(ask(&service, Method::POST, "/echo", signed.headers(), "a").await.0, 403);
}

#[tokio::test]
async fn sealed_bodies_are_encrypted_both_ways() {
    let service = service();
    let signed = key().seal(&Method::POST, "/echo", "a secret order", SystemTime::now());
    assert!(!signed.body().windows(6).any(|window| window == b"secret"));
    let (status, body) = ask(&service, Method::POST, "/echo", signed.headers(), signed.body()).await;
    assert_eq!(status, 200);
    assert!(!body.windows(6).any(|window| window == b"secret"));
    assert_eq!(signed.open(&body).unwrap(), b"got a secret order");

    let other = key().seal(&Method::POST, "/echo", "a secret order", SystemTime::now());
    assert!(other.open(&body).is_err(), "the answer is to another request");

    let signed = key().seal(&Method::GET, "/echo", "", SystemTime::now());
    let (_, body) = ask(&service, Method::GET, "/echo", signed.headers(), "").await;
    assert_eq!(signed.open(&body).unwrap(), b"got ");
}

#[tokio::test]
async fn other_refusals_have_their_status() {
    let service = engine(|conf| conf.max_nonces = 1).into_service().unwrap();
    let signed = || key().sign(&Method::POST, "/echo", "a", SystemTime::now()).headers();
    assert_eq!(ask(&service, Method::POST, "/echo", signed(), "a").await.0, 200);
    assert_eq!(ask(&service, Method::POST, "/echo", signed(), "a").await.0, 503);

    let pieces = vec![vec![b'a'; 600]; 2].into_iter().map(Ok::<_, Infallible>);
    let large = Body::from_stream(futures_util::stream::iter(pieces));
    assert_eq!(ask(&service, Method::POST, "/echo", signed(), large).await.0, 413);
}

#[tokio::test]
async fn a_hook_makes_the_answer_but_never_a_success_of_it() {
    let mut engine = engine(|_| ());
    engine.on_unsigned(|_, error| error.to_string());
    let service = engine.into_service().unwrap();
    let answer = ask(&service, Method::GET, "/echo", HeaderMap::new(), "").await;
    assert_eq!(answer, (403, b"there is no signature".to_vec()));
}

#[test]
fn a_key_that_protects_nothing_is_a_mistake() {
    let (short, pem) = (KeyFile::new(b"short"), KeyFile::new(b"-----BEGIN RSA PRIVATE KEY-----\n"));
    let good = KeyFile::new(SECRET);
    let mut twice = good.conf();
    twice.private_keys.push(twice.private_keys[0].clone());
    for (conf, reason) in [
        (SignatureConf::default(), "a signature and no key"),
        (short.conf(), "needs a secret of 32 bytes"),
        (pem.conf(), "is a PEM key"),
        (twice, "two keys named mobile"),
    ] {
        let mut engine = Engine::new(RestConf::default());
        engine.add_routes(RouteGroup::new().signature(conf).route(Route::get("/", async || ())));
        let Err(ServeError::Routes(errors)) = engine.into_service() else { panic!("{reason} is no mistake") };
        let text = errors[0].to_string();
        assert!(text.starts_with("GET / is in a group with") && text.contains(reason), "{text}");
    }
}
