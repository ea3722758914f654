//! The variables of the environment that are meant for a configuration.

use std::collections::HashMap;

use config::{Environment, Source};

use super::ConfError;

/// A variable whose name begins with `ZEROXIDE__`.
#[derive(Debug, PartialEq)]
pub(super) struct Variable {
    /// As in `ZEROXIDE__SHUTDOWN__WAITTIME`.
    pub(super) name: String,
    /// As in `["shutdown", "waittime"]`; the case is lost, as names of variables have none in some places.
    pub(super) key: Vec<String>,
    pub(super) text: String,
}

/// Finds the variables in the environment of the process, or in this one; ordered by name, without the empty ones.
pub(super) fn variables(environment: Option<HashMap<String, String>>) -> Result<Vec<Variable>, ConfError> {
    let found = Environment::with_prefix(PREFIX)
        .separator(SEPARATOR)
        .ignore_empty(true)
        .source(environment)
        .collect()
        .map_err(|error| ConfError::new("environment", error.to_string()))?;
    let variable = |(key, text): (String, config::Value)| Variable {
        name: [PREFIX, &key.replace('.', SEPARATOR).to_uppercase()].join(SEPARATOR),
        key: key.split('.').map(str::to_owned).collect(),
        text: text.to_string(),
    };
    let mut variables: Vec<_> = found.into_iter().map(variable).collect();
    variables.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(variables)
}

const PREFIX: &str = "ZEROXIDE";
/// Two, since one may be part of a key.
const SEPARATOR: &str = "__";
