//! Serving on sockets: listen, accept, TLS, hyper, stop.

mod accept;
mod connection;
mod activity;
mod socket;
mod tls;
mod dev;
mod signals;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, lookup_host};
use tokio_rustls::TlsAcceptor;

pub(crate) use self::socket::{Socket, Stream};

use self::dev::DevServer;
use self::signals::Signals;
use crate::RestConf;
use crate::conf::DevServerConf;
use crate::error::ServeError;
use crate::service::EngineService;

/// An engine that listens. Connections are accepted once it is [started](Self::start).
///
/// From here on SIGTERM and SIGINT do not end the process by themselves, so that one that comes early is not lost.
pub struct Server {
    engine: Listening,
    signals: Signals,
}

impl Server {
    pub(crate) fn new(engine: Listening) -> Result<Self, ServeError> {
        Ok(Self { engine, signals: Signals::new().map_err(ServeError::Io)? })
    }

    /// The address it listens on, with the port that the system chose where the config says 0.
    pub fn addr(&self) -> SocketAddr {
        self.engine.addr
    }

    /// The address of the [development server](crate::conf::DevServerConf), where there is one.
    pub fn dev_addr(&self) -> Option<SocketAddr> {
        self.engine.dev.as_ref().map(DevServer::addr)
    }

    /// Where a browser on this machine finds it, such as `http://localhost:8888`.
    pub fn url(&self) -> String {
        let Listening { addr, tls, .. } = &self.engine;
        let scheme = if tls.is_some() { "https" } else { "http" };
        if addr.ip().is_loopback() || addr.ip().is_unspecified() {
            return format!("{scheme}://localhost:{}", addr.port());
        }
        format!("{scheme}://{addr}")
    }

    /// Serves until SIGTERM or SIGINT, then drains; a second signal, from 100 ms after the first on, drops what is left.
    ///
    /// It returns when the listener is closed and no task of the engine is left, `Shutdown.WaitTime` after the first
    /// signal at the latest. A connection's errors end that connection alone.
    pub async fn start(self) -> Result<(), ServeError> {
        let Self { engine, signals } = self;
        engine.serve(signals.clone().received(1), signals.received(2)).await;
        Ok(())
    }
}

/// An engine, built, with its listener.
pub(crate) struct Listening {
    conf: Arc<RestConf>,
    service: EngineService,
    listener: TcpListener,
    addr: SocketAddr,
    tls: Option<TlsAcceptor>,
    dev: Option<DevServer>,
}

impl Listening {
    pub(crate) async fn new(
        conf: RestConf,
        service: EngineService,
        listener: TcpListener,
    ) -> Result<Self, ServeError> {
        let addr = listener.local_addr().map_err(ServeError::Io)?;
        let without_effect = conf.without_effect();
        if !without_effect.is_empty() {
            tracing::warn!("these settings have no effect: {}", without_effect.join(", "));
        }
        if conf.dev_server != DevServerConf::default() && !conf.dev_server.enabled {
            tracing::warn!("there is no development server, as DevServer.Enabled is not true");
        }
        let tls = tls::acceptor(&conf)?;
        let dev = DevServer::bind(&conf, &service).await?;
        Ok(Self { conf: Arc::new(conf), service, listener, addr, tls, dev })
    }

    /// Serves until `shutdown`, then drains until all is done, time is up or `abort` is ready.
    pub(crate) async fn serve(self, shutdown: impl Future<Output = ()>, abort: impl Future<Output = ()>) {
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
    }
}

/// Listens on `host:port`. Of a host's addresses the first is taken, IPv4 before IPv6, as Go does. Trying the next one would
/// hide that the port is in use.
pub(crate) async fn bind(host: &str, port: u16) -> Result<TcpListener, ServeError> {
    let failed = |source| ServeError::Bind { addr: format!("{host}:{port}"), source };
    let mut addrs = lookup_host((host, port)).await.map_err(failed)?;
    let addr = addrs.by_ref().min_by_key(SocketAddr::is_ipv6);
    let addr = addr.ok_or_else(|| failed(io::Error::other("the host has no address")))?;
    TcpListener::bind(addr).await.map_err(failed)
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("addr", &self.engine.addr).finish_non_exhaustive()
    }
}
