//! Traces, sent to a collector by OTLP: behind the feature `otlp`, without which this was built.

use std::future::Ready;

use http::StatusCode;

use crate::error::ServeError;
use crate::metrics::Metrics;
use crate::trace::TraceContext;
use crate::{Request, RestConf};

/// There is never one, so that nothing here is ever called.
#[derive(Clone)]
pub(crate) enum Spans {}

impl Spans {
    pub(crate) fn begin(&self, _: &Request, _: &TraceContext, _: Option<&str>) -> ServerSpan {
        match *self {}
    }
}

pub(crate) enum ServerSpan {}

impl ServerSpan {
    pub(crate) fn end(self, _: StatusCode) {
        match self {}
    }
}

pub(crate) enum Exporter {}

impl Exporter {
    pub(crate) fn new(_: &RestConf, _: &Metrics) -> Result<Option<(Spans, Self)>, ServeError> {
        Ok(None)
    }

    pub(crate) fn run(self, _: impl Future<Output = ()>) -> Ready<()> {
        match self {}
    }
}

/// Opens a span.
pub(crate) fn within<R>(_: Option<&ServerSpan>, open: impl FnOnce() -> R) -> R {
    open()
}
