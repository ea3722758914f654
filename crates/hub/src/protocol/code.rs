//! The codes of the protocol: why a command was not done, why a connection ends.

use std::fmt;

/// Writes down a row for each code: its variant and its word.
macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])+ $code:ident $word:literal)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$of])+ $code,)+
        }

        impl $name {
            /// Every code, in the order of `docs/PROTOCOL.md`.
            pub const ALL: &[Self] = &[$(Self::$code),+];

            /// The code as it is sent.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $word,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

codes! {
    /// Why a command was not done.
    ErrorCode {
        /// Not JSON, or a field that is missing, unknown or of the wrong type.
        BadRequest "bad_request"
        /// No such `type`.
        UnknownCommand "unknown_command"
        /// The first command must be `connect`.
        NotConnected "not_connected"
        /// `connect` came twice.
        AlreadyConnected "already_connected"
        /// The client is in this room already.
        AlreadyJoined "already_joined"
        /// The client is not in this room.
        NotJoined "not_joined"
        /// Not a name for a room.
        BadTopic "bad_topic"
        /// The token is missing, wrong or over.
        Unauthorized "unauthorized"
        /// This client may not do this.
        Forbidden "forbidden"
        /// The command is larger than the server takes.
        TooLarge "too_large"
        /// The client is in as many rooms as it may be.
        TooManyTopics "too_many_topics"
        /// The user has as many connections as it may have.
        TooManyConnections "too_many_connections"
        /// Too fast.
        RateLimited "rate_limited"
        /// The room no longer has all that was asked for.
        Insufficient "insufficient"
        /// The application refused it.
        Rejected "rejected"
        /// The server is going down.
        Draining "draining"
        /// The hub cannot do it now.
        Unavailable "unavailable"
    }
}

codes! {
    /// Why a connection ends, from the server's side.
    EndCode {
        /// It did not read fast enough.
        TooSlow "too_slow"
        /// The server is going down.
        Draining "draining"
        /// The user opened more connections than permitted, and this was the oldest.
        Replaced "replaced"
        /// The server cut it.
        Kicked "kicked"
        /// The token was over, and no `refresh` came.
        Expired "expired"
        /// It went on sending what was refused.
        Abuse "abuse"
    }
}

impl EndCode {
    /// The code of the close frame where the transport is WebSocket: those of RFC 6455 section 7.4 and its registry, and
    /// 4000 to 4999 for what they have no word for.
    #[must_use]
    pub fn close_code(self) -> u16 {
        match self {
            Self::TooSlow => 1013,
            Self::Draining => 1012,
            Self::Replaced => 4409,
            Self::Kicked => 4403,
            Self::Expired => 4401,
            Self::Abuse => 1008,
        }
    }

    /// Whether the client should come back by itself.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::TooSlow | Self::Draining | Self::Expired)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the table below a heading of docs/PROTOCOL.md, as their cells.
    fn rows(heading: &str) -> Vec<Vec<&'static str>> {
        let page = include_str!("../../../../docs/PROTOCOL.md");
        let (_, section) = page.split_once(heading).expect("the heading");
        let table = section.lines().skip_while(|line| !line.starts_with('|'));
        let rows = table.take_while(|line| line.starts_with('|')).skip(2);
        rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
    }

    #[test]
    fn the_page_has_each_error_in_its_place() {
        let documented: Vec<_> = rows("## Errors")
            .iter()
            .flat_map(|row| row[0].split(", ").map(|word| word.trim_matches('`')))
            .collect();
        let codes: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(documented, codes);
    }

    #[test]
    fn the_page_has_each_end_with_its_close_code_and_whether_to_return() {
        let documented: Vec<_> = rows("## Ends")
            .iter()
            .map(|row| (row[0].trim_matches('`'), row[2].starts_with("yes"), row[3]))
            .collect();
        let closes: Vec<_> = EndCode::ALL.iter().map(|code| code.close_code().to_string()).collect();
        let ends = EndCode::ALL.iter().zip(&closes);
        let ends: Vec<_> =
            ends.map(|(code, close)| (code.as_str(), code.is_retryable(), close.as_str())).collect();
        assert_eq!(documented, ends);
    }
}
