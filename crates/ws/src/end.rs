use crate::close::CloseCode;

/// Writes down a row for each end: its variant, label, code (0 where there is none) and reason.
macro_rules! ends {
    ($($(#[doc = $doc:literal])+ $end:ident $label:literal $code:literal $reason:literal)+) => {
        /// How a connection ended: one of the ways that there are, as the closing line and the metric
        /// `ws_connections_closed_total` name it.
        ///
        /// The project's `OPERATIONS.md` says of each what the client should do.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum End {
            $($(#[doc = $doc])+ $end,)+
        }

        impl End {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$end),+];

            /// What logs and metrics call it.
            pub fn label(self) -> &'static str {
                self.row().0
            }

            /// The code that the client is told; `None` where it is told none, or one that the end does not decide.
            pub fn code(self) -> Option<CloseCode> {
                Some(CloseCode(self.row().1)).filter(|code| code.is_sendable())
            }

            /// The reason that goes with the code, `…` for what differs.
            pub fn reason(self) -> &'static str {
                self.row().2
            }

            const fn row(self) -> (&'static str, u16, &'static str) {
                match self {
                    $(Self::$end => ($label, $code, $reason),)+
                }
            }
        }
    };
}

ends! {
    /// The handler returned.
    Finished "finished" 1000 ""
    /// The handler chose a code and a reason.
    HandlerClosed "handler_closed" 0 "…"
    /// The client closed first. It gets its own code back.
    PeerClosed "peer_closed" 0 "…"
    /// The connection broke, or the client went without a close.
    Lost "lost" 0 ""
    /// The client broke the protocol.
    ProtocolError "protocol_error" 1002 "…"
    /// A text was not UTF-8.
    InvalidUtf8 "invalid_utf8" 1007 "text is not valid UTF-8"
    /// Compressed data was none.
    InvalidDeflate "invalid_deflate" 1007 "compressed data cannot be inflated"
    /// A message was over [`MaxMessageBytes`](crate::WsConf::max_message_bytes).
    TooBig "too_big" 1009 "message is larger than … bytes"
    /// More frames than anybody needs: [`MaxFragments`](crate::WsConf::max_fragments),
    /// [`MaxOverheadFrames`](crate::WsConf::max_overhead_frames).
    Flood "flood" 1008 "…"
    /// More messages than [`MaxMessageRate`](crate::WsConf::max_message_rate).
    MessageRate "message_rate" 1008 "more than … messages a second"
    /// [`FirstMessageTimeout`](crate::WsConf::first_message_timeout) was over.
    FirstMessageTimeout "first_message_timeout" 1008 "no first message within …"
    /// A message did not go on within [`MessageTimeout`](crate::WsConf::message_timeout).
    MessageTimeout "message_timeout" 1008 "a message did not go on within …"
    /// There was no message either way within [`IdleTimeout`](crate::WsConf::idle_timeout).
    IdleTimeout "idle_timeout" 3008 "no message either way within …"
    /// The client did not answer a ping within [`PongTimeout`](crate::WsConf::pong_timeout).
    PongTimeout "pong_timeout" 3008 "no answer to a ping within …"
    /// The client took no byte within [`WriteTimeout`](crate::WsConf::write_timeout): there was no way to tell it.
    WriteTimeout "write_timeout" 0 "no byte was taken within …"
    /// It had lived for [`MaxLifetime`](crate::WsConf::max_lifetime).
    MaxLifetime "max_lifetime" 1012 "the connection has had its time"
    /// The token with which it was opened is over: [`CloseAtTokenExpiry`](crate::WsConf::close_at_token_expiry).
    TokenExpired "token_expired" 1008 "the token is over"
    /// The hub gave the client up, which was too slow.
    TooSlow "too_slow" 1013 "…"
    /// The hub was closed.
    HubClosed "hub_closed" 1001 "…"
    /// The engine stopped.
    Stopping "stopping" 1001 "the server is stopping"
    /// The handler, or what the socket is connected to, failed.
    HandlerFailed "handler_failed" 1011 ""
    /// The handler panicked.
    HandlerPanicked "handler_panicked" 1011 ""
    /// The engine's time to stop was over, or a handler kept its socket: it was cut.
    Aborted "aborted" 0 ""
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the first table of a page below a heading, as their cells.
    fn rows<'a>(page: &'a str, heading: &str) -> Vec<Vec<&'a str>> {
        let (_, section) = page.split_once(heading).expect("the heading");
        let table = section.lines().skip_while(|line| !line.starts_with('|'));
        let rows = table.take_while(|line| line.starts_with('|')).skip(2);
        rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
    }

    #[test]
    fn the_operators_page_has_each_end_with_its_code_and_reason() {
        let page = include_str!("../../../docs/OPERATIONS.md");
        let documented = rows(page, "## How a WebSocket ends");
        let documented: Vec<_> = documented.iter().map(|row| (row[0], row[1], row[2])).collect();
        let ends = End::ALL.iter().map(|end| {
            let code = match (end.code(), end) {
                (Some(code), _) => code.to_string(),
                (None, End::HandlerClosed | End::PeerClosed) => "its own".to_owned(),
                (None, _) => String::new(),
            };
            (format!("`{}`", end.label()), code, end.reason())
        });
        let ends: Vec<_> = ends.collect();
        let ends: Vec<_> =
            ends.iter().map(|(end, code, reason)| (end.as_str(), code.as_str(), *reason)).collect();
        assert_eq!(documented, ends);
    }

    #[test]
    fn each_end_has_a_label_of_its_own() {
        let mut labels: Vec<_> = End::ALL.iter().map(|end| end.label()).collect();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), End::ALL.len());
    }
}
