use crate::header::is_token;

/// Whether a `Sec-WebSocket-Extensions` value has the form that RFC 6455 section 9.1 gives it.
///
/// None of the offers is taken so far. One that is unknown or has odd parameters is declined by silence; a value that
/// cannot be read at all is the client's mistake.
pub(crate) fn is_well_formed(value: &str) -> bool {
    let mut rest = value;
    loop {
        let Some(after) = extension(rest) else {
            return false;
        };
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => return after.is_empty(),
        }
    }
}

/// Reads `token *(";" token ["=" (token / quoted-string)])`; returns what follows.
fn extension(text: &str) -> Option<&str> {
    let mut rest = token(text)?;
    while let Some(parameter) = rest.strip_prefix(';') {
        rest = token(parameter)?;
        if let Some(value) = rest.strip_prefix('=') {
            rest = match skip_space(value).strip_prefix('"') {
                Some(quoted) => quoted_token(quoted)?,
                None => token(value)?,
            };
        }
    }
    Some(rest)
}

/// Reads a token and the white space around it.
fn token(text: &str) -> Option<&str> {
    let text = skip_space(text);
    let end = text.find([',', ';', '=', ' ', '\t', '"']).unwrap_or(text.len());
    is_token(&text[..end]).then(|| skip_space(&text[end..]))
}

/// Reads the rest of a quoted string, which must be a token once it is unquoted.
fn quoted_token(text: &str) -> Option<&str> {
    let end = text.find('"')?;
    is_token(&text[..end]).then(|| skip_space(&text[end + 1..]))
}

fn skip_space(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(is_well_formed(value), is_offer, "{value:?}");
        }
    }
}
