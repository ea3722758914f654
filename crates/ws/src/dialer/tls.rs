use std::io;
use std::sync::{Arc, OnceLock};

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::error::{ConnectError, Kind};

/// Whom a dialer trusts. Clones share it, and thereby the sessions that can be resumed.
#[derive(Clone, Default)]
pub(super) struct Tls(Arc<OnceLock<Arc<ClientConfig>>>);

impl Tls {
    pub(super) fn with(config: Arc<ClientConfig>) -> Self {
        Self(Arc::new(config.into()))
    }

    /// Shakes hands for a protocol of RFC 7301, which the server need not confirm.
    pub(super) async fn connect(
        &self,
        host: &str,
        alpn: &[u8],
        tcp: TcpStream,
    ) -> Result<TlsStream<TcpStream>, ConnectError> {
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|_| Kind::Url("no certificate can be for its host"))?;
        let mut config = ClientConfig::clone(&*self.config()?); // but for this one field, all of it is shared
        config.alpn_protocols = vec![alpn.to_vec()];
        let connected = TlsConnector::from(Arc::new(config)).connect(name, tcp).await;
        Ok(connected.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => Kind::Tls(error), // rustls's own, others are the connection's
            _ => Kind::Io(error),
        })?)
    }

    fn config(&self) -> Result<Arc<ClientConfig>, ConnectError> {
        if self.0.get().is_none() {
            let _ = self.0.set(default_config()?); // another connection was faster
        }
        Ok(self.0.get().expect("it was set").clone())
    }
}

#[cfg(feature = "webpki-roots")]
fn default_config() -> Result<Arc<ClientConfig>, ConnectError> {
    use tokio_rustls::rustls::RootCertStore;
    use tokio_rustls::rustls::crypto::ring;

    let provider = Arc::new(ring::default_provider()); // named, as the process may have chosen none, or several
    let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has what the default versions of TLS take")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let Tls(config) = Tls::with(Arc::new(config));
    Ok(config.get().expect("it was set").clone())
}

#[cfg(not(feature = "webpki-roots"))]
fn default_config() -> Result<Arc<ClientConfig>, ConnectError> {
    Err(Kind::Request("nobody is trusted: `Dialer::tls` says whom, or the feature `webpki-roots`").into())
}
