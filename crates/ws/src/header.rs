use http::header::{AsHeaderName, HeaderMap};

/// The elements of a header that is a comma-separated list, over all its lines, RFC 9110 section 5.6.1.
///
/// `None` for a value that is not visible ASCII. Empty elements are there, for the caller to judge.
pub(crate) fn elements(headers: &HeaderMap, name: impl AsHeaderName) -> Option<Vec<&str>> {
    let mut all = Vec::new();
    for value in headers.get_all(name) {
        all.extend(value.to_str().ok()?.split(',').map(|element| element.trim_matches([' ', '\t'])));
    }
    Some(all)
}

/// Whether one of the header's elements is `token`, in any case. A token that only contains it is another one.
pub(crate) fn has_token(headers: &HeaderMap, name: impl AsHeaderName, token: &str) -> bool {
    elements(headers, name).is_some_and(|all| all.iter().any(|element| element.eq_ignore_ascii_case(token)))
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
