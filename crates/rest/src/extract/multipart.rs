//! Forms with files.

mod error;
mod pieces;

use axum_core::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use tokio::io::{AsyncWrite, AsyncWriteExt};

pub use self::error::MultipartError;

use self::pieces::{Allowance, Pieces};
use crate::Body;
use crate::conf::MultipartConf;

/// Extracts a form of `multipart/form-data`, field after field, as they come: a file need never be in memory.
///
/// The whole body has the limit `MaxBytes`, 1 MiB by default; a route for uploads belongs to a group with
/// [`max_bytes`](crate::RouteGroup::max_bytes) of its own. The form has those of [`MultipartConf`]. Another content type is
/// rejected with 415. `Timeout` is for the upload too, as the handler reads it.
///
/// ```
/// use rest::extract::{Multipart, MultipartError};
/// use tokio::fs::File;
///
/// /// Takes a title and a picture.
/// async fn upload(mut form: Multipart) -> Result<String, MultipartError> {
///     let (mut title, mut size) = (String::new(), 0);
///     while let Some(mut field) = form.next_field().await? {
///         match field.name() {
///             "title" => title = field.text().await?,
///             "picture" if field.file_name().is_some() => {
///                 // A name of our own: what the client calls its file is no path to trust.
///                 let mut file = File::create("/tmp/picture").await.map_err(MultipartError::write)?;
///                 size = field.copy_to(&mut file).await?;
///             }
///             _ => {} // the rest of a field is skipped
///         }
///     }
///     Ok(format!("{title}: {size} bytes"))
/// }
/// ```
pub struct Multipart {
    form: multer::Multipart<'static>,
    /// The field that was handed out last, which the next one needs out of the way.
    current: Option<multer::Field<'static>>,
    allowance: Allowance,
    limits: MultipartConf,
    fields: usize,
}

impl Multipart {
    pub(super) fn new(body: Body, boundary: String) -> Self {
        let (pieces, allowance) = Pieces::of(body);
        let form = multer::Multipart::new(pieces, boundary);
        Self { form, current: None, allowance, limits: MultipartConf::default(), fields: 0 }
    }

    /// Reads all fields that are no files.
    pub(super) async fn texts(mut self, max_fields: usize) -> Result<Vec<(String, String)>, MultipartError> {
        self.limits.max_fields = max_fields;
        let mut texts = Vec::new();
        while let Some(field) = self.next_field().await? {
            if field.file_name().is_none() {
                texts.push((field.name().to_owned(), field.text().await?));
            }
        }
        Ok(texts)
    }

    /// Sets other limits than the default ones.
    pub fn limits(mut self, limits: &MultipartConf) -> Self {
        self.limits = limits.clone();
        self
    }

    /// Returns the next field, or `None` after the last one. What was not read of the one before is skipped, within its limit.
    ///
    /// Not cancel safe: what was skipped until then is gone.
    ///
    /// # Errors
    ///
    /// The form is broken, or over a limit. It has no more fields then.
    pub async fn next_field(&mut self) -> Result<Option<Field<'_>>, MultipartError> {
        if self.current.is_some() {
            let mut rest = Field { form: self, read: 0 };
            while rest.chunk().await?.is_some() {}
            self.current = None;
        }
        self.allowance.renew();
        let Some(field) = self.form.next_field().await.map_err(|error| MultipartError::of(error, ""))? else {
            return Ok(None);
        };
        self.fields += 1;
        if self.fields > self.limits.max_fields {
            return Err(MultipartError::TooMany { max: self.limits.max_fields });
        }
        if field.name().is_none_or(str::is_empty) {
            return Err(MultipartError::Nameless);
        }
        self.current = Some(field);
        Ok(Some(Field { form: self, read: 0 }))
    }
}

/// A field of a form: a text, or a file.
pub struct Field<'f> {
    form: &'f mut Multipart,
    read: u64,
}

impl Field<'_> {
    /// Its name.
    pub fn name(&self) -> &str {
        self.current().and_then(multer::Field::name).unwrap_or_default()
    }

    /// The name that a file has where it comes from; `None` where it is no file. It is no path to trust.
    pub fn file_name(&self) -> Option<&str> {
        self.current()?.file_name()
    }

    /// What it says to be of.
    pub fn content_type(&self) -> Option<&str> {
        self.current()?.headers().get(CONTENT_TYPE)?.to_str().ok()
    }

    /// Returns the next piece of it, or `None` at its end. A piece is as large as what came at once, some 16 KiB.
    ///
    /// # Errors
    ///
    /// The form is broken, or the field is over its limit.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, MultipartError> {
        let limits = &self.form.limits;
        let max = match self.file_name() {
            None => limits.max_field_bytes,
            Some(_) if limits.max_file_bytes == 0 => u64::MAX,
            Some(_) => limits.max_file_bytes,
        };
        self.chunk_within(max).await
    }

    /// Reads it into memory, up to [`max_field_bytes`](MultipartConf::max_field_bytes), also if it is a file.
    ///
    /// # Errors
    ///
    /// As [`chunk`](Self::chunk).
    pub async fn bytes(mut self) -> Result<Bytes, MultipartError> {
        let mut bytes = BytesMut::new();
        while let Some(chunk) = self.chunk_within(self.form.limits.max_field_bytes).await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
    }

    /// Reads it into memory as UTF-8 text.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes), or it is no UTF-8.
    pub async fn text(self) -> Result<String, MultipartError> {
        let name = error::shown(self.name());
        let bytes = self.bytes().await?;
        String::from_utf8(bytes.into()).map_err(|_| MultipartError::NoText { field: name })
    }

    /// Writes it to a file or to whatever takes bytes, piece by piece, and returns how many there were.
    ///
    /// # Errors
    ///
    /// As [`chunk`](Self::chunk), or it cannot be written, which is answered 500. What was written until then is the caller's
    /// to remove.
    pub async fn copy_to(&mut self, writer: &mut (impl AsyncWrite + Unpin)) -> Result<u64, MultipartError> {
        while let Some(chunk) = self.chunk().await? {
            writer.write_all(&chunk).await.map_err(MultipartError::write)?;
        }
        writer.flush().await.map_err(MultipartError::write)?;
        Ok(self.read)
    }

    async fn chunk_within(&mut self, max: u64) -> Result<Option<Bytes>, MultipartError> {
        self.form.allowance.renew();
        let Some(field) = &mut self.form.current else { return Ok(None) };
        match field.chunk().await {
            Ok(None) => Ok(None),
            Ok(Some(chunk)) => {
                self.read += chunk.len() as u64;
                if self.read > max {
                    return Err(MultipartError::TooLarge { field: error::shown(self.name()), max });
                }
                Ok(Some(chunk))
            }
            Err(error) => Err(MultipartError::of(error, self.name())),
        }
    }

    fn current(&self) -> Option<&multer::Field<'static>> {
        self.form.current.as_ref()
    }
}

impl<S: Send + Sync> FromRequest<S> for Multipart {
    type Rejection = MultipartError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, MultipartError> {
        let boundary = boundary(request.headers()).ok_or(MultipartError::NoForm)?;
        Ok(Self::new(request.into_body(), boundary))
    }
}

/// What stands between the fields; `None` where it is no such form.
pub(super) fn boundary(headers: &HeaderMap) -> Option<String> {
    let content_type = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    multer::parse_boundary(content_type).ok().filter(|boundary| (1..=MAX_BOUNDARY).contains(&boundary.len()))
}

/// RFC 2046's.
const MAX_BOUNDARY: usize = 70;

impl std::fmt::Debug for Multipart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Multipart").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Field").field("name", &self.name()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
