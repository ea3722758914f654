//! serde's view of a route's parameters.

use std::fmt::{self, Display};

use serde::de::value::{BorrowedStrDeserializer, SeqDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, Error, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};
use serde::forward_to_deserialize_any;

use crate::router::Params;

/// Gives out all parameters: one as a value, several as a list or by name.
#[derive(Clone, Copy)]
pub(super) struct PathDeserializer<'de>(pub(super) &'de Params);

impl<'de> PathDeserializer<'de> {
    fn values(self) -> impl Iterator<Item = Value<'de>> {
        self.0.iter().map(|(name, text)| Value { name, text })
    }

    /// The parameter, if there is just one.
    fn single(self) -> Result<Value<'de>, PathError> {
        let mut values = self.values();
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(value),
            _ => Err(self.takes(1)),
        }
    }

    fn takes(self, wanted: usize) -> PathError {
        PathError::Mismatch(format!("it takes {wanted} of the route's {} parameters", self.0.len()))
    }
}

/// What goes to a value that takes one parameter.
macro_rules! to_single {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
            self.single()?.$method(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for PathDeserializer<'de> {
    type Error = PathError;

    to_single! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf deserialize_identifier
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        visitor.visit_map(ByName { values: self.values(), last: None })
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        visitor.visit_seq(InOrder(self.values()))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, wanted: usize, visitor: V) -> Result<V::Value, PathError> {
        if wanted != self.0.len() {
            return Err(self.takes(wanted));
        }
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        wanted: usize,
        visitor: V,
    ) -> Result<V::Value, PathError> {
        self.deserialize_tuple(wanted, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, PathError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        visitor.visit_unit()
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, PathError> {
        self.single()?.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! { map struct unit_struct ignored_any }
}

/// All parameters in order.
struct InOrder<I>(I);

impl<'de, I: Iterator<Item = Value<'de>>> SeqAccess<'de> for InOrder<I> {
    type Error = PathError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, PathError> {
        let Some(value) = self.0.next() else {
            return Ok(None);
        };
        seed.deserialize(value).map(Some).map_err(|error| error.at(value.name))
    }
}

/// All parameters by name.
struct ByName<'de, I> {
    values: I,
    /// The one whose name is out and whose text is not.
    last: Option<Value<'de>>,
}

impl<'de, I: Iterator<Item = Value<'de>>> MapAccess<'de> for ByName<'de, I> {
    type Error = PathError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, PathError> {
        self.last = self.values.next();
        let Some(value) = self.last else { return Ok(None) };
        seed.deserialize(BorrowedStrDeserializer::new(value.name)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, PathError> {
        let value = self
            .last
            .take()
            .ok_or_else(|| PathError::Mismatch("it takes a value before its name".to_owned()))?;
        seed.deserialize(value).map_err(|error| error.at(value.name))
    }
}

/// Gives out one parameter, from its text.
#[derive(Clone, Copy)]
struct Value<'de> {
    name: &'de str,
    text: &'de str,
}

/// What is parsed from the text.
macro_rules! parsed {
    ($($method:ident $visit:ident $type:ty;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
            let wrong = |_| PathError::Value { name: None, expected: stringify!($type).to_owned() };
            visitor.$visit(self.text.parse::<$type>().map_err(wrong)?)
        })*
    };
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = PathError;

    parsed! {
        deserialize_bool visit_bool bool;
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

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        visitor.visit_borrowed_str(self.text)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        visitor.visit_borrowed_bytes(self.text.as_bytes())
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, PathError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, PathError> {
        visitor.visit_enum(BorrowedStrDeserializer::new(self.text))
    }

    /// Name and text, for `Vec<(String, String)>`.
    fn deserialize_tuple<V: Visitor<'de>>(self, wanted: usize, visitor: V) -> Result<V::Value, PathError> {
        if wanted != 2 {
            return self.deserialize_seq(visitor);
        }
        let name = Value { name: self.name, text: self.name };
        visitor.visit_seq(SeqDeserializer::new([name, self].into_iter()))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, _: V) -> Result<V::Value, PathError> {
        Err(PathError::Mismatch(format!("{} cannot be a list or have fields", self.name)))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PathError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, PathError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, PathError> {
        self.deserialize_seq(visitor)
    }

    forward_to_deserialize_any! { str string identifier unit_struct ignored_any }
}

impl<'de> IntoDeserializer<'de, PathError> for Value<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Why parameters could not be deserialized; never has a parameter's text in it.
#[derive(Debug)]
pub(super) enum PathError {
    /// A parameter is not what is wanted. The name is added on the way out.
    Value { name: Option<String>, expected: String },
    /// The type does not fit the route.
    Mismatch(String),
}

impl PathError {
    /// Says at which parameter it was, unless that is known.
    pub(super) fn at(self, at: &str) -> Self {
        match self {
            Self::Value { name: None, expected } => Self::Value { name: Some(at.to_owned()), expected },
            other => other,
        }
    }

    fn expected(expected: impl Into<String>) -> Self {
        Self::Value { name: None, expected: expected.into() }
    }
}

impl Error for PathError {
    // The texts of others may quote the parameter.
    fn custom<T: Display>(_: T) -> Self {
        Self::expected("valid")
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(expected.to_string())
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(expected.to_string())
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::expected(format!("one of {}", expected.join(", ")))
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Self::Mismatch(format!("it has no field for the route's parameter {field}"))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Mismatch(format!("the route has no parameter named {field}"))
    }
}

impl std::error::Error for PathError {}

impl Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value { name, expected } => {
                write!(f, "{} must be {expected}", name.as_deref().unwrap_or("a parameter"))
            }
            Self::Mismatch(reason) => f.write_str(reason),
        }
    }
}
