use http::header::{AsHeaderName, HeaderMap, HeaderValue};

/// The elements of a header that is a comma-separated list, over all its lines, RFC 9110 section 5.6.1.
///
/// `None` for a value that is not visible ASCII. Empty elements are there, for the caller to judge.
pub(crate) fn elements(headers: &HeaderMap, name: impl AsHeaderName) -> Option<Vec<&str>> {
    let mut all = Vec::new();
    for value in headers.get_all(name) {
        all.extend(split(value.to_str().ok()?));
    }
    Some(all)
}

fn split(line: &str) -> impl Iterator<Item = &str> {
    line.split(',').map(|element| element.trim_matches([' ', '\t']))
}

/// Whether one of the header's elements is `token`, in any case. A token that only contains it is another one.
pub(crate) fn has_token(headers: &HeaderMap, name: impl AsHeaderName, token: &str) -> bool {
    let is_among = |line: &str| split(line).any(|element| element.eq_ignore_ascii_case(token));
    let mut lines = headers.get_all(name).iter().map(HeaderValue::to_str);
    // Of all lines none may be unreadable, also behind the one that has it.
    lines.try_fold(false, |found, line| line.map(|line| found || is_among(line))).unwrap_or(false)
}

/// The header's value where it stands there exactly once.
pub(crate) fn only(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Whether the text is a token, RFC 9110 section 5.6.2.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
