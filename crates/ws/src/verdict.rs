use crate::error::{Error, Kind};

/// Why the gate passes nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Against RFC 6455: 1002.
    Protocol(&'static str),
    /// Within the protocol, but more than anybody needs: 1008.
    Flood(&'static str),
    /// A message over the limit, in bytes: 1009.
    TooBig(usize),
    /// Compressed data that is none: 1007.
    Deflate,
    /// A compressed text that is not UTF-8: 1007.
    Utf8,
}

impl From<Verdict> for Error {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Protocol(reason) => Kind::Protocol(reason.to_owned()).into(),
            Verdict::Flood(reason) => Kind::Flood(reason).into(),
            Verdict::TooBig(limit) => Kind::TooBig(limit).into(),
            Verdict::Deflate => Kind::Deflate.into(),
            Verdict::Utf8 => Kind::Utf8.into(),
        }
    }
}
