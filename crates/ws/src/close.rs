use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use crate::message::Text;

/// The reason of a closing as a number, RFC 6455 section 7.4.
///
/// Any number can come from a peer. To be sent it must be one of 1000 to 1003, 1007 to 1014 (the IANA registry), or one of
/// 3000 to 4999, which are open to libraries and applications.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// 1000: the purpose is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the server stops, or the browser leaves the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a type of message that this endpoint does not take.
    pub const UNSUPPORTED: Self = Self(1003);
    /// 1005, never sent: the peer's close had no code.
    pub const NO_STATUS: Self = Self(1005);
    /// 1006, never sent: the connection broke without a close.
    pub const ABNORMAL: Self = Self(1006);
    /// 1007: a text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: against a rule that has no code of its own.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: over the size limit.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1011: the handler failed.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the service restarts.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: overloaded, or the peer is too slow; it may come back later.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 3000: credentials are missing or wrong.
    pub const UNAUTHORIZED: Self = Self(3000);
    /// 3003: credentials do not suffice.
    pub const FORBIDDEN: Self = Self(3003);
    /// 3008: the peer was silent for too long.
    pub const TIMEOUT: Self = Self(3008);

    /// Whether a close frame may carry the code.
    pub const fn is_sendable(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseCode({})", self.0)
    }
}

/// What a close frame says: a code and a reason.
#[derive(Clone, PartialEq, Eq)]
pub struct CloseFrame {
    code: CloseCode,
    reason: Text,
}

impl CloseFrame {
    /// The longest reason that fits into a control frame, in bytes.
    pub const MAX_REASON: usize = 123;

    /// Creates a close frame.
    ///
    /// A reason over [`MAX_REASON`](Self::MAX_REASON) is cut at a character's boundary. A code that must not be
    /// [sent](CloseCode::is_sendable) becomes 1011, since only a mistake of this endpoint's can want it.
    pub fn new(code: CloseCode, reason: impl AsRef<str>) -> Self {
        let reason = reason.as_ref();
        let end = reason.floor_char_boundary(Self::MAX_REASON);
        let code = if code.is_sendable() { code } else { CloseCode::INTERNAL_ERROR };
        Self { code, reason: Text::from(&reason[..end]) }
    }

    /// What the peer said, whatever it is.
    pub(crate) fn received(code: u16, reason: Text) -> Self {
        Self { code: CloseCode(code), reason }
    }

    /// The code.
    pub fn code(&self) -> CloseCode {
        self.code
    }

    /// The reason; empty where there is none.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The close frame, unmasked.
    pub(crate) fn to_wire(&self) -> Bytes {
        let len = 2 + self.reason.len();
        let mut frame = BytesMut::with_capacity(2 + len);
        frame.put_u8(0x88);
        frame.put_u8(u8::try_from(len).expect("`new` keeps it within a control frame"));
        frame.put_u16(self.code.0);
        frame.put_slice(self.reason.as_bytes());
        frame.freeze()
    }
}

impl fmt::Display for CloseFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.reason.is_empty() {
            return self.code.fmt(f);
        }
        write!(f, "{} {}", self.code, self.reason)
    }
}

impl fmt::Debug for CloseFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseFrame({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_between_two_characters() {
        let frame = CloseFrame::new(CloseCode::NORMAL, "ä".repeat(100));
        assert_eq!(frame.reason(), "ä".repeat(61), "123 bytes hold 61 two-byte characters");
        assert_eq!(frame.to_wire().len(), 2 + 2 + 122);
    }

    #[test]
    fn a_code_that_must_not_be_sent_becomes_an_internal_error() {
        for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
            assert_eq!(CloseFrame::new(CloseCode(code), "").code(), CloseCode::INTERNAL_ERROR, "{code}");
        }
    }

    #[test]
    fn a_close_frame_on_the_wire_is_code_and_reason() {
        let wire = CloseFrame::new(CloseCode::GOING_AWAY, "bye").to_wire();
        assert_eq!(&wire[..], b"\x88\x05\x03\xe9bye");
    }
}
