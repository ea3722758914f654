use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rest::{Engine, RestConf, Route};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::http2;
use crate::support::client::Client;
use crate::support::log::Log;
use crate::support::{Running, conf, within};

/// A certificate for `localhost` on disk, in a directory of the test's own.
struct Files {
    dir: PathBuf,
    cert: CertificateDer<'static>,
}

impl Files {
    fn new(test: &str) -> Self {
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(test);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("empty.pem"), "").unwrap();
        let mut files = Self { dir, cert: CertificateDer::from(Vec::new()) };
        files.renew();
        files
    }

    /// Replaces the certificate and its key.
    fn renew(&mut self) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(self.dir.join("cert.pem"), cert.pem()).unwrap();
        fs::write(self.dir.join("key.pem"), signing_key.serialize_pem()).unwrap();
        self.cert = cert.der().clone();
    }

    /// A config with these files of the directory.
    fn conf(&self, cert: Option<&str>, key: Option<&str>) -> RestConf {
        let path = |name: Option<&str>| name.map(|name| self.dir.join(name));
        RestConf {
            host: "127.0.0.1".to_owned(),
            port: 0,
            cert_file: path(cert),
            key_file: path(key),
            ..conf()
        }
    }

    /// Connects as a client that trusts the certificate and wants one of these protocols.
    async fn connect(&self, running: &Running, alpn: &[&str]) -> TlsStream<TcpStream> {
        self.try_connect(running, alpn).await.unwrap()
    }

    async fn try_connect(&self, running: &Running, alpn: &[&str]) -> io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.cert.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let tcp = TcpStream::connect(running.addr).await.unwrap();
        let handshake = TlsConnector::from(Arc::new(config)).connect("localhost".try_into().unwrap(), tcp);
        within("the handshake", handshake).await
    }
}

fn engine(conf: RestConf) -> Engine {
    let mut engine = Engine::new(conf);
    engine.add_route(Route::get("/", || async { "Hello!" }));
    engine
}

#[tokio::test]
async fn tls_offers_http2_and_http1() {
    let files = Files::new("tls_offers_http2_and_http1");
    let running = Running::start(engine(files.conf(Some("cert.pem"), Some("key.pem")))).await;

    let tls = files.connect(&running, &["http/1.1", "h2"]).await;
    assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut sender = http2::connect(tls).await;
    assert_eq!(http2::get(&mut sender, "https://localhost/").await, "HTTP/2.0 200 Hello!");

    for alpn in [&["http/1.1"][..], &[]] {
        let tls = files.connect(&running, alpn).await;
        assert_eq!(tls.get_ref().1.alpn_protocol(), alpn.first().map(|protocol| protocol.as_bytes()));
        assert_eq!(Client::new(tls).get("/").await.body, "Hello!", "{alpn:?}");
    }
}

#[tokio::test]
async fn plain_http_is_not_served_where_tls_is_and_does_no_harm() {
    let files = Files::new("plain_http_is_not_served_where_tls_is_and_does_no_harm");
    let running = Running::start(engine(files.conf(Some("cert.pem"), Some("key.pem")))).await;

    let mut plain = Client::connect(running.addr).await;
    plain.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(!plain.closed().await.contains("Hello!"));

    assert_eq!(Client::new(files.connect(&running, &[]).await).get("/").await.body, "Hello!");
}

#[tokio::test]
async fn a_stopping_engine_does_not_wait_for_a_handshake() {
    let files = Files::new("a_stopping_engine_does_not_wait_for_a_handshake");
    let running = Running::start(engine(files.conf(Some("cert.pem"), Some("key.pem")))).await;
    let mut silent = Client::connect(running.addr).await;
    // Connections are accepted in order, so that the silent one is in the engine's hands by now.
    Client::new(files.connect(&running, &[]).await).get("/").await;

    running.stop().await;

    assert_eq!(silent.closed().await, "");
}

#[tokio::test]
async fn a_config_that_cannot_have_tls_is_an_error() {
    let files = Files::new("a_config_that_cannot_have_tls_is_an_error");

    for (cert, key, expected) in [
        (Some("cert.pem"), None, "CertFile is set, but KeyFile is not"),
        (None, Some("key.pem"), "KeyFile is set, but CertFile is not"),
        (Some("no.pem"), Some("key.pem"), "CertFile: "),
        (Some("cert.pem"), Some("no.pem"), "KeyFile: "),
        (Some("empty.pem"), Some("key.pem"), ""),
        (Some("cert.pem"), Some("empty.pem"), "KeyFile: "),
        (Some("cert.pem"), Some("cert.pem"), "KeyFile: "),
    ] {
        let error = engine(files.conf(cert, key)).bind().await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot serve TLS: {expected}")), "{cert:?} {key:?}: {error}");
    }
}

#[tokio::test]
async fn a_server_with_tls_says_https() {
    let files = Files::new("a_server_with_tls_says_https");

    let server = engine(files.conf(Some("cert.pem"), Some("key.pem"))).bind().await.unwrap();

    assert_eq!(server.url(), format!("https://localhost:{}", server.addr().port()));
}

/// An engine that looks at its files all the time.
async fn watching(files: &Files) -> Running {
    let cert_reload_interval = Duration::from_millis(5);
    let conf = files.conf(Some("cert.pem"), Some("key.pem"));
    Running::start(engine(RestConf { cert_reload_interval, ..conf })).await
}

#[tokio::test]
async fn a_new_certificate_is_taken_for_new_connections() {
    let mut files = Files::new("a_new_certificate_is_taken_for_new_connections");
    let running = watching(&files).await;
    let mut old = Client::new(files.connect(&running, &[]).await);

    files.renew();

    within("the new certificate is there", async {
        while files.try_connect(&running, &[]).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(old.get("/").await.body, "Hello!", "what is open stays open");
}

#[tokio::test]
async fn a_new_certificate_that_is_broken_is_told_and_the_old_one_kept() {
    let (log, _guard) = Log::capture();
    let files = Files::new("a_new_certificate_that_is_broken_is_told_and_the_old_one_kept");
    let running = watching(&files).await;
    assert_eq!(Client::new(files.connect(&running, &[]).await).get("/").await.body, "Hello!");

    // In one step: a file that is being written would be another broken one.
    fs::write(files.dir.join("broken.pem"), "-----BEGIN CERTIFICATE-----\nbroken").unwrap();
    fs::rename(files.dir.join("broken.pem"), files.dir.join("cert.pem")).unwrap();

    within("it is told", async {
        while !log.text().contains("the old certificate is kept, as the new one cannot be used: CertFile: ") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(Client::new(files.connect(&running, &[]).await).get("/").await.body, "Hello!");
    running.stop().await;
    assert_eq!(log.text().matches("the old certificate is kept").count(), 1, "{}", log.text());
}
