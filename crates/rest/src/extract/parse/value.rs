use std::fmt;

use serde::de::value::{SeqDeserializer, StringDeserializer};
use serde::de::{Deserializer, Error, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

/// What one field has, wherever it is from.
#[derive(Clone)]
pub(super) enum FieldValue<'de> {
    Json(&'de Value),
    /// At least one.
    Texts(Vec<&'de str>),
}

/// What is wrong with a field.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum FieldError {
    /// It must be there and is not.
    Missing {
        /// Its name.
        field: String,
    },
    /// It is not what is wanted, for instance not a number.
    Wrong {
        /// Its name; empty where it is not one field that is wrong.
        field: String,
        /// What is wanted, as in `u64`, where that is known.
        expected: Option<String>,
    },
}

impl FieldError {
    /// Says of which field it is, unless it is known.
    pub(super) fn at(self, name: &str) -> Self {
        match self {
            Self::Wrong { field, expected } if field.is_empty() => {
                Self::Wrong { field: name.to_owned(), expected }
            }
            Self::Missing { field } if !name.is_empty() => Self::Missing { field: format!("{name}.{field}") },
            other => other,
        }
    }

    fn wrong(expected: Option<String>) -> Self {
        Self::Wrong { field: String::new(), expected }
    }

    /// Takes what can be shown out of an error; the rest of its text may quote the client.
    fn of(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        match text.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
            Some(field) => Self::Missing { field: field.to_owned() },
            None => Self::wrong(None),
        }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { field } => write!(f, "{field} is missing"),
            Self::Wrong { field, expected: Some(expected) } => write!(f, "{field} must be {expected}"),
            Self::Wrong { field, expected: None } => write!(f, "{field} is not what is wanted"),
        }
    }
}

impl std::error::Error for FieldError {}

/// serde's texts quote the value, so that none is kept.
impl Error for FieldError {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::wrong(None)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing { field: field.to_owned() }
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::wrong(Some(format!("one of {}", expected.join(", "))))
    }
}

/// What is parsed from the first text, or read from JSON.
macro_rules! parsed {
    ($($method:ident $visit:ident $type:ty;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
            let wrong = || FieldError::wrong(Some(stringify!($type).to_owned()));
            match &self {
                Self::Json(value) => value.$method(visitor).map_err(|_| wrong()),
                Self::Texts(texts) => visitor.$visit(texts[0].parse::<$type>().map_err(|_| wrong())?),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for FieldValue<'de> {
    type Error = FieldError;

    parsed! {
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_i128 visit_i128 i128;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
        deserialize_u128 visit_u128 u128;
        deserialize_f32 visit_f32 f32;
        deserialize_f64 visit_f64 f64;
        deserialize_char visit_char char;
    }

    /// Go's forms take 0 and 1, too.
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        let wrong = || FieldError::wrong(Some("bool".to_owned()));
        match &self {
            Self::Json(value) => value.deserialize_bool(visitor).map_err(|_| wrong()),
            Self::Texts(texts) => match texts[0] {
                "true" | "1" => visitor.visit_bool(true),
                "false" | "0" => visitor.visit_bool(false),
                _ => Err(wrong()),
            },
        }
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        match self {
            Self::Json(value) => value.deserialize_any(visitor).map_err(|error| FieldError::of(&error)),
            Self::Texts(texts) => visitor.visit_borrowed_str(texts[0]),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        match self {
            Self::Json(Value::Null) => visitor.visit_none(),
            some => visitor.visit_some(some),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, FieldError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        match self {
            Self::Json(value) => value.deserialize_seq(visitor).map_err(|error| FieldError::of(&error)),
            Self::Texts(texts) => {
                visitor.visit_seq(SeqDeserializer::new(texts.into_iter().map(|text| Self::Texts(vec![text]))))
            }
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, FieldError> {
        match self {
            Self::Json(Value::String(text)) => visitor.visit_enum(text.as_str().into_deserializer()),
            Self::Json(value) => {
                value.deserialize_enum(name, variants, visitor).map_err(|error| FieldError::of(&error))
            }
            Self::Texts(texts) => {
                let variant: StringDeserializer<FieldError> = texts[0].to_owned().into_deserializer();
                visitor.visit_enum(variant)
            }
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, FieldError> {
        match self {
            Self::Json(value) => {
                value.deserialize_struct(name, fields, visitor).map_err(|error| FieldError::of(&error))
            }
            Self::Texts(_) => Err(FieldError::wrong(Some("an object".to_owned()))),
        }
    }

    forward_to_deserialize_any! { str string bytes byte_buf unit unit_struct tuple tuple_struct map identifier ignored_any }
}

impl<'de> IntoDeserializer<'de, FieldError> for FieldValue<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}
