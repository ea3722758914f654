//! The log of a process, as a configuration has it. What is logged, and by whom, is elsewhere: everything uses `tracing`.

mod json;
mod files;
mod rolling;

use std::io;

use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

use self::files::Files;
use self::json::JsonLayer;
use crate::RestConf;
use crate::conf::{ConfError, LogConf, LogEncoding, LogLevel, LogMode};

/// The target of lines about slow requests, which have a file of their own.
pub(crate) const SLOW: &str = "rest::slow";
/// The target of statistics, which have a file of their own, and may be left out.
pub(crate) const STAT: &str = "rest::stat";

impl RestConf {
    /// Makes [`log`](Self::log) the log of the process, for all that is logged by `tracing`.
    ///
    /// This is for `main` to call, once, before anything is worked on. An engine does not call it: what a process logs is
    /// not an engine's affair, of which there may be several. A process that has a log keeps it, and this has no effect then.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    ///
    /// ```
    /// use rest::RestConf;
    ///
    /// # fn main() -> Result<(), rest::conf::ConfError> {
    /// let conf = RestConf::default();
    /// conf.init_log()?; // lines of JSON on standard error
    /// conf.init_log()?; // a second time has no effect
    /// # Ok(())
    /// # }
    /// ```
    pub fn init_log(&self) -> Result<(), ConfError> {
        let mut log = self.log.clone();
        if log.service_name.is_empty() {
            log.service_name.clone_from(&self.name);
        }
        log.init()
    }
}

impl LogConf {
    /// Makes this the log of the process; see [`RestConf::init_log`], which also knows the service's name.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    pub fn init(&self) -> Result<(), ConfError> {
        let log = Registry::default().with(self.layer()?);
        #[cfg(feature = "otlp")]
        let log = log.with(crate::telemetry::SpansLayer::new().with_filter(LevelFilter::INFO));
        if tracing::subscriber::set_global_default(log).is_err() {
            tracing::debug!("the process has a log already");
        }
        Ok(())
    }

    /// Creates this log as a layer, for a subscriber that has others too.
    ///
    /// Lines are written by whoever logs, at once; a line that a file does not take goes to standard error.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    ///
    /// ```
    /// use rest::conf::LogConf;
    /// use tracing_subscriber::layer::SubscriberExt;
    ///
    /// # fn main() -> Result<(), rest::conf::ConfError> {
    /// let log = tracing_subscriber::registry().with(LogConf::default().layer()?);
    /// tracing::subscriber::with_default(log, || tracing::info!("for this thread alone"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn layer<S>(&self) -> Result<Box<dyn Layer<S> + Send + Sync>, ConfError>
    where
        S: Subscriber + for<'s> LookupSpan<'s>,
    {
        match self.mode {
            LogMode::Console => Ok(self.layer_to(io::stderr)),
            LogMode::File | LogMode::Volume => Ok(self.layer_to(Files::open(self)?)),
        }
    }

    /// Creates this log as a [`layer`](Self::layer) that writes to `writer`, whatever [`mode`](Self::mode) says: to keep it
    /// in memory for a test, or to send it elsewhere.
    ///
    /// ```
    /// use rest::conf::LogConf;
    /// use tracing_subscriber::layer::SubscriberExt;
    ///
    /// let log = tracing_subscriber::registry().with(LogConf::default().layer_to(std::io::stdout));
    /// tracing::subscriber::with_default(log, || tracing::info!("a line of JSON"));
    /// ```
    pub fn layer_to<S, W>(&self, writer: W) -> Box<dyn Layer<S> + Send + Sync>
    where
        S: Subscriber + for<'s> LookupSpan<'s>,
        W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
    {
        let layer: Box<dyn Layer<S> + Send + Sync> = match self.encoding {
            LogEncoding::Json => Box::new(JsonLayer::new(self, writer)),
            LogEncoding::Plain => {
                Box::new(tracing_subscriber::fmt::layer().with_ansi(false).with_writer(writer))
            }
        };
        let (level, stat) = (self.level.filter(), self.stat);
        let wanted =
            move |metadata: &Metadata<'_>| *metadata.level() <= level && (stat || metadata.target() != STAT);
        Box::new(layer.with_filter(filter_fn(wanted).with_max_level_hint(level)))
    }
}

impl LogLevel {
    fn filter(self) -> LevelFilter {
        match self {
            Self::Debug => LevelFilter::DEBUG,
            Self::Info => LevelFilter::INFO,
            Self::Warn => LevelFilter::WARN,
            Self::Error | Self::Severe => LevelFilter::ERROR,
        }
    }
}

#[cfg(test)]
mod tests;
