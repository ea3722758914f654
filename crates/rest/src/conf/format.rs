//! How configurations are written, and how each is parsed.

use std::path::Path;

use config::{FileFormat, Format as _};
use serde::de::Deserialize;
use serde_json::{Map, Value};

/// How a configuration is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Format {
    /// YAML 1.2: `.yaml`, `.yml`. There `yes` is a text.
    Yaml,
    /// TOML: `.toml`.
    Toml,
    /// JSON: `.json`.
    Json,
    /// JSON5, JSON for people: `.json5`.
    Json5,
}

impl Format {
    /// Tells the format of a file by its extension, in any case.
    pub(super) fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "yaml" | "yml" => Some(Self::Yaml),
            "toml" => Some(Self::Toml),
            "json" => Some(Self::Json),
            "json5" => Some(Self::Json5),
            _ => None,
        }
    }

    /// What it is called.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Toml => "toml",
            Self::Json => "json",
            Self::Json5 => "json5",
        }
    }

    /// Parses a text; an error is one line, with the position as the parser tells it.
    pub(super) fn read(self, text: &str) -> Result<Map<String, Value>, String> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        // The parsers of YAML and JSON want a value, and that of YAML refuses `---` before nothing.
        if text.lines().map(str::trim).all(|line| line.is_empty() || line == "---" || line.starts_with('#')) {
            return Ok(Map::new());
        }
        let format = match self {
            Self::Yaml => FileFormat::Yaml,
            Self::Toml => FileFormat::Toml,
            Self::Json => FileFormat::Json,
            Self::Json5 => FileFormat::Json5,
        };
        let table = format.parse(None, text).map_err(|error| one_line(&error.to_string()))?;
        let plain = |(key, value)| Ok((key, Value::deserialize::<config::Value>(value)?));
        table
            .into_iter()
            .map(plain)
            .collect::<Result<_, config::ConfigError>>()
            .map_err(|error| error.to_string())
    }
}

/// Joins the lines of a message, without the drawing of the place that TOML's have.
fn one_line(message: &str) -> String {
    let lines = message.lines().map(str::trim).filter(|line| !line.is_empty());
    let is_drawing =
        |line: &&str| line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').starts_with('|');
    lines.filter(|line| !is_drawing(line)).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_format_gives_the_same() {
        for (format, text) in [
            (Format::Yaml, "# a chat\nName: chat\nHub: {Size: 3, On: true}\nList: [1.5, a]\nNone: ~\n"),
            (
                Format::Json,
                r#"{"Name": "chat", "Hub": {"Size": 3, "On": true}, "List": [1.5, "a"], "None": null}"#,
            ),
            (
                Format::Json5,
                "// a chat\n{Name: 'chat', Hub: {Size: 0x3, On: true,}, List: [1.5, 'a'], None: null}",
            ),
        ] {
            let expected =
                json!({"Name": "chat", "Hub": {"Size": 3, "On": true}, "List": [1.5, "a"], "None": null});
            assert_eq!(Value::Object(format.read(text).unwrap()), expected, "{format:?}");
        }
        let toml = Format::Toml
            .read("Name = 'chat'\nList = [1.5, 'a'] # mixed\n[Hub]\nSize = 3\nOn = true\n")
            .unwrap();
        assert_eq!(
            Value::Object(toml),
            json!({"Name": "chat", "Hub": {"Size": 3, "On": true}, "List": [1.5, "a"]})
        );
    }

    #[test]
    fn nothing_is_an_empty_section() {
        for format in [Format::Yaml, Format::Toml, Format::Json, Format::Json5] {
            for text in ["", "\n \n", "\u{feff}", "# all\n# commented out\n"] {
                assert_eq!(format.read(text), Ok(Map::new()), "{format:?} {text:?}");
            }
        }
        assert_eq!(Format::Yaml.read("---\n# nothing\n"), Ok(Map::new()));
    }

    #[test]
    fn a_parse_error_is_one_line_with_a_position() {
        for (format, text, expected) in [
            (
                Format::Yaml,
                "a: 1\na: 2",
                "String(\"a\"): duplicated key in mapping at byte 8 line 2 column 4",
            ),
            (Format::Yaml, "a: [1\nb: 2", "illegal placement of ':' indicator at byte 7 line 2 column 2"),
            (Format::Yaml, "- 1", "invalid type: sequence, expected a map"),
            (Format::Toml, "a = 1\na = 2", "TOML parse error at line 2, column 1: duplicate key"),
            (Format::Json5, "{a: 1", "EOF parsing object at line 1 column 1"),
            (Format::Json, "{\"a\": 1", "EOF while parsing an object at line 1 column 7"),
        ] {
            assert_eq!(format.read(text).unwrap_err(), expected);
        }
    }
}
