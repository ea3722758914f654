//! What stands in `Sec-WebSocket-Extensions`, RFC 6455 section 9.1: a client's offers, or a server's answer. What is taken is
//! `compression.rs`'s affair.

use http::HeaderMap;
use http::header::SEC_WEBSOCKET_EXTENSIONS;

use crate::header::is_token;

/// One extension, with its parameters in their order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Extension<'a> {
    pub(crate) name: &'a str,
    pub(crate) parameters: Vec<(&'a str, Option<&'a str>)>,
}

/// Reads the extensions of all header lines in their order, which for offers is that of the client's preference. `None` for
/// what cannot be read, which is the peer's mistake; an offer that can be read and is unknown, or odd, is declined by silence.
pub(crate) fn extensions(headers: &HeaderMap) -> Option<Vec<Extension<'_>>> {
    let mut extensions = Vec::new();
    for line in headers.get_all(SEC_WEBSOCKET_EXTENSIONS) {
        extensions.extend(parse(line.to_str().ok()?)?);
    }
    Some(extensions)
}

/// Reads the extensions of one header line.
pub(crate) fn parse(line: &str) -> Option<Vec<Extension<'_>>> {
    let mut extensions = Vec::new();
    let mut rest = line;
    loop {
        let (extension, after) = extension(rest)?;
        extensions.push(extension);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Some(extensions),
            None => return None,
        }
    }
}

/// Reads `token *(";" token ["=" (token / quoted-string)])`; returns what follows too.
fn extension(text: &str) -> Option<(Extension<'_>, &str)> {
    let (name, mut rest) = token(text)?;
    let mut parameters = Vec::new();
    while let Some(parameter) = rest.strip_prefix(';') {
        let (name, after) = token(parameter)?;
        let Some(value) = after.strip_prefix('=') else {
            parameters.push((name, None));
            rest = after;
            continue;
        };
        let (value, after) = match skip_space(value).strip_prefix('"') {
            Some(quoted) => quoted_token(quoted)?,
            None => token(value)?,
        };
        parameters.push((name, Some(value)));
        rest = after;
    }
    Some((Extension { name, parameters }, rest))
}

/// Reads a token and the white space around it.
fn token(text: &str) -> Option<(&str, &str)> {
    let text = skip_space(text);
    let end = text.find([',', ';', '=', ' ', '\t', '"']).unwrap_or(text.len());
    is_token(&text[..end]).then(|| (&text[..end], skip_space(&text[end..])))
}

/// Reads the rest of a quoted string, which must be a token once it is unquoted.
fn quoted_token(text: &str) -> Option<(&str, &str)> {
    let end = text.find('"')?;
    is_token(&text[..end]).then(|| (&text[..end], skip_space(&text[end + 1..])))
}

fn skip_space(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(SEC_WEBSOCKET_EXTENSIONS, line.parse().unwrap());
        }
        headers
    }

    #[test]
    fn offers_are_read_and_what_is_no_offer_is_not() {
        for (value, is_offer) in [
            ("permessage-deflate", true),
            ("permessage-deflate; client_max_window_bits", true),
            ("permessage-deflate; client_max_window_bits=15, x-unknown;a=\"b\"", true),
            ("a ; b = c ,d", true),
            ("", false),
            (",", false),
            ("a,", false),
            ("a,,b", false),
            ("a;", false),
            ("a; =b", false),
            ("a; b=", false),
            ("a; b=\"c", false),
            ("a; b=\"\"", false),
            ("a; b=\"c d\"", false),
            ("a b", false),
            ("a=b", false),
            ("a; b\"c\"", false),
        ] {
            assert_eq!(extensions(&headers(&[value])).is_some(), is_offer, "{value:?}");
        }
    }

    #[test]
    fn offers_of_all_lines_are_read_in_their_order() {
        let headers = headers(&["a ; b = c; d,e", "f; g=\"h\" "]);
        let expected = [
            Extension { name: "a", parameters: vec![("b", Some("c")), ("d", None)] },
            Extension { name: "e", parameters: vec![] },
            Extension { name: "f", parameters: vec![("g", Some("h"))] },
        ];
        assert_eq!(extensions(&headers).as_deref(), Some(&expected[..]));
    }
}
