use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use crate::RestConf;
use crate::error::ServeError;
use crate::shutdown::Stopping;

/// What accepts TLS with the certificate of `CertFile` and `KeyFile`.
pub(super) struct Tls {
    pub(super) acceptor: TlsAcceptor,
    certificate: Arc<Certificate>,
}

impl Tls {
    /// Reads the files; `None` where neither is set.
    ///
    /// A config that asks for TLS and cannot have it is an error, never plain HTTP.
    pub(super) fn new(conf: &RestConf) -> Result<Option<Self>, ServeError> {
        // A file of go-zero's has an empty text for none.
        let named = |file: &Option<PathBuf>| file.clone().filter(|file| !file.as_os_str().is_empty());
        let (cert, key) = match (named(&conf.cert_file), named(&conf.key_file)) {
            (None, None) => return Ok(None),
            (Some(cert), Some(key)) => (cert, key),
            (Some(_), None) => return Err(ServeError::Tls("CertFile is set, but KeyFile is not".to_owned())),
            (None, Some(_)) => return Err(ServeError::Tls("KeyFile is set, but CertFile is not".to_owned())),
        };
        let provider = Arc::new(ring::default_provider());
        let files = Files { cert, key };
        let certificate = Certificate::read(files, &provider).map_err(ServeError::Tls)?;
        let certificate = Arc::new(certificate);
        let mut tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| ServeError::Tls(error.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(certificate.clone());
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Some(Self { acceptor: TlsAcceptor::from(Arc::new(tls)), certificate }))
    }

    /// Looks at the files every so often, and takes what is new in them for new connections, until the engine drains.
    ///
    /// What cannot be used is logged, once, and the old certificate is kept.
    pub(super) fn watch(
        &self,
        interval: Duration,
        mut stopping: Stopping,
    ) -> impl Future<Output = ()> + use<> {
        let certificate = self.certificate.clone();
        async move {
            loop {
                tokio::select! {
                    () = sleep(interval) => {}
                    () = stopping.draining() => return,
                }
                let certificate = certificate.clone();
                // Not on a thread of the runtime: where files are on a network, reading may take long.
                match tokio::task::spawn_blocking(move || certificate.refresh()).await {
                    Ok(None) => {}
                    Ok(Some(Ok(()))) => tracing::info!("new connections have the new certificate"),
                    Ok(Some(Err(reason))) => {
                        tracing::error!(
                            "the old certificate is kept, as the new one cannot be used: {reason}"
                        );
                    }
                    Err(error) => tracing::error!(%error, "the certificate could not be looked at"),
                }
            }
        }
    }
}

/// A certificate and its key, and the files that they are from.
#[derive(Debug)]
struct Certificate {
    files: Files,
    provider: Arc<CryptoProvider>,
    current: RwLock<Current>,
}

#[derive(Debug)]
struct Current {
    key: Arc<CertifiedKey>,
    /// What was in the files when they were looked at last.
    seen: u64,
}

impl Certificate {
    fn read(files: Files, provider: &Arc<CryptoProvider>) -> Result<Self, String> {
        let seen = files.fingerprint();
        let key = Arc::new(files.read(provider)?);
        Ok(Self { files, provider: provider.clone(), current: RwLock::new(Current { key, seen }) })
    }

    /// Takes what is new in the files, by their contents: a time may stand still while a link points elsewhere. `None` if
    /// nothing is new.
    fn refresh(&self) -> Option<Result<(), String>> {
        let seen = self.files.fingerprint();
        if seen == self.current.read().unwrap_or_else(PoisonError::into_inner).seen {
            return None;
        }
        let read = self.files.read(&self.provider);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.seen = seen;
        Some(read.map(|key| current.key = Arc::new(key)))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.read().unwrap_or_else(PoisonError::into_inner).key.clone())
    }
}

#[derive(Debug)]
struct Files {
    cert: PathBuf,
    key: PathBuf,
}

impl Files {
    fn read(&self, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
        let certs = CertificateDer::pem_file_iter(&self.cert)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| unusable("CertFile", &self.cert, &error))?;
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|error| unusable("KeyFile", &self.key, &error))?;
        if certs.is_empty() {
            return Err(unusable("CertFile", &self.cert, &"it has no certificate"));
        }
        CertifiedKey::from_der(certs, key, provider).map_err(|error| error.to_string())
    }

    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for file in [&self.cert, &self.key] {
            fs::read(file).ok().hash(&mut hasher);
        }
        hasher.finish()
    }
}

fn unusable(key: &str, file: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{key}: {}: {error}", file.display())
}
