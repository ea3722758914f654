//! What is wrong with a configuration, for the operator.

use std::fmt;

/// Why a configuration cannot be used: one line that says where, which key, and what would be right.
///
/// For instance `etc/chat.yaml:3: Port: 70000 is out of range, allowed 0 to 65535`. It quotes the value in question; its
/// `Debug` is its `Display`, so that `main` may return it.
pub struct ConfError {
    /// The file or the variable.
    origin: String,
    /// The line in the file, from 1, where it is known.
    line: Option<usize>,
    /// The full key, as in `Shutdown.WaitTime`, unless the origin or the reason says it.
    key: Option<String>,
    reason: String,
}

impl ConfError {
    /// Says this of a whole file, of a variable or of a key.
    pub(crate) fn new(origin: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { origin: origin.into(), line: None, key: None, reason: reason.into() }
    }

    /// Says at which line it is.
    pub(super) fn at(self, line: Option<usize>) -> Self {
        Self { line, ..self }
    }

    /// Says which key it is about.
    pub(super) fn of(self, key: &[String]) -> Self {
        Self { key: Some(key.join(".")), ..self }
    }

    /// Says what serde said, in our words.
    pub(super) fn refused(origin: impl Into<String>, error: &serde_json::Error) -> Self {
        Self::new(origin, rephrase(&error.to_string()))
    }
}

impl std::error::Error for ConfError {}

impl fmt::Display for ConfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        f.write_str(": ")?;
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.reason)
    }
}

impl fmt::Debug for ConfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Turns `invalid type: string "abc", expected u16` into the words of an operator; leaves other texts as they are.
///
/// serde hands these two kinds out as text only, and through `flatten` drops all but the text.
fn rephrase(message: &str) -> String {
    let complaint =
        message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
    let Some((found, expected)) = complaint.and_then(|complaint| complaint.rsplit_once(", expected ")) else {
        return message.replace('`', "");
    };
    let integer = found.strip_prefix("integer `").and_then(|found| found.strip_suffix('`'));
    if let (Some(value), Some((min, max))) = (integer, limits(expected)) {
        return format!("{value} is out of range, allowed {min} to {max}");
    }
    let expected = match expected {
        _ if limits(expected).is_some() => "an integer",
        "f32" | "f64" => "a number",
        "a sequence" => "a list",
        "path string" => "a path",
        "a map" => "a section",
        "a nonzero usize" => "an integer of at least 1",
        structure if structure.starts_with("struct ") => "a section",
        other => other,
    };
    let found = match found {
        "null" | "unit value" | "Option value" => "nothing".to_owned(),
        "sequence" => "a list".to_owned(),
        "map" => "a section".to_owned(),
        other => other.replace('`', ""),
    };
    format!("expected {expected}, found {found}")
}

/// The limits of an integer type, by its name.
fn limits(name: &str) -> Option<(i128, u128)> {
    Some(match name {
        "u8" => (0, u8::MAX.into()),
        "u16" => (0, u16::MAX.into()),
        "u32" => (0, u32::MAX.into()),
        "u64" => (0, u64::MAX.into()),
        "usize" => (0, usize::MAX as u128),
        "i8" => (i8::MIN.into(), i8::MAX.unsigned_abs().into()),
        "i16" => (i16::MIN.into(), i16::MAX.unsigned_abs().into()),
        "i32" => (i32::MIN.into(), i32::MAX.unsigned_abs().into()),
        "i64" => (i64::MIN.into(), i64::MAX.unsigned_abs().into()),
        "isize" => (isize::MIN as i128, isize::MAX.unsigned_abs() as u128),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::rephrase;

    #[test]
    fn what_serde_says_is_said_to_an_operator() {
        for (said, expected) in [
            ("invalid value: integer `70000`, expected u16", "70000 is out of range, allowed 0 to 65535"),
            ("invalid value: integer `-129`, expected i8", "-129 is out of range, allowed -128 to 127"),
            ("invalid type: string \"abc\", expected u16", "expected an integer, found string \"abc\""),
            (
                "invalid type: string \"a, expected b\", expected u16",
                "expected an integer, found string \"a, expected b\"",
            ),
            (
                "invalid type: floating point `1.5`, expected usize",
                "expected an integer, found floating point 1.5",
            ),
            (
                "invalid value: integer `0`, expected a nonzero usize",
                "expected an integer of at least 1, found integer 0",
            ),
            ("invalid type: null, expected a string", "expected a string, found nothing"),
            (
                "invalid type: integer `5`, expected struct ShutdownConf",
                "expected a section, found integer 5",
            ),
            ("invalid type: map, expected a boolean", "expected a boolean, found a section"),
            ("unknown variant `x`, expected `a` or `b`", "unknown variant x, expected a or b"),
            ("something else", "something else"),
        ] {
            assert_eq!(rephrase(said), expected);
        }
    }
}
