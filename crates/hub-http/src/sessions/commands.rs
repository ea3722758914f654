//! What a client says: the POST beside its events.

use std::sync::Arc;

use axum_core::extract::{FromRequest, FromRequestParts};
use bytes::Bytes;
use http::{HeaderName, StatusCode};
use rest::{IntoResponse, Metrics, RawJson, Request, Response};

use super::error::SessionError;
use super::metrics::SessionMetrics;
use super::table::Table;

/// A request to a session.
pub(super) struct ToSession {
    word: String,
    body: Bytes,
    metrics: Arc<SessionMetrics>,
}

impl<S: Send + Sync> FromRequest<S> for ToSession {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let (mut head, body) = request.into_parts();
        let metrics =
            Metrics::from_request_parts(&mut head, state).await.map_err(IntoResponse::into_response)?;
        let metrics = SessionMetrics::of(&metrics);
        let word = head.headers.get(HUB_SESSION).and_then(|word| word.to_str().ok());
        let Some(word) = word.map(ToOwned::to_owned) else {
            metrics.refused(SessionError::NoSession);
            return Err(SessionError::NoSession.into_response());
        };
        let body = Bytes::from_request(Request::from_parts(head, body), state).await;
        Ok(Self { word, body: body.map_err(IntoResponse::into_response)?, metrics })
    }
}

impl ToSession {
    /// Lets the session have what the body says.
    pub(super) fn take(self, table: &Table) -> Result<StatusCode, SessionError> {
        let commands = split(&self.body).ok_or(SessionError::NotText);
        let said = commands.and_then(|commands| table.say(&self.word, commands));
        said.map(|()| StatusCode::ACCEPTED).inspect_err(|error| self.metrics.refused(*error))
    }

    /// Lets the session end.
    pub(super) fn goodbye(self, table: &Table) -> Result<StatusCode, SessionError> {
        let said = table.leave(&self.word);
        said.map(|()| StatusCode::NO_CONTENT).inspect_err(|error| self.metrics.refused(*error))
    }
}

/// The commands in a body, each as it came: those in a list, or else the one that it is. What is in them is for the protocol to
/// say, also where it is none.
fn split(body: &[u8]) -> Option<Vec<Box<str>>> {
    let text = str::from_utf8(body).ok()?;
    let list = serde_json::from_str::<Vec<&RawJson>>(text);
    Some(list.map_or_else(
        |_| vec![text.into()],
        |commands| commands.iter().map(|command| command.get().into()).collect(),
    ))
}

const HUB_SESSION: HeaderName = HeaderName::from_static("hub-session");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_a_command_or_a_list_of_commands_and_each_stays_as_it_came() {
        let commands = |body: &str| {
            split(body.as_bytes())
                .map(|commands| commands.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(commands(r#"{"type": "ping"}"#).unwrap(), [r#"{"type": "ping"}"#]);
        assert_eq!(commands(r#" [{"a":1}, {"b":[2]}, 7]"#).unwrap(), [r#"{"a":1}"#, r#"{"b":[2]}"#, "7"]);
        assert_eq!(commands("[]").unwrap(), Vec::<String>::new());
        for one in ["", "7", "[7", "{", "hello", r#"[{"a":1}] x"#] {
            assert_eq!(commands(one).unwrap(), [one]);
        }
        assert_eq!(split(b"{\"a\":\"\xff\"}"), None, "not UTF-8");
    }
}
