//! What can be set: `RestConf` and its sections.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{
    ConfError, DevServerConf, LogConf, Mode, ProfilingConf, PrometheusConf, SignatureConf, TelemetryConf,
    duration, load, range,
};

/// The configuration of an engine.
///
/// Its default is what an empty file gives. In a file the keys are the fields' names, in any spelling that
/// [`load`](super::load()) takes: `MaxConns`, `maxconns` and `max_conns` are one. A duration is a number of milliseconds or
/// a text such as `"5.5s"`.
///
/// ```
/// use std::time::Duration;
///
/// use rest::RestConf;
///
/// let conf = RestConf { port: 3333, timeout: Duration::from_secs(5), ..RestConf::default() };
/// assert!(conf.middlewares.recover);
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RestConf {
    /// The service's name, for logs. Default `rest`.
    pub name: String,
    /// What it runs for: `dev`, `test`, `rt`, `pre` or `pro`. Default `pro`. In the others nothing is shed.
    pub mode: Mode,
    /// Where the log goes, and what is in it.
    pub log: LogConf,
    /// Where traces go.
    pub telemetry: TelemetryConf,
    /// A server for metrics alone. Default none.
    pub prometheus: PrometheusConf,
    /// Whom statistics would be sent to. Without effect, so that files of go-zero load. Default nobody.
    pub metrics_url: String,
    /// Without effect, so that files of go-zero load.
    pub profiling: ProfilingConf,
    /// The address or host name to listen on. Default `0.0.0.0`, all IPv4 interfaces.
    pub host: String,
    /// The TCP port to listen on, 0 to 65535; 0 takes any free one. Default 8888.
    #[serde(with = "range::Integer::<0, 65_535>")]
    pub port: u16,
    /// The file with the certificate chain, PEM. Default none, which an empty text is too. With it and [`key_file`](Self::key_file) the engine speaks
    /// TLS, and only TLS; one without the other is a mistake.
    pub cert_file: Option<PathBuf>,
    /// The file with the certificate's private key, PEM. Default none.
    pub key_file: Option<PathBuf>,
    /// How often these two files are looked at; 0 is never. Default 30 s. New connections have what is new in them; what
    /// cannot be used is logged, and the old certificate kept.
    #[serde(with = "duration")]
    pub cert_reload_interval: Duration,
    /// Whether bodies would be logged. Without effect, so that files of go-zero load: a body may be secret. Default no.
    pub verbose: bool,
    /// How many requests of one route are worked on at a time; 0 is no limit. Default 10000. One more is answered 503.
    pub max_conns: usize,
    /// How many requests of all routes together are worked on at a time; 0 is no limit. Default 0. One more is answered 503.
    pub max_server_conns: usize,
    /// How many bytes the body of a request may have; 0 is no limit. Default 1048576. A larger one is answered 413, also
    /// if it comes in chunks and only turns out to be larger.
    pub max_bytes: u64,
    /// How long a handler may take until its response's head; 0 is no limit. Default 3 s. Then the handler is dropped and
    /// the request answered 503.
    #[serde(with = "duration")]
    pub timeout: Duration,
    /// From which use of the CPU on requests may be shed, in thousandths, 0 to 999; 0 is never. Default 900. Then those that
    /// are more at a time than the service has shown it can do are answered 503.
    ///
    /// It is the CPU of the process's control group if that has a quota, and of the whole machine otherwise, as an average of
    /// the last seconds. Elsewhere than on Linux nothing is shed, nor in an engine that is
    /// [served by other means](crate::Engine::into_service).
    #[serde(with = "range::Integer::<0, 999>")]
    pub cpu_threshold: u32,
    /// From which time to a response's head on a request is slow, and has a line of its own in the log; 0 is never. Default
    /// 500 ms.
    #[serde(with = "duration")]
    pub slow_threshold: Duration,
    /// How long a client may take to send a request's head; 0 is no limit. Default 10 s. Then the connection is closed.
    #[serde(with = "duration")]
    pub header_timeout: Duration,
    /// How long a client may pause within a request's body; 0 is no limit. Default 30 s. Then whoever reads the body gets an
    /// error, and the connection is closed.
    #[serde(with = "duration")]
    pub body_timeout: Duration,
    /// How long a client may take nothing of what there is for it; 0 is no limit. Default 30 s. Then the connection is cut.
    /// Any byte that it takes gives it all the time again, and a response that has nothing to send is not waited for. Upgraded
    /// connections have limits of their own.
    #[serde(with = "duration")]
    pub write_timeout: Duration,
    /// How long a connection may stay open between two requests; 0 is no limit. Default 60 s. Then it is closed.
    #[serde(with = "duration")]
    pub idle_timeout: Duration,
    /// How many connections there may be, upgraded ones too; 0 is no limit. Default 100000. One more is answered 503 with
    /// `Retry-After: 1`, or closed if it would have to be told in TLS or too many are being told.
    pub max_connections: usize,
    /// How many of them may come from one address, or from one network of IPv6 addresses with the same 64 bits; 0 is no limit.
    /// Default 0, as all clients behind a proxy have one address. One more is answered in the same way.
    pub max_connections_per_ip: usize,
    /// Whether HEAD is answered by a path's route for GET, without the body, where there is none for HEAD. Default yes, as RFC 9110
    /// wants it.
    pub handle_head: bool,
    /// Whether OPTIONS is answered with 204 and the path's methods in `Allow`, where there is no route for it. Default no: then it
    /// is 405, with `Allow` too. Preflights of [CORS](crate::Engine::cors) are answered in any case.
    pub handle_options: bool,
    /// How many bytes a request's head may have, 8192 to 1048576. Default 16384. A larger one is answered 431.
    // Less than 8192 is less than the buffer that hyper reads into.
    #[serde(with = "range::Integer::<8_192, 1_048_576>")]
    pub max_header_bytes: usize,
    /// The networks, such as `10.0.0.0/8`, of proxies that are believed about [whom they have a request
    /// from](crate::extract::ClientIp). Default none: then a client is the connection's other end.
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which they say so, and which they write themselves if a client has sent it: `X-Forwarded-For` or
    /// `Forwarded`. Default `X-Forwarded-For`.
    pub forwarded_header: ForwardedHeader,
    /// Whose signatures groups take that have none of their own.
    pub signature: SignatureConf,
    /// Which of the built-in middlewares are in the chain. Default all.
    pub middlewares: MiddlewaresConf,
    /// The paths of routes that are not traced. Default none.
    pub trace_ignore_paths: Vec<String>,
    /// A second server, for health and metrics. Default none.
    pub dev_server: DevServerConf,
    /// How the engine stops.
    pub shutdown: ShutdownConf,
}

/// Where proxies write down whom they have a request from.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`: what most proxies write.
    #[default]
    #[serde(rename = "X-Forwarded-For", alias = "x-forwarded-for")]
    XForwardedFor,
    /// `Forwarded`, RFC 7239.
    #[serde(alias = "forwarded")]
    Forwarded,
}

impl RestConf {
    /// Loads a configuration from a file and the environment; see [`load`](super::load()) for the rules.
    ///
    /// # Errors
    ///
    /// The file cannot be read or parsed, or something in it or in the environment is not known or not allowed.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ConfError> {
        load(path)
    }
}

impl Default for RestConf {
    fn default() -> Self {
        Self {
            name: "rest".to_owned(),
            mode: Mode::Pro,
            log: LogConf::default(),
            telemetry: TelemetryConf::default(),
            prometheus: PrometheusConf::default(),
            metrics_url: String::new(),
            profiling: ProfilingConf::default(),
            host: "0.0.0.0".to_owned(),
            port: 8888,
            cert_file: None,
            key_file: None,
            cert_reload_interval: Duration::from_secs(30),
            verbose: false,
            max_conns: 10_000,
            max_server_conns: 0,
            max_bytes: 1 << 20,
            timeout: Duration::from_secs(3),
            cpu_threshold: 900,
            slow_threshold: Duration::from_millis(500),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            max_connections: 100_000,
            max_connections_per_ip: 0,
            handle_head: true,
            handle_options: false,
            max_header_bytes: 16 << 10,
            trusted_proxies: Vec::new(),
            forwarded_header: ForwardedHeader::XForwardedFor,
            signature: SignatureConf::default(),
            middlewares: MiddlewaresConf::default(),
            trace_ignore_paths: Vec::new(),
            dev_server: DevServerConf::default(),
            shutdown: ShutdownConf::default(),
        }
    }
}

/// Switches for the built-in middlewares, all on by default.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct MiddlewaresConf {
    /// A span per request, by the rules of W3C trace context.
    pub trace: bool,
    /// One line in the log per request.
    pub log: bool,
    /// Metrics of requests.
    pub prometheus: bool,
    /// The limits of [`RestConf::max_conns`] and [`RestConf::max_server_conns`].
    pub max_conns: bool,
    /// 503 in place of a route that keeps failing.
    pub breaker: bool,
    /// 503 for what is too much for the machine, by [`RestConf::cpu_threshold`].
    pub shedding: bool,
    /// The limit of [`RestConf::timeout`].
    pub timeout: bool,
    /// A panic in a handler becomes a 500 below the limits; without this, it becomes one above all middlewares.
    pub recover: bool,
    /// A line of statistics in the log each minute.
    pub metrics: bool,
    /// The limit of [`RestConf::max_bytes`].
    pub max_bytes: bool,
    /// Bodies that come packed by gzip are unpacked, and then have the same limit.
    pub gunzip: bool,
}

impl Default for MiddlewaresConf {
    fn default() -> Self {
        Self {
            trace: true,
            log: true,
            prometheus: true,
            max_conns: true,
            breaker: true,
            shedding: true,
            timeout: true,
            recover: true,
            metrics: true,
            max_bytes: true,
            gunzip: true,
        }
    }
}

/// How long stopping takes.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ShutdownConf {
    /// How long connections are still accepted after the signal, so that load balancers notice. Default 1 s.
    #[serde(with = "duration")]
    pub wrap_up_time: Duration,
    /// How long stopping may take in all, from the signal on. Default 5.5 s. What is not finished then is dropped; less
    /// than [`wrap_up_time`](Self::wrap_up_time) leaves no time to finish anything.
    #[serde(with = "duration")]
    pub wait_time: Duration,
}

impl Default for ShutdownConf {
    fn default() -> Self {
        Self { wrap_up_time: Duration::from_secs(1), wait_time: Duration::from_millis(5_500) }
    }
}
