//! At which line of a text a key is, and whether the text is of a sane shape: a pass of its own, before the parser's.
//!
//! The parsers behind the `config` crate tell no positions of values. Some go as deep as a text goes, and YAML's copies what
//! an alias means, so that a few lines could be more than fits into memory.

mod json;
mod toml;
mod yaml;

use std::collections::BTreeMap;

use super::Format;
use super::keys::fold;

/// The keys of a text, with their lines.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// By the path, whose parts are [`fold`]ed.
    lines: BTreeMap<Vec<String>, usize>,
}

impl Outline {
    /// Takes the outline of a text. What is wrong with its syntax is left to the parser: it may be none or half of one then.
    pub(super) fn of(format: Format, text: &str) -> Result<Self, String> {
        match format {
            Format::Yaml => yaml::outline(text),
            Format::Toml => Ok(toml::outline(text)),
            Format::Json | Format::Json5 => json::outline(text),
        }
    }

    /// The line of a key, or of the nearest section above it that is in the text; the first line is 1.
    pub(super) fn line(&self, path: &[String]) -> Option<usize> {
        let folded: Vec<_> = path.iter().map(|part| fold(part)).collect();
        (1..=folded.len()).rev().find_map(|depth| self.lines.get(&folded[..depth]).copied())
    }

    /// Notes a key; of two that are alike the later one counts, as with most parsers.
    fn note<'p>(&mut self, path: impl IntoIterator<Item = &'p str>, line: usize) {
        self.lines.insert(path.into_iter().map(fold).collect(), line);
    }
}

/// How many sections and lists may be in one another.
const MAX_DEPTH: usize = 64;
/// How many values a text may have, once its aliases are what they stand for.
const MAX_VALUES: usize = 100_000;

fn too_deep(line: usize) -> String {
    format!("more than {MAX_DEPTH} sections in one another at line {line}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(format: Format, text: &str, key: &str) -> Option<usize> {
        let path: Vec<_> = key.split('.').map(str::to_owned).collect();
        Outline::of(format, text).unwrap().line(&path)
    }

    #[test]
    fn a_key_has_its_line_in_each_format() {
        let yaml = "# a chat\nName: chat\nHub:\n  size: 3\n  Deep: {on: true,\n    off: 1}\nList:\n- A: 1\n-\n  - {A: 2}\nLast: |\n  two\n  lines\nEnd: 1\n";
        let toml = "# a chat\nName = 'chat'\nList = [\n  1,\n]\n[Hub]\nsize = 3\nDeep.on = true\n[[Tables]]\nA = 1\n";
        let json5 = "// a chat\n{Name: 'it\\'s: {a',\n\"Hub\": {\n 'size': 3, /* {\n */ Deep: {on: true},},\nList: [{A: 1}, ':'],\nEnd: 1}";
        for (format, text, key, expected) in [
            (Format::Yaml, yaml, "Name", Some(2)),
            (Format::Yaml, yaml, "Hub", Some(3)),
            (Format::Yaml, yaml, "Hub.Size", Some(4)),
            (Format::Yaml, yaml, "Hub.Deep.On", Some(5)),
            (Format::Yaml, yaml, "Hub.Deep.Off", Some(6)),
            (Format::Yaml, yaml, "A", None),
            (Format::Yaml, yaml, "End", Some(14)),
            (Format::Yaml, yaml, "Hub.Other", Some(3)),
            (Format::Toml, toml, "Name", Some(2)),
            (Format::Toml, toml, "Hub.Size", Some(7)),
            (Format::Toml, toml, "Hub.Deep.On", Some(8)),
            (Format::Toml, toml, "A", None),
            (Format::Json5, json5, "Name", Some(2)),
            (Format::Json5, json5, "Hub", Some(3)),
            (Format::Json5, json5, "Hub.Size", Some(4)),
            (Format::Json5, json5, "Hub.Deep.On", Some(5)),
            (Format::Json5, json5, "A", None),
            (Format::Json5, json5, "End", Some(7)),
            (Format::Json, "{\"a\": 1,\n \"b\": {\"c\": [\n2]}, \"d\": 3}", "d", Some(3)),
        ] {
            assert_eq!(line(format, text, key), expected, "{format:?} {key}");
        }
    }

    #[test]
    fn what_goes_too_deep_is_refused() {
        for (format, text) in [
            (Format::Yaml, "[".repeat(100)),
            (Format::Yaml, "- ".repeat(100_000)),
            (Format::Yaml, "a: {".repeat(100)),
            (Format::Json, "{\"a\":".repeat(100)),
            (Format::Json5, "[".repeat(100_000)),
        ] {
            let error = Outline::of(format, &text).unwrap_err();
            assert_eq!(error, "more than 64 sections in one another at line 1", "{format:?}");
        }
    }

    #[test]
    fn what_aliases_blow_up_is_refused() {
        let mut text = "a0: &a0 [1, 2]\n".to_owned();
        for n in 1..=40 {
            text += &format!("a{n}: &a{n} [*a{0}, *a{0}]\n", n - 1);
        }
        let error = Outline::of(Format::Yaml, &text).unwrap_err();
        assert!(error.starts_with("more than 100000 values at line 1"), "{error}");
    }
}
