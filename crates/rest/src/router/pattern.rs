//! A route's path, read: which segments are text, which are parameters, and their names.

use std::borrow::Cow;
use std::sync::Arc;

use super::RouteError;
use super::path::clean_onto;

/// The path of a route.
#[derive(Debug)]
pub(super) struct Pattern {
    /// As the user wrote it, for messages.
    pub(super) text: String,
    pub(super) segments: Vec<Segment>,
    /// The parameters' names, from left to right.
    pub(super) names: Arc<[String]>,
}

/// A part of a pattern between slashes.
#[derive(Debug, PartialEq)]
pub(super) enum Segment {
    /// Matches itself.
    Text(String),
    /// `:name`, matches any one segment.
    Param,
    /// `*name`, matches all segments that are left, at least one. Is the last one.
    CatchAll,
}

impl Pattern {
    /// Reads a path as a user writes it.
    pub(super) fn parse(text: &str) -> Result<Self, PatternError> {
        let Some(path) = text.strip_prefix('/') else {
            return Err(PatternError::NoSlash);
        };
        let mut parts = Vec::new();
        for part in path.split('/') {
            clean_onto(&mut parts, Cow::Borrowed(part));
        }
        let mut segments = Vec::with_capacity(parts.len());
        let mut names = Vec::new();
        for part in parts {
            if segments.last() == Some(&Segment::CatchAll) {
                return Err(PatternError::CatchAllNotLast);
            }
            let (segment, name) = if let Some(name) = part.strip_prefix(':') {
                (Segment::Param, name)
            } else if let Some(name) = part.strip_prefix('*') {
                (Segment::CatchAll, name)
            } else {
                segments.push(Segment::Text(part.into_owned()));
                continue;
            };
            if name.is_empty() {
                return Err(PatternError::EmptyName);
            }
            if names.iter().any(|other| other == name) {
                return Err(PatternError::DuplicateName(name.to_owned()));
            }
            segments.push(segment);
            names.push(name.to_owned());
        }
        Ok(Self { text: text.to_owned(), segments, names: names.into() })
    }
}

/// What is wrong with a pattern; [`RouteError`] without the route.
#[derive(Debug, PartialEq)]
pub(super) enum PatternError {
    NoSlash,
    EmptyName,
    DuplicateName(String),
    CatchAllNotLast,
}

impl PatternError {
    /// Says it of this route.
    pub(super) fn of(self, route: String) -> RouteError {
        match self {
            Self::NoSlash => RouteError::NoSlash { route },
            Self::EmptyName => RouteError::EmptyName { route },
            Self::DuplicateName(name) => RouteError::DuplicateName { route, name },
            Self::CatchAllNotLast => RouteError::CatchAllNotLast { route },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_text_params_and_a_catch_all() {
        let pattern = Pattern::parse("//u/./:id/x/../*rest/").unwrap();

        assert_eq!(pattern.segments, [Segment::Text("u".into()), Segment::Param, Segment::CatchAll]);
        assert_eq!(*pattern.names, ["id", "rest"]);
    }

    #[test]
    fn markers_inside_a_segment_are_text() {
        let pattern = Pattern::parse("/a:b/c*d/%20").unwrap();

        assert_eq!(pattern.segments, ["a:b", "c*d", "%20"].map(|text| Segment::Text(text.into())));
    }

    #[test]
    fn a_malformed_pattern_is_refused() {
        for (text, expected) in [
            ("", PatternError::NoSlash),
            ("a/b", PatternError::NoSlash),
            ("/a/:", PatternError::EmptyName),
            ("/a/*", PatternError::EmptyName),
            ("/:/a", PatternError::EmptyName),
            ("/:id/:id", PatternError::DuplicateName("id".into())),
            ("/:id/*id", PatternError::DuplicateName("id".into())),
            ("/*path/info", PatternError::CatchAllNotLast),
            ("/*a/*b", PatternError::CatchAllNotLast),
        ] {
            assert_eq!(Pattern::parse(text).unwrap_err(), expected, "{text}");
        }
    }
}
