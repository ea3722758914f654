//! Extractors: the arguments of a handler, taken from the request and the state.
//!
//! They are axum-core's [`FromRequestParts`] and [`FromRequest`], so that extractors made for axum work here if they do
//! not ask for axum's router. Each has a rejection of its own, which says what was wrong and never repeats what was sent.
//!
//! ```
//! use rest::extract::{Json, Path, Query, State};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize)]
//! struct Page {
//!     limit: Option<u32>,
//! }
//!
//! #[derive(Serialize)]
//! struct Line {
//!     room: String,
//!     number: u32,
//! }
//!
//! /// `GET /rooms/:room/lines?limit=10`
//! async fn lines(State(most): State<u32>, Path(room): Path<String>, Query(page): Query<Page>) -> Json<Vec<Line>> {
//!     let numbers = 0..page.limit.unwrap_or(most).min(most);
//!     Json(numbers.map(|number| Line { room: room.clone(), number }).collect())
//! }
//! ```

mod claims;
mod client_ip;
mod extension;
mod json;
mod multipart;
mod parse;
mod path;
mod path_de;
mod peer;
mod query;
mod state;

use std::error::Error;
use std::fmt;

use axum_core::extract::rejection::BytesRejection;
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use tower_http::timeout::TimeoutError;

use crate::failure::{ErrorBody, refuse};

pub(crate) use self::client_ip::Proxies;

pub use axum_core::extract::{
    FromRef, FromRequest, FromRequestParts, OptionalFromRequest, OptionalFromRequestParts,
};
pub use claims::{Claims, ClaimsRejection};
pub use client_ip::{ClientIp, ClientIpRejection};
pub use extension::{Extension, ExtensionRejection};
pub use json::{Json, JsonRejection};
pub use multipart::{Field, Multipart, MultipartError};
pub use parse::{FieldError, Invalid, Parse, ParseRejection, Validate};
pub use path::{Path, PathRejection};
pub use peer::{PeerAddr, PeerAddrRejection};
pub use query::{Query, QueryRejection};
pub use state::State;

/// Answers a request that an extractor rejected: what the client did wrong is its business, what we did wrong the log's.
fn reject(status: StatusCode, rejection: &dyn fmt::Display) -> Response {
    let code = status.as_u16().into();
    if status.is_server_error() {
        tracing::error!(%rejection, "an extractor cannot work in this place");
        let mut response = status.into_response();
        let msg = status.canonical_reason().unwrap_or_default().to_owned();
        response.extensions_mut().insert(ErrorBody { code, msg });
        return response;
    }
    refuse(status, ErrorBody { code, msg: rejection.to_string() })
}

/// The status for a body that could not be read: 408 if its client paused for too long, else what axum-core makes of it.
fn status_of(body: &BytesRejection) -> StatusCode {
    let mut cause: Option<&(dyn Error + 'static)> = Some(body);
    while let Some(error) = cause {
        if error.is::<TimeoutError>() {
            return StatusCode::REQUEST_TIMEOUT;
        }
        cause = error.source();
    }
    body.status()
}

/// Lets an extractor be used as what it has extracted.
macro_rules! deref {
    ($extractor:ident) => {
        impl<T> std::ops::Deref for $extractor<T> {
            type Target = T;

            fn deref(&self) -> &T {
                &self.0
            }
        }

        impl<T> std::ops::DerefMut for $extractor<T> {
            fn deref_mut(&mut self) -> &mut T {
                &mut self.0
            }
        }
    };
}
use deref;
