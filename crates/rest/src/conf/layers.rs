//! The default of a configuration, and the settings that go over it.
//!
//! serde alone would ignore unknown keys, and behind `#[serde(flatten)]` it forgets at which key an error was. So keys are
//! checked first, against those that the default has; and when serde refuses the whole, each setting is tried alone.

use std::any::type_name;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::ConfError;
use super::environment::Variable;
use super::expand::expand;
use super::keys::{KeyError, Section};
use super::outline::Outline;

/// A configuration in the making.
pub(super) struct Layers {
    keys: Section,
    defaults: Value,
    /// Later ones go over earlier ones.
    settings: Vec<Setting>,
}

/// A value, where it goes to, and where it came from.
struct Setting {
    origin: String,
    line: Option<usize>,
    key: Vec<String>,
    value: Value,
}

/// What a file says.
pub(super) struct File<'f> {
    pub(super) origin: &'f str,
    pub(super) given: Map<String, Value>,
    pub(super) outline: Outline,
    /// Whether `yes` may be meant as in YAML 1.1, which go-zero reads.
    pub(super) is_yaml: bool,
    /// Whether keys that nobody knows are left out.
    pub(super) is_lenient: bool,
}

impl Layers {
    /// Begins with a default.
    pub(super) fn over<C: Serialize>(default: &C) -> Result<Self, ConfError> {
        let of_type = |error: serde_json::Error| ConfError::new(type_name::<C>(), error.to_string());
        let keys = Section::of(default).map_err(of_type)?;
        let defaults = serde_json::to_value(default).map_err(of_type)?;
        Ok(Self { keys, defaults, settings: Vec::new() })
    }

    /// Adds what a file says, with the values of the variables that it names.
    pub(super) fn add_file<C: DeserializeOwned>(
        &mut self,
        file: File<'_>,
        variable: impl Fn(&str) -> Option<String> + Copy,
    ) -> Result<(), ConfError> {
        let File { origin, given, outline, is_yaml, is_lenient } = file;
        let unknown = |error: KeyError| {
            if !is_lenient {
                return Err(error);
            }
            tracing::warn!("{origin}: {error}");
            Ok(())
        };
        let settings = self
            .keys
            .settings(given, unknown)
            .map_err(|error| ConfError::new(origin, error.to_string()).at(outline.line(error.key())))?;
        for (key, value) in settings {
            let line = outline.line(&key);
            let named = value.clone();
            let value =
                texts(value, &|text| Ok(expand(&text, variable)?.map_or(Value::String(text), Value::String)))
                    .map_err(|reason| ConfError::new(origin, reason).at(line).of(&key))?;
            let other = match &value {
                value if *value != named => unquoted(value.clone()),
                Value::String(text) if is_yaml => boolean(text).map_or(Value::Null, Value::Bool),
                _ => Value::Null,
            };
            let setting = Setting { origin: origin.to_owned(), line, key, value };
            self.push::<C>(setting, other);
        }
        Ok(())
    }

    /// Adds what variables say; a text is read as JSON if the field does not take it as text.
    pub(super) fn add_variables<C: DeserializeOwned>(
        &mut self,
        variables: Vec<Variable>,
        is_lenient: bool,
    ) -> Result<(), ConfError> {
        let first = self.settings.len();
        for Variable { name, key, text } in variables {
            let key = match self.keys.key(&key) {
                Ok(key) => key,
                Err(error @ KeyError::Unknown { .. }) if is_lenient => {
                    tracing::warn!("{name}: {error}");
                    continue;
                }
                Err(error) => return Err(ConfError::new(name, error.to_string())),
            };
            if let Some(other) = self.settings[first..].iter().find(|setting| setting.key == key) {
                return Err(ConfError::new(name, format!("{} is the same key", other.origin)));
            }
            let value = Value::String(text);
            let other = unquoted(value.clone());
            self.push::<C>(Setting { origin: name, line: None, key, value }, other);
        }
        Ok(())
    }

    /// Adds a setting, with another value if the field does not take its own.
    fn push<C: DeserializeOwned>(&mut self, mut setting: Setting, other: Value) {
        if !other.is_null() && other != setting.value && self.with::<C>([&setting]).is_err() {
            setting.value = other;
        }
        self.settings.push(setting);
    }

    /// Builds the configuration, or says what is wrong with it; `origin` is what to name if no setting is to blame.
    pub(super) fn build<C: DeserializeOwned>(&self, origin: &str) -> Result<C, ConfError> {
        self.with(&self.settings).map_err(|error| self.blame::<C>(origin, &error))
    }

    /// Finds out why this error came, which does not say it.
    fn blame<C: DeserializeOwned>(&self, origin: &str, error: &serde_json::Error) -> ConfError {
        if let Err(error) = self.with::<C>([]) {
            return ConfError::refused(format!("{} by default", type_name::<C>()), &error);
        }
        for setting in &self.settings {
            if let Err(error) = self.with::<C>([setting]) {
                return ConfError::refused(&setting.origin, &error).at(setting.line).of(&setting.key);
            }
        }
        ConfError::refused(origin, error)
    }

    /// Builds a configuration from the default and these settings.
    fn with<'s, C: DeserializeOwned>(
        &self,
        settings: impl IntoIterator<Item = &'s Setting>,
    ) -> Result<C, serde_json::Error> {
        let mut all = self.defaults.clone();
        for setting in settings {
            *place(&mut all, &setting.key) = setting.value.clone();
        }
        serde_json::from_value(all)
    }
}

/// Finds the place of a key, and makes it if it is not there, or below what is not a section.
fn place<'v>(mut at: &'v mut Value, key: &[String]) -> &'v mut Value {
    for part in key {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        at = &mut at[part];
    }
    at
}

/// Puts each text of a value through `change`.
fn texts(value: Value, change: &impl Fn(String) -> Result<Value, String>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => change(text)?,
        Value::Array(list) => {
            Value::Array(list.into_iter().map(|value| texts(value, change)).collect::<Result<_, _>>()?)
        }
        Value::Object(section) => {
            let entries = section.into_iter().map(|(key, value)| Ok((key, texts(value, change)?)));
            Value::Object(entries.collect::<Result<_, String>>()?)
        }
        other => other,
    })
}

/// What the texts of a value mean as JSON, if they do: `4000`, `true`, `["a", "b"]`.
fn unquoted(value: Value) -> Value {
    let read = |text: String| Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)));
    texts(value, &read).unwrap_or_default()
}

/// What YAML 1.1 takes for a boolean, beside `true` and `false`.
fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "y" => Some(true),
        "no" | "off" | "n" => Some(false),
        _ => None,
    }
}
