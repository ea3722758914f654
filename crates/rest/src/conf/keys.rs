//! The keys that a configuration has, found in its default, and what a file says in terms of them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// The keys of a section, by what is left of them when spelling does not matter.
#[derive(Debug, Default)]
pub(super) struct Section(BTreeMap<String, (String, Known)>);

/// What may stand behind a key.
#[derive(Debug)]
enum Known {
    /// A struct: these keys.
    Section(Section),
    /// A map without entries by default: any keys.
    Map,
    /// An `Option` that is `None` by default: anything, since it is not known what.
    Any,
    /// A value without keys.
    Leaf,
}

impl Section {
    /// Finds the keys of a configuration in its default.
    ///
    /// Takes the way through text, since there two fields of one name, of which one is flattened, are still two.
    pub(super) fn of<C: Serialize>(default: &C) -> Result<Self, serde_json::Error> {
        Ok(match serde_json::from_str(&serde_json::to_string(default)?)? {
            Known::Section(section) => section,
            Known::Map | Known::Any | Known::Leaf => Self::default(),
        })
    }

    /// Splits what a file says into keys, as this configuration spells them, and values: as deep as keys are known. Of a key
    /// that is not known `unknown` makes an error or nothing.
    pub(super) fn settings(
        &self,
        given: Map<String, Value>,
        mut unknown: impl FnMut(KeyError) -> Result<(), KeyError>,
    ) -> Result<Vec<(Vec<String>, Value)>, KeyError> {
        let mut settings = Vec::new();
        self.collect(given, &mut Vec::new(), &mut settings, &mut unknown)?;
        Ok(settings)
    }

    fn collect(
        &self,
        given: Map<String, Value>,
        path: &mut Vec<String>,
        settings: &mut Vec<(Vec<String>, Value)>,
        unknown: &mut impl FnMut(KeyError) -> Result<(), KeyError>,
    ) -> Result<(), KeyError> {
        let mut seen = BTreeMap::new();
        for (spelling, value) in given {
            let (name, known) = match self.get(&spelling, path) {
                Ok(found) => found,
                Err(error) => {
                    unknown(error)?;
                    continue;
                }
            };
            if let Some(other) = seen.insert(name, spelling.clone()) {
                return Err(KeyError::Twice { first: below(path, &other), second: below(path, &spelling) });
            }
            path.push(name.to_owned());
            match (known, value) {
                (Known::Section(section), Value::Object(inner)) => {
                    section.collect(inner, path, settings, unknown)?;
                }
                (_, value) => settings.push((path.clone(), value)),
            }
            path.pop();
        }
        Ok(())
    }

    /// Finds the key that a variable means by its parts.
    pub(super) fn key(&self, parts: &[String]) -> Result<Vec<String>, KeyError> {
        let mut path = Vec::new();
        let mut known: Option<&Known> = None;
        for part in parts {
            let (name, inner) = match known {
                None => self.get(part, &path)?,
                Some(Known::Section(section)) => section.get(part, &path)?,
                Some(Known::Map) => (part.as_str(), &Known::Map),
                Some(Known::Any) => {
                    return Err(KeyError::Below { whole: path });
                }
                Some(Known::Leaf) => return Err(KeyError::none(&path, part)),
            };
            known = Some(inner);
            path.push(name.to_owned());
        }
        Ok(path)
    }

    /// Looks up a key of this section, which is at `path`.
    fn get<'s>(&'s self, key: &str, path: &[String]) -> Result<(&'s str, &'s Known), KeyError> {
        let folded = fold(key);
        if let Some((name, known)) = self.0.get(&folded) {
            return Ok((name, known));
        }
        let nearest = self
            .0
            .iter()
            .map(|(other, (name, _))| (distance(&folded, other), name))
            .filter(|(distance, _)| distance * 2 <= folded.chars().count())
            .min();
        Err(KeyError::Unknown {
            key: below(path, key),
            nearest: nearest.map(|(_, name)| full(path, name)),
            allowed: self.0.values().map(|(name, _)| full(path, name)).collect(),
        })
    }
}

/// What is wrong with a key.
#[derive(Debug)]
pub(super) enum KeyError {
    /// There is none such.
    Unknown { key: Vec<String>, nearest: Option<String>, allowed: Vec<String> },
    /// It is there in two spellings.
    Twice { first: Vec<String>, second: Vec<String> },
    /// It is inside of something that only a whole value can make appear.
    Below { whole: Vec<String> },
}

impl KeyError {
    /// There is no such key, nor any other here.
    fn none(path: &[String], key: &str) -> Self {
        Self::Unknown { key: below(path, key), nearest: None, allowed: Vec::new() }
    }

    /// The key that it is about, as it is spelled.
    pub(super) fn key(&self) -> &[String] {
        match self {
            Self::Unknown { key, .. } | Self::Twice { second: key, .. } | Self::Below { whole: key } => key,
        }
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { key, nearest: Some(nearest), .. } => {
                let key = key.join(".");
                write!(f, "unknown key {key}, did you mean {nearest}?")
            }
            Self::Unknown { key, allowed, .. } if allowed.is_empty() => {
                write!(f, "unknown key {}", key.join("."))
            }
            Self::Unknown { key, allowed, .. } => {
                write!(f, "unknown key {}, allowed are {}", key.join("."), allowed.join(", "))
            }
            Self::Twice { first, second } => {
                write!(f, "{} and {} are the same key", first.join("."), second.join("."))
            }
            Self::Below { whole } => {
                let whole = whole.join(".");
                write!(f, "{whole} is not there by default, so that it can only be set as a whole, as JSON")
            }
        }
    }
}

/// A key with the path to it.
fn below(path: &[String], key: &str) -> Vec<String> {
    let mut parts = path.to_vec();
    parts.push(key.to_owned());
    parts
}

fn full(path: &[String], key: &str) -> String {
    below(path, key).join(".")
}

/// What is left of a key when spelling does not matter: `MaxConns`, `maxconns`, `max_conns` and `max-conns` are one.
pub(super) fn fold(key: &str) -> String {
    key.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}

/// How many characters must be added, dropped or replaced to come from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (deleted, have) in from.chars().enumerate() {
        let mut diagonal = deleted;
        row[0] = deleted + 1;
        for (at, want) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(have != *want);
            diagonal = row[at + 1];
            row[at + 1] = replaced.min(row[at] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

impl<'de> Deserialize<'de> for Known {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KnownVisitor)
    }
}

struct KnownVisitor;

impl<'de> Visitor<'de> for KnownVisitor {
    type Value = Known;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Known, A::Error> {
        let mut keys = BTreeMap::new();
        while let Some((name, known)) = map.next_entry::<String, Known>()? {
            match keys.entry(fold(&name)) {
                Entry::Vacant(entry) => drop(entry.insert((name, known))),
                Entry::Occupied(entry) => {
                    let other = &entry.get().0;
                    return Err(A::Error::custom(format_args!(
                        "it has two fields for one key, {other} and {name}"
                    )));
                }
            }
        }
        Ok(if keys.is_empty() { Known::Map } else { Known::Section(Section(keys)) })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Known, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Known::Leaf)
    }

    fn visit_unit<E: Error>(self) -> Result<Known, E> {
        Ok(Known::Any)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Known, E> {
        Ok(Known::Leaf)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Known, E> {
        Ok(Known::Leaf)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Known, E> {
        Ok(Known::Leaf)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Known, E> {
        Ok(Known::Leaf)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Known, E> {
        Ok(Known::Leaf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_does_not_matter() {
        for key in ["MaxConns", "maxconns", "max_conns", "max-conns", "MAXCONNS", "maxConns"] {
            assert_eq!(fold(key), "maxconns", "{key}");
        }
    }

    #[test]
    fn distance_counts_edits() {
        for (from, to, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("prot", "port", 2),
            ("waittme", "waittime", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(from, to), expected, "{from} to {to}");
        }
    }
}
