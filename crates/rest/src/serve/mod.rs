//! Serving on sockets: listen, accept, TLS, hyper, stop.

mod accept;
mod connection;
mod activity;
mod socket;
mod tls;
mod dev;
mod signals;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, lookup_host};
use tokio_rustls::TlsAcceptor;

pub(crate) use self::socket::Socket;

use self::dev::DevServer;
use self::signals::Signals;
use crate::RestConf;
use crate::error::ServeError;
use crate::service::EngineService;

/// An engine that listens. Connections are accepted once it is [started](Self::start).
pub struct Server {
    conf: Arc<RestConf>,
    service: EngineService,
    listener: TcpListener,
    addr: SocketAddr,
    tls: Option<TlsAcceptor>,
    dev: Option<DevServer>,
}

impl Server {
    pub(crate) async fn new(
        conf: RestConf,
        service: EngineService,
        listener: TcpListener,
    ) -> Result<Self, ServeError> {
        let addr = listener.local_addr().map_err(ServeError::Io)?;
        let tls = tls::acceptor(&conf)?;
        let dev = DevServer::bind(&conf, &service).await?;
        Ok(Self { conf: Arc::new(conf), service, listener, addr, tls, dev })
    }

    /// The address it listens on, with the port that the system chose where the config says 0.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The address of the [development server](crate::conf::DevServerConf), where there is one.
    pub fn dev_addr(&self) -> Option<SocketAddr> {
        self.dev.as_ref().map(DevServer::addr)
    }

    /// Where a browser on this machine finds it, such as `http://localhost:8888`.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let ip = self.addr.ip();
        if ip.is_loopback() || ip.is_unspecified() {
            return format!("{scheme}://localhost:{}", self.addr.port());
        }
        format!("{scheme}://{}", self.addr)
    }

    /// Serves until SIGTERM or SIGINT, then drains; a second signal drops what is left.
    ///
    /// It returns when the listener is closed and no task of the engine is left, `Shutdown.WaitTime` after the first
    /// signal at the latest.
    ///
    /// # Errors
    ///
    /// [`ServeError::Io`] when the signals cannot be listened to. A connection's errors end that connection alone.
    pub async fn start(self) -> Result<(), ServeError> {
        let signals = Signals::new().map_err(ServeError::Io)?;
        self.serve(signals.clone().received(1), signals.received(2)).await
    }

    /// Serves until `shutdown`, then drains until all is done, time is up or `abort` is ready.
    pub(crate) async fn serve(
        self,
        shutdown: impl Future<Output = ()>,
        abort: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let lifecycle = self.service.lifecycle().clone();
        let Self { conf, service, listener, tls, dev, .. } = self;
        service.run_background();
        let dev_lifecycle = dev.as_ref().map(|dev| dev.lifecycle().clone());
        let dev = async {
            match dev {
                Some(dev) => dev.serve().await,
                None => std::future::pending().await,
            }
        };

        let lame_duck = async {
            shutdown.await;
            tracing::info!("stopping");
            lifecycle.lame_duck(&conf.shutdown).await;
        };
        let stop = async {
            tokio::select! {
                () = lame_duck => {}
                never = accept::accept(listener, tls, conf.clone(), service) => match never {},
            }
            lifecycle.drain(&conf.shutdown).await;
        };
        tokio::select! {
            () = stop => {}
            () = abort => tracing::warn!("asked a second time, the rest is aborted"),
            never = dev => match never {},
        }
        lifecycle.abort().await;
        if let Some(dev_lifecycle) = dev_lifecycle {
            dev_lifecycle.abort().await;
        }
        tracing::info!("stopped");
        Ok(())
    }
}

/// Listens on `host:port`. Of a host's addresses the first that can be listened on is taken, IPv4 before IPv6, as Go does.
pub(crate) async fn bind(host: &str, port: u16) -> Result<TcpListener, ServeError> {
    let failed = |source| ServeError::Bind { addr: format!("{host}:{port}"), source };
    let mut addrs: Vec<_> = lookup_host((host, port)).await.map_err(failed)?.collect();
    addrs.sort_by_key(SocketAddr::is_ipv6);
    TcpListener::bind(&*addrs).await.map_err(failed)
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("addr", &self.addr).finish_non_exhaustive()
    }
}
