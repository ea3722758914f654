//! The header `traceparent`: read as strictly as the recommendation says, and written.

use std::ops::Range;

use http::{HeaderMap, HeaderValue};

use super::{SpanId, TRACEPARENT, TraceId};

/// What a caller says of its span.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Parent {
    pub(super) trace: TraceId,
    pub(super) span: SpanId,
    /// Those of version 0; what later versions may add is left out.
    pub(super) flags: u8,
}

impl Parent {
    /// Reads it of a request; none where it is missing, twice there or wrong, which begins a new trace.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all(TRACEPARENT).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else { return None };
        Self::parse(line.as_bytes())
    }

    fn parse(line: &[u8]) -> Option<Self> {
        let (known, rest) = line.split_at_checked(LENGTH)?;
        let version = number(&known[..2])?;
        let has_its_length = match version {
            0 => rest.is_empty(),
            0xff => return None,
            _ => rest.first().is_none_or(|byte| *byte == b'-'),
        };
        let has_dashes = [2, 35, 52].iter().all(|at| known[*at] == b'-');
        let trace = TraceId(number(&known[3..35])?);
        let span = SpanId(u64::try_from(number(&known[36..52])?).ok()?);
        let flags = u8::try_from(number(&known[53..55])?).ok()? & FLAGS;
        (has_its_length && has_dashes && trace.0 != 0 && span.0 != 0).then_some(Self { trace, span, flags })
    }
}

/// Hexadecimal digits in small letters, 32 at most.
fn number(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(digit))
    })
}

/// The numbers of a span, as `traceparent` has them in version 0: written once, and read by the log, the span and the response.
#[derive(Clone, Copy)]
pub(crate) struct Written([u8; LENGTH]);

impl Written {
    pub(super) fn new(trace: TraceId, span: SpanId, flags: u8) -> Self {
        let mut text = [b'-'; LENGTH];
        text[..2].fill(b'0');
        digits(&mut text[TRACE], &trace.0.to_be_bytes());
        digits(&mut text[SPAN], &span.0.to_be_bytes());
        digits(&mut text[53..], &[flags]);
        Self(text)
    }

    /// The trace in 32 digits.
    pub(crate) fn trace(&self) -> &str {
        self.part(TRACE)
    }

    /// The span in 16 digits.
    pub(crate) fn span(&self) -> &str {
        self.part(SPAN)
    }

    pub(super) fn header(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.0).expect("digits and dashes are a header")
    }

    fn part(&self, range: Range<usize>) -> &str {
        std::str::from_utf8(&self.0[range]).expect("digits are a text")
    }
}

fn digits(text: &mut [u8], number: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in text.chunks_exact_mut(2).zip(number) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 0xf)];
    }
}

const TRACE: Range<usize> = 3..35;
const SPAN: Range<usize> = 36..52;
/// Of version 0, and where the known part of later ones ends.
const LENGTH: usize = 55;
/// Sampled, and random trace number.
const FLAGS: u8 = 0b11;

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_recommendations_own_example_is_read() {
        let expected = Parent {
            trace: TraceId(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736),
            span: SpanId(0x00f0_67aa_0ba9_02b7),
            flags: 1,
        };
        assert_eq!(Parent::parse(LINE.as_bytes()), Some(expected));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let parent = Parent::parse(LINE.as_bytes()).unwrap();
        let written = Written::new(parent.trace, parent.span, parent.flags);
        assert_eq!(written.header(), LINE);
        assert_eq!((written.trace(), written.span()), (&LINE[3..35], &LINE[36..52]));
    }

    #[test]
    fn what_is_wrong_is_none() {
        for line in [
            "",
            "00",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", // capitals
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more",
        ] {
            assert_eq!(Parent::parse(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn a_later_version_may_have_more() {
        for rest in ["", "-more"] {
            let line = LINE.replacen("00", "01", 1) + rest;
            assert!(Parent::parse(line.as_bytes()).is_some(), "{line}");
        }
    }

    #[test]
    fn two_of_them_are_none() {
        let mut headers = HeaderMap::new();
        headers.append(TRACEPARENT, LINE.parse().unwrap());
        assert!(Parent::of(&headers).is_some());
        headers.append(TRACEPARENT, LINE.parse().unwrap());
        assert!(Parent::of(&headers).is_none());
    }
}
