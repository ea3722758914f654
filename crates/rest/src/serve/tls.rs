use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::RestConf;
use crate::error::ServeError;

/// Makes what accepts TLS from `CertFile` and `KeyFile`; `None` where neither is set.
///
/// A config that asks for TLS and cannot have it is an error, never plain HTTP.
pub(super) fn acceptor(conf: &RestConf) -> Result<Option<TlsAcceptor>, ServeError> {
    let (cert_file, key_file) = match (&conf.cert_file, &conf.key_file) {
        (None, None) => return Ok(None),
        (Some(cert_file), Some(key_file)) => (cert_file, key_file),
        (Some(_), None) => return Err(ServeError::Tls("CertFile is set, but KeyFile is not".to_owned())),
        (None, Some(_)) => return Err(ServeError::Tls("KeyFile is set, but CertFile is not".to_owned())),
    };
    let certs = CertificateDer::pem_file_iter(cert_file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable("CertFile", cert_file, &error))?;
    let key =
        PrivateKeyDer::from_pem_file(key_file).map_err(|error| unreadable("KeyFile", key_file, &error))?;

    let mut tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(certs, key))
        .map_err(|error| ServeError::Tls(error.to_string()))?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(tls))))
}

fn unreadable(key: &str, file: &Path, error: &dyn std::fmt::Display) -> ServeError {
    ServeError::Tls(format!("{key}: {}: {error}", file.display()))
}
