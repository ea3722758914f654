//! What is said of some topics, laid over what is said of all.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::TopicConf;

/// What holds for topics of which this is said, where that is said of all: keys that a section leaves out are as they are there.
///
/// Keys are taken in any spelling, and unknown ones refused, as nobody else knows what may stand here.
pub(super) fn over(all: &Map<String, Value>, section: Map<String, Value>) -> Result<TopicConf, String> {
    let known = serde_json::to_value(TopicConf::default()).map_err(|error| error.to_string())?;
    let mut merged = all.clone();
    lay(section, &mut merged, &known)?;
    TopicConf::deserialize(Value::Object(merged)).map_err(|error| error.to_string())
}

fn lay(section: Map<String, Value>, onto: &mut Map<String, Value>, known: &Value) -> Result<(), String> {
    for (spelling, value) in section {
        let keys = known.as_object().into_iter().flatten();
        let Some((key, inner)) = keys.into_iter().find(|(key, _)| fold(key) == fold(&spelling)) else {
            return Err(format!("unknown key {spelling}"));
        };
        match (value, inner.is_object()) {
            (Value::Object(section), true) => {
                let place = onto.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
                let Value::Object(onto) = place else { return Err(format!("{key} is no section")) };
                lay(section, onto, inner).map_err(|error| format!("{key}: {error}"))?;
            }
            (value, _) => {
                onto.insert(key.clone(), value);
            }
        }
    }
    Ok(())
}

/// What is left of a key when spelling does not matter.
fn fold(key: &str) -> String {
    key.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}
