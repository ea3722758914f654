use std::collections::BTreeSet;

use http::HeaderMap;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

use super::value::{FieldError, FieldValue};
use crate::router::Params;

/// Where the fields of one struct come from.
#[derive(Clone, Copy)]
pub(super) struct Sources<'de> {
    pub(super) params: Option<&'de Params>,
    pub(super) json: &'de Map<String, Value>,
    pub(super) form: &'de [(String, String)],
    pub(super) query: &'de [(String, String)],
    pub(super) headers: &'de HeaderMap,
}

/// Reads a form, or a query; `tag[]` is `tag`, and an empty value is none.
pub(super) fn pairs(text: &[u8]) -> Vec<(String, String)> {
    cleaned(serde_html_form::from_bytes(text).unwrap_or_default())
}

/// The same of pairs that are read already.
pub(super) fn cleaned(pairs: Vec<(String, String)>) -> Vec<(String, String)> {
    let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    pairs.map(|(name, value)| (name.strip_suffix("[]").map(str::to_owned).unwrap_or(name), value)).collect()
}

impl<'de> Sources<'de> {
    /// Finds a field, in the order of the places.
    fn find(&self, name: &str) -> Option<FieldValue<'de>> {
        if let Some((_, value)) = self.params.and_then(|params| params.iter().find(|(own, _)| *own == name)) {
            return Some(FieldValue::Texts(vec![value]));
        }
        if let Some(value) = self.json.get(name) {
            return Some(FieldValue::Json(value));
        }
        for pairs in [self.form, self.query] {
            let texts: Vec<_> =
                pairs.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str()).collect();
            if !texts.is_empty() {
                return Some(FieldValue::Texts(texts));
            }
        }
        let lines = self.headers.get_all(name.replace('_', "-")).iter();
        let texts: Vec<_> = lines.filter_map(|line| line.to_str().ok()).collect();
        (!texts.is_empty()).then_some(FieldValue::Texts(texts))
    }

    /// The names that there are, but those of headers.
    fn names(&self) -> BTreeSet<&'de str> {
        let params = self.params.into_iter().flat_map(Params::iter).map(|(name, _)| name);
        let pairs = self.form.iter().chain(self.query).map(|(name, _)| name.as_str());
        params.chain(self.json.keys().map(String::as_str)).chain(pairs).collect()
    }
}

impl<'de> Deserializer<'de> for Sources<'de> {
    type Error = FieldError;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, FieldError> {
        visitor.visit_map(Fields { sources: self, names: fields.iter().copied(), last: None })
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        visitor.visit_map(Fields { sources: self, names: self.names().into_iter(), last: None })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, FieldError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit_struct seq tuple
        tuple_struct map enum identifier ignored_any
    }
}

/// The fields that are there.
struct Fields<'de, I> {
    sources: Sources<'de>,
    names: I,
    /// The one whose name is out and whose value is not.
    last: Option<(&'de str, FieldValue<'de>)>,
}

impl<'de, I: Iterator<Item = &'de str>> MapAccess<'de> for Fields<'de, I> {
    type Error = FieldError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, FieldError> {
        let sources = self.sources;
        self.last = self.names.find_map(|name| Some((name, sources.find(name)?)));
        let Some((name, _)) = &self.last else { return Ok(None) };
        let name: StrDeserializer<'_, FieldError> = (*name).into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, FieldError> {
        let (name, value) = self.last.take().ok_or_else(|| FieldError::custom("a value before its name"))?;
        seed.deserialize(value).map_err(|error| error.at(name))
    }
}
