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
use super::keys::Section;

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
    key: Vec<String>,
    value: Value,
}

impl Layers {
    /// Begins with a default.
    pub(super) fn over<C: Serialize>(default: &C) -> Result<Self, ConfError> {
        let of_type = |error: serde_json::Error| ConfError::new(type_name::<C>(), error.to_string());
        let keys = Section::of(default).map_err(of_type)?;
        let defaults = serde_json::to_value(default).map_err(of_type)?;
        Ok(Self { keys, defaults, settings: Vec::new() })
    }

    /// Adds what a file says.
    pub(super) fn add_file(&mut self, origin: &str, given: Map<String, Value>) -> Result<(), ConfError> {
        let settings =
            self.keys.settings(given).map_err(|error| ConfError::new(origin, error.to_string()))?;
        self.settings.extend(settings.into_iter().map(|(key, value)| Setting {
            origin: origin.to_owned(),
            key,
            value,
        }));
        Ok(())
    }

    /// Adds what variables say; a text is read as JSON if the field does not take it as text.
    pub(super) fn add_variables<C: DeserializeOwned>(
        &mut self,
        variables: Vec<Variable>,
    ) -> Result<(), ConfError> {
        let first = self.settings.len();
        for Variable { name, key, text } in variables {
            let key = match self.keys.key(&key) {
                Ok(key) => key,
                Err(error) => return Err(ConfError::new(name, error.to_string())),
            };
            if let Some(other) = self.settings[first..].iter().find(|setting| setting.key == key) {
                return Err(ConfError::new(name, format!("{} is the same key", other.origin)));
            }
            let json = serde_json::from_str(&text).ok();
            let mut setting = Setting { origin: name, key, value: Value::String(text) };
            if let Some(json) = json
                && self.with::<C>([&setting]).is_err()
            {
                setting.value = json;
            }
            self.settings.push(setting);
        }
        Ok(())
    }

    /// Builds the configuration, or says what is wrong with it; `origin` is what to name if no setting is to blame.
    pub(super) fn build<C: DeserializeOwned>(&self, origin: &str) -> Result<C, ConfError> {
        self.with(&self.settings).map_err(|error| self.blame::<C>(origin, &error))
    }

    /// Finds out why this error came, which does not say it.
    fn blame<C: DeserializeOwned>(&self, origin: &str, error: &serde_json::Error) -> ConfError {
        if let Err(error) = self.with::<C>([]) {
            return ConfError::refused(format!("{} by default", type_name::<C>()), None, &error);
        }
        for setting in &self.settings {
            if let Err(error) = self.with::<C>([setting]) {
                return ConfError::refused(&setting.origin, Some(setting.key.join(".")), &error);
            }
        }
        ConfError::refused(origin, None, error)
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
