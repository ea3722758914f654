use std::error::Error;
use std::fmt;
use std::io;

use axum_core::BoxError;

use crate::conf::ConfError;
use crate::router::RouteError;

/// Why an engine could not be built or could not serve.
///
/// It is for the operator: `main` may return it, since its `Debug` is its `Display`, and says what to mend.
#[non_exhaustive]
pub enum ServeError {
    /// The config cannot be used.
    Conf(ConfError),
    /// Some routes cannot be used; each mistake is in the list.
    Routes(Vec<RouteError>),
    /// What [`Engine::cors`](crate::Engine::cors) was given cannot be used.
    Cors(String),
    /// The address cannot be listened on.
    Bind {
        /// `host:port`, as configured.
        addr: String,
        /// What the system said.
        source: io::Error,
    },
    /// The certificate or its key cannot be used.
    Tls(String),
    /// What `Telemetry` says cannot be used.
    Telemetry(String),
    /// A [service](crate::Service) of a group failed.
    Service(BoxError),
    /// The system refused something else that serving needs.
    Io(io::Error),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conf(error) => error.fmt(f),
            Self::Routes(errors) => {
                write!(f, "{} of the routes cannot be used:", errors.len())?;
                errors.iter().try_for_each(|error| write!(f, "\n  {error}"))
            }
            Self::Cors(reason) => write!(f, "CORS: {reason}"),
            Self::Bind { addr, source } => write!(f, "cannot listen on {addr}: {source}"),
            Self::Tls(reason) => write!(f, "cannot serve TLS: {reason}"),
            Self::Telemetry(reason) => write!(f, "cannot send traces: Telemetry.{reason}"),
            Self::Service(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl Error for ServeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Conf(error) => error.source(),
            Self::Bind { source, .. } => Some(source),
            Self::Service(error) => error.source(),
            Self::Io(error) => error.source(),
            Self::Routes(_) | Self::Cors(_) | Self::Tls(_) | Self::Telemetry(_) => None,
        }
    }
}

impl From<ConfError> for ServeError {
    fn from(error: ConfError) -> Self {
        Self::Conf(error)
    }
}

impl fmt::Debug for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
