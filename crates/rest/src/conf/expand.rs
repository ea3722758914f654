//! Variables inside of values: `${NAME}` and `${NAME:-default}`.

/// Puts the values of variables into a text; `None` if it names none.
///
/// `$${` stands for `${`. A `$` before anything else is a `$`. An error says what is wrong with the text, or which variable
/// is not there. What a variable says is not looked at again.
pub(super) fn expand(text: &str, lookup: impl Fn(&str) -> Option<String>) -> Result<Option<String>, String> {
    if !text.contains("${") {
        return Ok(None);
    }
    let mut expanded = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            expanded.extend([before, "${"]);
            rest = &from[2..];
            continue;
        }
        let Some((inner, after)) = from[2..].split_once('}') else {
            return Err(format!("{from} has no end; $${{ stands for ${{"));
        };
        let (name, default) = match inner.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        if !is_name(name) || default.is_some_and(|default| default.contains("${")) {
            return Err(format!(
                "${{{inner}}} is neither ${{NAME}} nor ${{NAME:-default}}; $${{ stands for ${{"
            ));
        }
        // As in a shell: a variable that is empty is as good as none.
        let value = lookup(name).filter(|value| default.is_none() || !value.is_empty());
        let Some(value) = value.or_else(|| default.map(str::to_owned)) else {
            return Err(format!("the environment has no {name}; ${{{name}:-}} would be empty without it"));
        };
        expanded.extend([before, &value]);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(Some(expanded))
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<Option<String>, String> {
        expand(text, |name| match name {
            "HOST" => Some("example.org".to_owned()),
            "EMPTY" => Some(String::new()),
            "DOLLARS" => Some("${HOST}".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn a_variable_stands_for_what_it_says() {
        for (text, expected) in [
            ("${HOST}", "example.org"),
            ("https://${HOST}:${PORT:-443}/", "https://example.org:443/"),
            ("${HOST:-localhost}", "example.org"),
            ("${NONE:-}", ""),
            ("${EMPTY}", ""),
            ("${EMPTY:-full}", "full"),
            ("${NONE:-a:-b}", "a:-b"),
            ("${DOLLARS}", "${HOST}"),
            ("$${HOST}", "${HOST}"),
            ("$$${HOST}", "$${HOST}"),
        ] {
            assert_eq!(expanded(text), Ok(Some(expected.to_owned())), "{text}");
        }
    }

    #[test]
    fn a_text_without_variables_stays_as_it_is() {
        for text in ["", "abcd!@#$a12 3", "$HOST", "$", "{HOST}", "$ {HOST}"] {
            assert_eq!(expanded(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_an_error() {
        for (text, expected) in [
            ("${NONE}", "the environment has no NONE; ${NONE:-} would be empty without it"),
            ("a${HOST", "${HOST has no end; $${ stands for ${"),
            ("${}", "${} is neither ${NAME} nor ${NAME:-default}; $${ stands for ${"),
            ("${A-B}", "${A-B} is neither ${NAME} nor ${NAME:-default}; $${ stands for ${"),
            ("${A:-${B}}", "${A:-${B} is neither ${NAME} nor ${NAME:-default}; $${ stands for ${"),
        ] {
            assert_eq!(expanded(text), Err(expected.to_owned()), "{text}");
        }
    }
}
