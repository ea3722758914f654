//! How much a form with files may hold.

use serde::{Deserialize, Serialize};

/// The limits of a [`Multipart`](crate::extract::Multipart) form. That of the whole body is `MaxBytes`, of the engine or the
/// group.
///
/// It is for an application's own configuration: an engine has one default for all its forms, this one.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct MultipartConf {
    /// How many fields a form may have, files included. Default 100. One more is answered 413.
    pub max_fields: usize,
    /// How many bytes a field that is no file may have, and any that is read into memory. Default 1048576. More is answered
    /// 413.
    pub max_field_bytes: u64,
    /// How many bytes a file may have; 0 is no limit but that of the body. Default 0. More is answered 413.
    pub max_file_bytes: u64,
}

impl Default for MultipartConf {
    fn default() -> Self {
        Self { max_fields: 100, max_field_bytes: 1 << 20, max_file_bytes: 0 }
    }
}
