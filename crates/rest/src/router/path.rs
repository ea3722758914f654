//! A path as segments: split, decoded, cleaned.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Splits a request's path into decoded, cleaned segments; `None` if its encoding is broken.
///
/// It is split before it is decoded, so that `%2F` stays inside its segment, and cleaned after, so that `%2e%2e` goes
/// up like `..` does.
pub(super) fn segments(path: &str) -> Option<Vec<Cow<'_, str>>> {
    let mut segments = Vec::with_capacity(LIKELY_SEGMENTS);
    for raw in path.split('/') {
        clean_onto(&mut segments, decode(raw)?);
    }
    Some(segments)
}

/// Adds a segment to a clean path: an empty one and `.` are dropped, `..` drops the one before, if there is any.
pub(super) fn clean_onto<'a>(segments: &mut Vec<Cow<'a, str>>, segment: Cow<'a, str>) {
    match &*segment {
        "" | "." => {}
        ".." => drop(segments.pop()),
        _ => segments.push(segment),
    }
}

fn decode(raw: &str) -> Option<Cow<'_, str>> {
    if !raw.contains('%') {
        return Some(Cow::Borrowed(raw));
    }
    // The library passes a malformed escape on as text; two routers that read it differently are a hole.
    let escapes_are_whole = raw
        .split('%')
        .skip(1)
        .all(|rest| matches!(rest.as_bytes(), [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit()));
    if !escapes_are_whole {
        return None;
    }
    percent_decode_str(raw).decode_utf8().ok()
}

/// Room for most paths without growing.
const LIKELY_SEGMENTS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_cleaned_as_go_cleans_it() {
        for (path, expected) in [
            ("/", &[][..]),
            ("", &[]),
            ("/a/b", &["a", "b"]),
            ("//a//b//", &["a", "b"]),
            ("/./a/.", &["a"]),
            ("/x/../a/b", &["a", "b"]),
            ("/../../a", &["a"]),
            ("/a/..", &[]),
            ("/.../..a", &["...", "..a"]),
        ] {
            assert_eq!(segments(path).unwrap(), expected, "{path}");
        }
    }

    #[test]
    fn a_segment_is_decoded_after_splitting_and_before_cleaning() {
        for (path, expected) in [
            ("/f/a%2Fb", &["f", "a/b"][..]),
            ("/a%20b", &["a b"]),
            ("/a+b", &["a+b"]),
            ("/x/%2e%2E/a", &["a"]),
            ("/%2e/a", &["a"]),
            ("/%C3%BC", &["ü"]),
            ("/ü", &["ü"]),
            ("/%252e%252e", &["%2e%2e"]),
            ("/a%2F..%2Fb", &["a/../b"]),
        ] {
            assert_eq!(segments(path).unwrap(), expected, "{path}");
        }
    }

    #[test]
    fn a_broken_encoding_is_refused() {
        for path in ["/%", "/%2", "/a%zz", "/%%41", "/%é1", "/%ff", "/%C3/%BC", "/ok/%2G/..", "/%+1"] {
            assert_eq!(segments(path), None, "{path}");
        }
    }
}
