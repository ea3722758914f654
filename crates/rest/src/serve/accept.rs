use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::connection::serve_connection;
use super::connections::Connections;
use crate::RestConf;
use crate::service::EngineService;

/// How long to wait for others to give back what the system has run out of.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Accepts connections and spawns their tasks, for as long as it is polled.
///
/// One that is too many is told so, or closed. No error ends it: a connection that broke before it was accepted is its client's affair, and having run out of file
/// descriptors or memory passes.
pub(super) async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    conf: Arc<RestConf>,
    service: EngineService,
) -> Infallible {
    let connections = Connections::new(&conf, service.lifecycle().metrics());
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let Some(slot) = connections.admit(peer.ip()) else {
                    tracing::debug!(%peer, "one connection too many");
                    // In TLS it would take a handshake to say so.
                    if tls.is_none()
                        && let Some(refusal) = connections.refuse(stream)
                    {
                        service.lifecycle().spawn(refusal);
                    }
                    continue;
                };
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, %peer, "cannot set TCP_NODELAY");
                }
                let task = serve_connection(stream, slot, peer, tls.clone(), conf.clone(), service.clone());
                service.lifecycle().spawn(task);
            }
            Err(error) if is_connections_own(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept connections, will try again");
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

fn is_connections_own(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
