//! Tells browsers which other sites' pages may read an answer.
//!
//! It stands before the router, but knows what the router knows: a preflight is answered for a path that has routes, with
//! the methods of these, and where a route for OPTIONS was added, that one answers. tower-http's layer answers every
//! OPTIONS alike, whatever its path, and panics at a config that lets any origin in with cookies.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, HOST, ORIGIN, VARY,
};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method};

use crate::conf::CorsConf;
use crate::{IntoResponse, Request, Response, StatusCode};

/// A [`CorsConf`], read.
pub(crate) struct Cors {
    origins: Vec<Origin>,
    allow_headers: HeaderValue,
    expose_headers: Option<HeaderValue>,
    allow_credentials: bool,
    max_age: HeaderValue,
}

enum Origin {
    Any,
    /// In small letters.
    Exactly(String),
    /// What is before the `*` and after it.
    Below(String, String),
}

impl Cors {
    /// Reads a config, or says what is wrong with it.
    pub(crate) fn new(conf: &CorsConf) -> Result<Self, String> {
        let origins: Vec<_> =
            conf.allow_origins.iter().map(|origin| Origin::new(origin)).collect::<Result<_, _>>()?;
        if conf.allow_credentials && origins.iter().any(|origin| matches!(origin, Origin::Any)) {
            return Err("any origin cannot be allowed together with credentials".to_owned());
        }
        let list = |names: &[String]| {
            let list = names.join(", ");
            HeaderValue::try_from(&list).map_err(|_| format!("{list:?} is no list of headers"))
        };
        Ok(Self {
            origins,
            allow_headers: list(&conf.allow_headers)?,
            expose_headers: Some(list(&conf.expose_headers)?).filter(|list| !list.is_empty()),
            allow_credentials: conf.allow_credentials,
            max_age: conf.max_age.as_secs().into(),
        })
    }

    /// Whether a request asks for permission, instead of for what its path is about.
    pub(crate) fn is_preflight(request: &Request) -> bool {
        let headers = request.headers();
        *request.method() == Method::OPTIONS
            && headers.contains_key(ORIGIN)
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// Whether a request is from a page of another host. Browsers name the origin also of a page's own POST.
    pub(crate) fn is_foreign(request: &Request) -> bool {
        let Some(origin) = request.headers().get(ORIGIN) else { return false };
        let host = request.uri().authority().map(Authority::as_str);
        let host = host.or_else(|| request.headers().get(HOST)?.to_str().ok()).unwrap_or_default();
        let page = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        page.is_none_or(|(_, page)| !page.eq_ignore_ascii_case(host))
    }

    /// Answers a preflight for a path with routes of these methods. [`add_to`](Self::add_to) says whether its origin may.
    pub(crate) fn preflight(&self, methods: &str) -> Response {
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        if let Ok(methods) = HeaderValue::try_from(methods) {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        }
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, self.allow_headers.clone());
        headers.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        response
    }

    /// Adds to an answer whether pages of this origin may read it.
    /// Returns whether they may.
    pub(crate) fn add_to(&self, response: &mut Response, origin: Option<&HeaderValue>) -> bool {
        let headers = response.headers_mut();
        // Also where there is no origin: a cache must not give this answer to a page.
        headers.append(VARY, HeaderValue::from_static("origin"));
        let Some(allowed) = origin.and_then(|origin| self.allowed(origin)) else {
            forget(headers);
            return false;
        };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if self.allow_credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        if let Some(exposed) = &self.expose_headers {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed.clone());
        }
        true
    }

    fn allowed(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        let text = origin.to_str().ok()?.to_ascii_lowercase();
        match self.origins.iter().find(|allowed| allowed.takes(&text))? {
            Origin::Any => Some(HeaderValue::from_static("*")),
            Origin::Exactly(_) | Origin::Below(..) => Some(origin.clone()),
        }
    }
}

impl Origin {
    fn new(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let origin = text.to_ascii_lowercase();
        let host = origin.split_once("://").map(|(_, host)| host);
        if host.is_none_or(|host| host.is_empty() || host.contains('/')) {
            return Err(format!("{text:?} is no origin, such as https://example.com"));
        }
        match origin.split_once("://*.") {
            None if origin.contains('*') => {
                Err(format!("{text:?} has a * elsewhere than for what is below a host"))
            }
            None => Ok(Self::Exactly(origin)),
            Some((scheme, host)) => Ok(Self::Below(format!("{scheme}://"), format!(".{host}"))),
        }
    }

    fn takes(&self, origin: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(allowed) => origin == allowed,
            Self::Below(scheme, host) => {
                let name =
                    origin.strip_prefix(scheme.as_str()).and_then(|rest| rest.strip_suffix(host.as_str()));
                name.is_some_and(|name| !name.is_empty())
            }
        }
    }
}

/// Takes back what a preflight would promise, and what a handler promised on its own.
fn forget(headers: &mut HeaderMap) {
    for promise in [
        ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_ALLOW_CREDENTIALS,
        ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_HEADERS,
        ACCESS_CONTROL_EXPOSE_HEADERS,
        ACCESS_CONTROL_MAX_AGE,
    ] {
        headers.remove(promise);
    }
}

#[cfg(test)]
mod tests;
