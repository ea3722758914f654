//! What a file of go-zero's may say that means nothing here.

use super::{LogConf, RestConf};

impl RestConf {
    /// The keys that are set, and have no effect: each of them is the affair of Go's runtime, or of a format of Go's.
    pub(crate) fn without_effect(&self) -> Vec<&'static str> {
        let log = LogConf::default();
        [
            ("Log.TimeFormat", self.log.time_format != log.time_format),
            ("Log.FileTimeFormat", self.log.file_time_format != log.file_time_format),
            ("Log.StackCooldownMillis", self.log.stack_cooldown_millis != log.stack_cooldown_millis),
            ("MetricsUrl", !self.metrics_url.is_empty()),
            ("Profiling", !self.profiling.server_addr.is_empty()),
            ("Verbose", self.verbose),
            ("Telemetry.Endpoint", !self.telemetry.endpoint.is_empty() && !cfg!(feature = "otlp")),
            ("Telemetry.Batcher", !self.telemetry.endpoint.is_empty() && !self.telemetry.batcher.is_otlp()),
            ("DevServer.EnablePprof", self.dev_server.enabled && self.dev_server.enable_pprof),
        ]
        .into_iter()
        .filter_map(|(key, is_set)| is_set.then_some(key))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_without_effect_by_default() {
        assert_eq!(RestConf::default().without_effect(), [""; 0]);
    }

    #[test]
    fn what_means_something_to_go_alone_is_named() {
        let yaml = "{Verbose: true, MetricsUrl: 'http://a', Log: {TimeFormat: '15:04'}, Profiling: {ServerAddr: 'http://b'}}";
        let conf: RestConf = crate::conf::parse(yaml, crate::conf::Format::Yaml).unwrap();

        assert_eq!(conf.without_effect(), ["Log.TimeFormat", "MetricsUrl", "Profiling", "Verbose"]);
    }
}
