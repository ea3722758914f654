use http::header::{AUTHORIZATION, COOKIE, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, HeaderValue};

use super::JwtError;

/// Where in a request's head a token may be.
pub(crate) struct Source {
    pub(super) cookie: Option<String>,
    pub(super) subprotocol: bool,
}

impl Source {
    /// Finds the token. One among the subprotocols is taken out, so that none below can choose it, and it is in no answer.
    pub(super) fn take(&self, headers: &mut HeaderMap) -> Result<String, JwtError> {
        if let Some(token) = authorization(headers)? {
            return Ok(token);
        }
        if let Some(name) = &self.cookie
            && let Some(token) = cookie(headers, name)
        {
            return Ok(token);
        }
        if self.subprotocol
            && let Some(token) = subprotocol(headers)
        {
            return Ok(token);
        }
        Err(JwtError::Missing)
    }
}

/// Reads `Bearer <token>`, or a token alone. Another scheme is none of our business.
fn authorization(headers: &mut HeaderMap) -> Result<Option<String>, JwtError> {
    if headers.get_all(AUTHORIZATION).iter().nth(1).is_some() {
        return Err(JwtError::Malformed);
    }
    let Some(value) = headers.get_mut(AUTHORIZATION) else {
        return Ok(None);
    };
    value.set_sensitive(true); // a dump of the headers does not show it
    let value = value.to_str().map_err(|_| JwtError::Malformed)?.trim();
    Ok(match value.split_once(' ') {
        None => Some(value).filter(|value| !value.is_empty()),
        Some((scheme, token)) => Some(token.trim()).filter(|_| scheme.eq_ignore_ascii_case("bearer")),
    }
    .map(str::to_owned))
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    Some(value.trim_matches('"').to_owned())
}

/// Takes the offer after `bearer` out of the subprotocols, and leaves `bearer`.
fn subprotocol(headers: &mut HeaderMap) -> Option<String> {
    let lines = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().map(HeaderValue::to_str);
    let lines = lines.collect::<Result<Vec<_>, _>>().ok()?.join(",");
    let mut offers: Vec<_> = lines.split(',').map(str::trim).collect();
    let bearer = offers.iter().position(|offer| offer.eq_ignore_ascii_case("bearer"))?;
    if bearer + 1 == offers.len() {
        return None;
    }
    let token = offers.remove(bearer + 1).to_owned();
    // It was made of header values, without the token.
    let rest = HeaderValue::try_from(offers.join(", ")).ok()?;
    headers.insert(SEC_WEBSOCKET_PROTOCOL, rest);
    Some(token)
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn take(pairs: &[(HeaderName, &str)]) -> (Result<String, JwtError>, HeaderMap) {
        let source = Source { cookie: Some("session".into()), subprotocol: true };
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        (source.take(&mut headers), headers)
    }

    #[test]
    fn a_token_is_in_the_authorization_with_bearer_or_alone() {
        for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER  a.b.c ", "a.b.c"] {
            assert_eq!(take(&[(AUTHORIZATION, value)]).0, Ok("a.b.c".into()), "{value}");
        }
        for value in ["Basic YTpi", "", "Bearera.b.c x"] {
            assert_eq!(take(&[(AUTHORIZATION, value)]).0, Err(JwtError::Missing), "{value}");
        }
        assert_eq!(take(&[(AUTHORIZATION, "Bearer ü")]).0, Err(JwtError::Malformed));
        assert_eq!(take(&[(AUTHORIZATION, "a"), (AUTHORIZATION, "b")]).0, Err(JwtError::Malformed));
    }

    #[test]
    fn a_dump_of_the_headers_does_not_show_it() {
        let (_, headers) = take(&[(AUTHORIZATION, "Bearer secret")]);
        assert!(!format!("{headers:?}").contains("secret"), "{headers:?}");
    }

    #[test]
    fn a_token_is_in_its_cookie() {
        for value in ["session=a.b.c", "x=1; session=a.b.c; y", "session=\"a.b.c\""] {
            assert_eq!(take(&[(COOKIE, value)]).0, Ok("a.b.c".into()), "{value}");
        }
        for value in ["xsession=a", "Session=a", "session"] {
            assert_eq!(take(&[(COOKIE, value)]).0, Err(JwtError::Missing), "{value}");
        }
    }

    #[test]
    fn a_token_follows_bearer_among_the_subprotocols_and_is_taken_out() {
        for (lines, rest) in [
            (&["chat.v1, bearer, a.b.c"][..], "chat.v1, bearer"),
            (&["bearer,a.b.c,chat.v1"], "bearer, chat.v1"),
            (&["chat.v1, Bearer", "a.b.c"], "chat.v1, Bearer"),
        ] {
            let pairs: Vec<_> = lines.iter().map(|line| (SEC_WEBSOCKET_PROTOCOL, *line)).collect();
            let (token, headers) = take(&pairs);
            assert_eq!(token, Ok("a.b.c".into()), "{lines:?}");
            assert_eq!(headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().collect::<Vec<_>>(), [rest]);
        }
        for line in ["chat.v1, a.b.c", "bearer", "chat.v1"] {
            let (token, headers) = take(&[(SEC_WEBSOCKET_PROTOCOL, line)]);
            assert_eq!(
                (token, &headers[SEC_WEBSOCKET_PROTOCOL]),
                (Err(JwtError::Missing), &line.parse().unwrap())
            );
        }
    }

    #[test]
    fn the_first_place_counts() {
        let (token, _) = take(&[
            (COOKIE, "session=b"),
            (AUTHORIZATION, "Bearer a"),
            (SEC_WEBSOCKET_PROTOCOL, "bearer, c"),
        ]);
        assert_eq!(token, Ok("a".into()));
    }
}
