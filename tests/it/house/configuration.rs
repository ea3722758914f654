//! `docs/CONFIGURATION.md` is what the code says: every key with its default and its range.

use std::{env, fs};

use serde::Serialize;
use serde_json::Value;

use super::fields::{Choice, Field, Section, choices, sections};
use super::repository::{files_with, read, root};

const PAGE: &str = "docs/CONFIGURATION.md";

/// Set it to write the page anew: `ZEROXIDE_WRITE_DOCS=1 cargo test -p it configuration`.
const WRITE: &str = "ZEROXIDE_WRITE_DOCS";

const HEAD: &str = "# Configuration

Every key, with its default and what it allows, written by `tests/it/house/configuration.rs` from the code: to change it, change
the field's doc, then run `ZEROXIDE_WRITE_DOCS=1 cargo test -p it configuration`.

A file is YAML, TOML, JSON or JSON5. Keys are taken in any spelling (`MaxConns`, `maxconns`, `max_conns`), unknown ones are errors.
A duration is a number of milliseconds or a text such as `\"5.5s\"`. `${NAME}` and `${NAME:-default}` inside of a value are the
environment's; `ZEROXIDE__PORT` in the environment goes over `Port` in the file, `ZEROXIDE__LOG__LEVEL` over `Level` in `Log`.
";

/// What can be in a file, each with its default: the engine's is the file itself, the others have the key that a program gives them.
fn roots() -> [(&'static str, Value); 11] {
    [
        ("RestConf", value(rest::RestConf::default())),
        ("WsConf", value(ws::WsConf::default())),
        ("ReconnectConf", value(ws::ReconnectConf::default())),
        ("HubConf", value(hub::HubConf::default())),
        ("ProtocolConf", value(hub::protocol::ProtocolConf::default())),
        ("SessionsConf", value(hub_http::SessionsConf::default())),
        ("ApiConf", value(hub_http::ApiConf::default())),
        ("JwtConf", value(rest::conf::JwtConf::default())),
        ("CorsConf", value(rest::conf::CorsConf::default())),
        ("MultipartConf", value(rest::conf::MultipartConf::default())),
        ("PrivateKeyConf", Value::Null), // an entry of a list, which has to say everything
    ]
}

fn value(default: impl Serialize) -> Value {
    serde_json::to_value(default).expect("a configuration can be written")
}

#[test]
fn the_page_of_the_configuration_is_what_the_code_says() {
    let page = Page::of_the_code();
    if env::var_os(WRITE).is_some() {
        fs::write(root().join(PAGE), &page).expect("the page can be written");
    }
    let written = read(PAGE);
    for (index, (written, expected)) in written.lines().zip(page.lines()).enumerate() {
        assert_eq!(written, expected, "{PAGE}:{}; with {WRITE}=1 this test writes it anew", index + 1);
    }
    assert_eq!(written, page, "{PAGE} is longer or shorter than the code says");
}

struct Page {
    sections: Vec<Section>,
    choices: Vec<Choice>,
    text: String,
}

impl Page {
    fn of_the_code() -> String {
        let files = files_with(&["rs"]).filter(|file| file.starts_with("crates/") && file.contains("/src/"));
        let sources: Vec<_> = files.map(read).collect();
        let mut page = Self {
            sections: sources.iter().flat_map(|source| sections(source)).collect(),
            choices: sources.iter().flat_map(|source| choices(source)).collect(),
            text: HEAD.to_owned(),
        };
        for (name, default) in roots() {
            page.section(name, "##", &default);
        }
        page.text
    }

    /// Writes a section, and behind it those that are in it.
    fn section(&mut self, name: &str, level: &str, default: &Value) {
        let section = self.find(name).unwrap_or_else(|| panic!("there is no {name}"));
        let mut text = format!("\n{level} `{name}`\n\n{}\n\n{TABLE}", section.summary);
        let mut inner = Vec::new();
        for field in self.flat(section) {
            let (value, docs) = (&default[&field.key], field.docs.replace('|', "\\|"));
            let (default, allowed) = match self.find(&field.kind) {
                Some(below) => {
                    inner.push((below.name.clone(), value));
                    let name = &below.name;
                    (String::new(), format!("[`{name}`](#{})", name.to_lowercase()))
                }
                None if default.is_null() => ("required".to_owned(), self.allowed(field)),
                None => (shown(field, value), self.allowed(field)),
            };
            text += &format!("| `{}` | {default} | {allowed} | {docs} |\n", field.key);
        }
        self.text += &text;
        for (name, value) in inner {
            // Several keys may have one section.
            if !self.text.contains(&format!("# `{name}`\n")) {
                self.section(&name, "###", value);
            }
        }
    }

    /// The fields of a section, those of sections that are flat in it in their place.
    fn flat<'s>(&'s self, section: &'s Section) -> Vec<&'s Field> {
        let flat_of = |field: &'s Field| match self.find(&field.kind).filter(|_| field.is_flat) {
            Some(inner) => self.flat(inner),
            None => vec![field],
        };
        section.fields.iter().flat_map(flat_of).collect()
    }

    fn find(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// What a field allows, where its type or its range says so.
    fn allowed(&self, field: &Field) -> String {
        let kind = field.kind.as_str();
        let inner = kind.split_once('<').map_or(kind, |(_, inner)| inner.trim_end_matches('>'));
        if let Some(choice) = self.choices.iter().find(|choice| choice.name == inner) {
            return choice
                .variants
                .iter()
                .map(|variant| format!("`{variant}`"))
                .collect::<Vec<_>>()
                .join(", ");
        }
        match (&field.range, kind) {
            (Some([low, high]), "Duration") => {
                let millis =
                    |bound: &str| bound.replace('_', "").parse().map_or_else(|_| bound.to_owned(), span);
                format!("{} to {}", millis(low), millis(high))
            }
            (Some([low, high]), _) => format!("{} to {}", low.replace('_', ","), high.replace('_', ",")),
            (None, "bool") => "`true`, `false`".to_owned(),
            (None, "Duration") => "a duration".to_owned(),
            (None, "usize" | "u64" | "u32") => "0 or more".to_owned(),
            (None, kind) if kind.starts_with("NonZero") => "1 or more".to_owned(),
            (None, _) => String::new(),
        }
    }
}

fn shown(field: &Field, value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) if text.is_empty() => "empty".to_owned(),
        Value::String(text) => format!("`{text}`"),
        Value::Array(list) if list.is_empty() => "none".to_owned(),
        Value::Array(list) => list.iter().map(|item| shown(field, item)).collect::<Vec<_>>().join(", "),
        Value::Object(map) if map.is_empty() => "none".to_owned(),
        Value::Number(number) if field.kind == "Duration" => number.as_u64().map_or_else(String::new, span),
        value => format!("`{value}`"),
    }
}

/// A time, of milliseconds, in the largest unit of which it is a whole number.
fn span(millis: u64) -> String {
    let units = [(86_400_000, "day"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")];
    match units.into_iter().find(|(unit, _)| millis > 0 && millis.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{} {name}", millis / unit),
        None if millis == 0 => "0".to_owned(),
        None => format!("{millis} ms"),
    }
}

const TABLE: &str = "| key | default | allowed | what it is |\n|---|---|---|---|\n";
