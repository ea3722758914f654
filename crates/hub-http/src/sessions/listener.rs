use axum_core::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;
use rest::sse::LastEventId;
use rest::{Metrics, Stopping};

/// Whoever asks for events: when the engine stops, and which session was before.
///
/// An extractor, for [`Sessions::open`](super::Sessions::open).
#[derive(Debug)]
pub struct Listener {
    pub(super) stopping: Stopping,
    pub(super) metrics: Metrics,
    /// What the client got with the answer to its `connect`, if it had a session before; browsers say it by themselves.
    pub(super) resume: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Listener {
    /// Only where a layer has replaced the request's extensions.
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, StatusCode> {
        let stopping = Stopping::from_request_parts(parts, state).await?;
        let metrics = Metrics::from_request_parts(parts, state).await?;
        let Ok(LastEventId(resume)) = LastEventId::from_request_parts(parts, state).await;
        Ok(Self { stopping, metrics, resume })
    }
}
