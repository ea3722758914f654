//! permessage-deflate, RFC 7692: what is agreed on. Doing it is `deflate.rs`'s and `inflate.rs`'s.

use crate::conf::Compression;
use crate::extensions::Offer;

/// What both ends have agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Agreed {
    /// The window that we compress with, as a power of two.
    pub(crate) server_bits: u8,
    /// Whether we may refer to messages before.
    pub(crate) server_takeover: bool,
    /// Whether the client may.
    pub(crate) client_takeover: bool,
    /// Where the client has to use a smaller window than it may by itself.
    client_bits: Option<u8>,
    /// Whether the window that we compress with is to be named.
    names_server_bits: bool,
}

impl Agreed {
    /// Takes the first offer that can be honoured to the letter.
    pub(crate) fn first(offers: &[Offer<'_>], conf: &Compression) -> Option<Self> {
        let offers = offers.iter().filter(|offer| offer.name.eq_ignore_ascii_case("permessage-deflate"));
        offers.into_iter().find_map(|offer| Self::answer(offer, conf))
    }

    /// Answers one offer; `None` where a parameter is unknown, stands there twice, or has a value that it must not have.
    fn answer(offer: &Offer<'_>, conf: &Compression) -> Option<Self> {
        let mut agreed = Self {
            server_bits: conf.window_bits,
            server_takeover: conf.server_context_takeover,
            client_takeover: conf.client_context_takeover,
            client_bits: None,
            names_server_bits: conf.window_bits < 15,
        };
        for (i, (name, value)) in offer.parameters.iter().enumerate() {
            if offer.parameters[..i].iter().any(|(before, _)| before == name) {
                return None;
            }
            match (*name, *value) {
                ("server_no_context_takeover", None) => agreed.server_takeover = false,
                ("client_no_context_takeover", None) => agreed.client_takeover = false,
                ("server_max_window_bits", Some(value)) => {
                    // 8 is valid, but zlib compresses with nothing smaller than 9.
                    let bits = window_bits(value).filter(|bits| *bits > 8)?;
                    agreed.server_bits = bits.min(conf.window_bits);
                    agreed.names_server_bits = true;
                }
                ("client_max_window_bits", None) => {
                    agreed.client_bits = Some(conf.window_bits).filter(|bits| *bits < 15);
                }
                ("client_max_window_bits", Some(value)) => {
                    agreed.client_bits = Some(window_bits(value)?.min(conf.window_bits));
                }
                _ => return None,
            }
        }
        Some(agreed)
    }

    /// The answer's `Sec-WebSocket-Extensions`.
    pub(crate) fn to_header(&self) -> String {
        let mut header = "permessage-deflate".to_owned();
        if !self.server_takeover {
            header += "; server_no_context_takeover";
        }
        if !self.client_takeover {
            header += "; client_no_context_takeover";
        }
        if self.names_server_bits {
            header += &format!("; server_max_window_bits={}", self.server_bits);
        }
        if let Some(bits) = self.client_bits {
            header += &format!("; client_max_window_bits={bits}");
        }
        header
    }
}

/// Reads 8 to 15 in their one form.
fn window_bits(value: &str) -> Option<u8> {
    let bits = value.parse::<u8>().ok().filter(|bits| (8..=15).contains(bits))?;
    (bits.to_string() == value).then_some(bits)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http::header::SEC_WEBSOCKET_EXTENSIONS;

    use super::*;
    use crate::extensions::offers;

    fn answer(lines: &[&str], conf: &Compression) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(SEC_WEBSOCKET_EXTENSIONS, line.parse().unwrap());
        }
        Agreed::first(&offers(&headers).unwrap(), conf).map(|agreed| agreed.to_header())
    }

    #[test]
    fn the_first_offer_that_can_be_honoured_is_taken() {
        const NONE: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        let conf = Compression::default();
        for (offer, answered) in [
            (&["permessage-deflate"][..], Some("")),
            (&["PerMessage-Deflate"], Some("")),
            (&["permessage-deflate; client_max_window_bits"], Some("")),
            (&["permessage-deflate; client_max_window_bits=8"], Some("; client_max_window_bits=8")),
            (&["permessage-deflate; client_max_window_bits=\"10\""], Some("; client_max_window_bits=10")),
            (&["permessage-deflate; server_max_window_bits=15"], Some("; server_max_window_bits=15")),
            (&["permessage-deflate; server_max_window_bits=9"], Some("; server_max_window_bits=9")),
            (&["permessage-deflate; server_no_context_takeover; client_no_context_takeover"], Some("")),
            (&["x-webkit-deflate-frame, permessage-deflate"], Some("")),
            (&["x-unknown", "permessage-deflate; nonsense", "permessage-deflate"], Some("")),
            (
                &[
                    "permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=10",
                ],
                Some("; server_max_window_bits=10"),
            ),
            (&[], None),
            (&["permessage-bzip2"], None),
            (&["permessage-deflate; server_max_window_bits=8"], None),
            (&["permessage-deflate; server_max_window_bits"], None),
            (&["permessage-deflate; server_max_window_bits=7"], None),
            (&["permessage-deflate; server_max_window_bits=16"], None),
            (&["permessage-deflate; server_max_window_bits=010"], None),
            (&["permessage-deflate; server_max_window_bits=+9"], None),
            (&["permessage-deflate; server_max_window_bits=99999999999999999999"], None),
            (&["permessage-deflate; client_max_window_bits=16"], None),
            (&["permessage-deflate; client_max_window_bits=x"], None),
            (&["permessage-deflate; client_max_window_bits; client_max_window_bits=10"], None),
            (&["permessage-deflate; server_no_context_takeover=1"], None),
            (&["permessage-deflate; client_no_context_takeover=true"], None),
            (&["permessage-deflate; server_no_context_takeover; server_no_context_takeover"], None),
            (&["permessage-deflate; unknown"], None),
        ] {
            let expected = answered.map(|more| format!("{NONE}{more}"));
            assert_eq!(answer(offer, &conf), expected, "{offer:?}");
        }
    }

    #[test]
    fn takeover_is_kept_where_both_want_it_and_windows_are_as_small_as_either_wants_them() {
        let conf = Compression {
            window_bits: 12,
            server_context_takeover: true,
            client_context_takeover: true,
            ..Compression::default()
        };
        for (offer, answered) in [
            ("", "; server_max_window_bits=12"),
            ("; client_max_window_bits", "; server_max_window_bits=12; client_max_window_bits=12"),
            ("; client_max_window_bits=10", "; server_max_window_bits=12; client_max_window_bits=10"),
            ("; server_max_window_bits=10", "; server_max_window_bits=10"),
            ("; server_no_context_takeover", "; server_no_context_takeover; server_max_window_bits=12"),
            ("; client_no_context_takeover", "; client_no_context_takeover; server_max_window_bits=12"),
        ] {
            let name = "permessage-deflate";
            assert_eq!(answer(&[&format!("{name}{offer}")], &conf), Some(format!("{name}{answered}")));
        }
    }
}
