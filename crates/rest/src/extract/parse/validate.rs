use std::fmt;

/// Says whether a value that could be read is allowed; for [`Parse`](super::Parse).
///
/// `impl Validate for Search {}` allows every value.
pub trait Validate {
    /// Looks at the fields, alone and together.
    ///
    /// # Errors
    ///
    /// The first mistake.
    fn validate(&self) -> Result<(), Invalid> {
        Ok(())
    }
}

/// What is not allowed, in words for the client: a field and what it must be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Invalid {
    field: String,
    reason: String,
}

impl Invalid {
    /// Says of a field what it must be, as in `Invalid::new("age", "must be at least 18")`.
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }

    /// The field's name.
    pub fn field(&self) -> &str {
        &self.field
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.reason)
    }
}

impl std::error::Error for Invalid {}
