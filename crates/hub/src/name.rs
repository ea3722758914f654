//! Names: of topics, of users, of tags.

use std::borrow::Borrow;
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Declares a name: a shared text of 1 to 255 bytes without control characters.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Makes a name of a text.
            ///
            /// # Errors
            ///
            /// The text is empty, longer than 255 bytes, or has control characters.
            pub fn new(text: &str) -> Result<Self, NameError> {
                check(text)?;
                Ok(Self(text.into()))
            }

            /// The name's text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<&str> for $name {
            type Error = NameError;

            fn try_from(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(&text)
            }
        }

        impl From<&$name> for $name {
            fn from(name: &$name) -> Self {
                name.clone()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

name! {
    /// The name of a topic. Cloning it is cheap.
    ///
    /// ```
    /// use hub::TopicName;
    ///
    /// assert_eq!(TopicName::new("lobby").unwrap().as_str(), "lobby");
    /// assert_eq!(TopicName::new("").unwrap_err().to_string(), "a name cannot be empty");
    /// ```
    TopicName
}

name! {
    /// Who a user is, for the application. Cloning it is cheap.
    UserId
}

name! {
    /// What some clients have in common, so that they can be addressed by it. Cloning it is cheap.
    Tag
}

impl TopicName {
    /// The hub's own topic, of those who only register. No other can have its name.
    pub(crate) fn shared() -> Self {
        Self("".into())
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.0.is_empty()
    }
}

/// Why a text is not a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NameError {
    /// It is empty.
    Empty,
    /// It is longer than 255 bytes.
    TooLong,
    /// It has control characters.
    Control,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a name cannot be empty",
            Self::TooLong => "a name has at most 255 bytes",
            Self::Control => "a name cannot have control characters",
        })
    }
}

impl Error for NameError {}

/// What is a name already cannot fail to be one.
impl From<Infallible> for NameError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

fn check(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > MAX_BYTES {
        return Err(NameError::TooLong);
    }
    if text.chars().any(char::is_control) {
        return Err(NameError::Control);
    }
    Ok(())
}

const MAX_BYTES: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_1_to_255_bytes_without_control_characters() {
        assert!(TopicName::new("größe / 部屋").is_ok());
        assert!(TopicName::new(&"x".repeat(255)).is_ok());
        assert_eq!(TopicName::new(""), Err(NameError::Empty));
        assert_eq!(TopicName::new(&"x".repeat(256)), Err(NameError::TooLong));
        assert_eq!(TopicName::new("a\0b"), Err(NameError::Control));
        assert_eq!(TopicName::new("a\u{85}"), Err(NameError::Control));
    }
}
