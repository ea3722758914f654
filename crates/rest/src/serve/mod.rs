//! Serving on sockets: listen, accept, TLS, hyper, stop.

mod accept;
mod connections;
mod connection;
mod http;
mod host;
mod activity;
mod socket;
mod wire;
mod tls;
mod dev;
mod signals;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::net::{TcpListener, lookup_host};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

pub(crate) use self::activity::Carrier;
pub(crate) use self::socket::{Socket, Stream};

use self::dev::DevServer;
pub(crate) use self::signals::Signals;
use self::tls::Tls;
use crate::RestConf;
use crate::conf::DevServerConf;
use crate::engine::Built;
use crate::error::ServeError;
use crate::service::EngineService;
use crate::shutdown::{Lifecycle, within};
use crate::stop::{StopHandle, Stopped};
use crate::telemetry::Exporter;

/// An engine that listens. Connections are accepted once it is [started](Self::start).
///
/// From here on SIGTERM and SIGINT do not end the process by themselves, so that one that comes early is not lost.
pub struct Server {
    engine: Listening,
    signals: Signals,
    stop: Stopped,
}

impl Server {
    pub(crate) fn new(engine: Listening) -> Result<Self, ServeError> {
        Ok(Self { engine, signals: Signals::new().map_err(ServeError::Io)?, stop: Stopped::default() })
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

    /// What stops it, from wherever that is: besides a signal, or instead of one.
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.handle()
    }

    /// Serves until SIGTERM, SIGINT or [`stop`](StopHandle::stop), then drains; a second signal, from 100 ms after the first
    /// on, drops what is left.
    ///
    /// It returns when the listener is closed and no task of the engine is left, `Shutdown.WaitTime` after the first
    /// signal at the latest, and a second or two later if tasks block their thread or a listener takes that long. A
    /// connection's errors end that connection alone. Whoever drops this future drops all tasks of the engine.
    pub async fn start(self) -> Result<(), ServeError> {
        let signals = self.signals.clone();
        let abort = signals.clone().received(2);
        self.serve_until(signals.received(1), abort).await;
        Ok(())
    }

    /// Serves without a thought of signals.
    pub(crate) async fn serve(self, shutdown: impl Future<Output = ()>) {
        self.serve_until(shutdown, std::future::pending()).await;
    }

    /// How long it may take to stop.
    pub(crate) fn shutdown_time(&self) -> Duration {
        shutdown_time(&self.engine.conf)
    }

    async fn serve_until(self, shutdown: impl Future<Output = ()>, abort: impl Future<Output = ()>) {
        let Self { engine, stop, .. } = self;
        let shutdown = async {
            tokio::select! {
                () = shutdown => {}
                () = stop.asked() => {}
            }
        };
        engine.serve(shutdown, abort).await;
    }
}

/// An engine, built, with its listener.
pub(crate) struct Listening {
    conf: Arc<RestConf>,
    service: EngineService,
    listener: TcpListener,
    addr: SocketAddr,
    tls: Option<Tls>,
    dev: Option<DevServer>,
    exporter: Option<Exporter>,
}

impl Listening {
    pub(crate) async fn new(built: Built, listener: TcpListener) -> Result<Self, ServeError> {
        let Built { conf, service, exporter } = built;
        let addr = listener.local_addr().map_err(ServeError::Io)?;
        let without_effect = conf.without_effect();
        if !without_effect.is_empty() {
            tracing::warn!("these settings have no effect: {}", without_effect.join(", "));
        }
        if conf.dev_server != DevServerConf::default() && !conf.dev_server.enabled {
            tracing::warn!("there is no development server, as DevServer.Enabled is not true");
        }
        let tls = Tls::new(&conf)?;
        let dev = DevServer::bind(&conf, &service).await?;
        Ok(Self { conf: Arc::new(conf), service, listener, addr, tls, dev, exporter })
    }

    /// Serves until `shutdown`, then drains until all is done, time is up or `abort` is ready.
    pub(crate) async fn serve(self, shutdown: impl Future<Output = ()>, abort: impl Future<Output = ()>) {
        let lifecycle = self.service.lifecycle().clone();
        let _abort = lifecycle.abort_on_drop();
        let Self { conf, service, listener, tls, dev, exporter, .. } = self;
        service.run_background();
        if let Some(tls) = &tls
            && !conf.cert_reload_interval.is_zero()
        {
            lifecycle.spawn(tls.watch(conf.cert_reload_interval, lifecycle.stopping()));
        }
        let tls = tls.map(|tls| tls.acceptor);
        let (last_span, no_more_spans) = oneshot::channel::<()>();
        let no_more_spans = no_more_spans.map(drop);
        // Beside the tracker: it has to outlive the tasks whose spans it sends. Whoever drops this future drops it too.
        let exporter = exporter.map(|it| AbortOnDropHandle::new(tokio::spawn(it.run(no_more_spans))));
        let dev_lifecycle = dev.as_ref().map(|dev| dev.lifecycle().clone());
        let _abort_dev = dev_lifecycle.as_ref().map(Lifecycle::abort_on_drop);
        let dev = async {
            match dev {
                Some(dev) => dev.serve().await,
                None => std::future::pending().await,
            }
        };

        let lame_duck = async {
            shutdown.await;
            tracing::info!("stopping");
            lifecycle.lame_duck(&conf.shutdown).await
        };
        let stop = async {
            let until = tokio::select! {
                until = lame_duck => until,
                never = accept::accept(listener, tls, conf.clone(), service) => match never {},
            };
            lifecycle.drain(until).await;
            until
        };
        let until = tokio::select! {
            until = stop => until,
            () = abort => {
                tracing::warn!("asked a second time, the rest is aborted");
                Instant::now()
            }
            never = dev => match never {},
        };
        lifecycle.abort().await;
        drop(last_span);
        if let Some(exporter) = exporter {
            within(until, "spans are left unsent", exporter.map(drop)).await;
        }
        lifecycle.stopped(until).await;
        if let Some(dev_lifecycle) = dev_lifecycle {
            dev_lifecycle.abort().await;
        }
        tracing::info!("stopped");
    }
}

/// How long an engine may take to stop: its own time, and what it gives to those that do not keep to it.
pub(crate) fn shutdown_time(conf: &RestConf) -> Duration {
    conf.shutdown.wait_time.saturating_add(Duration::from_secs(3))
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
