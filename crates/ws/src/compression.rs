//! permessage-deflate, RFC 7692: what is agreed on. Doing it is `deflate.rs`'s and `inflate.rs`'s.

use crate::conf::Compression;
use crate::deflate::MIN_WINDOW_BITS;
use crate::extensions::Extension;
use crate::role::Role;

/// What both ends have agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Agreed {
    server: Half,
    client: Half,
}

/// How one of the ends compresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Half {
    /// Whether what it sends may refer to messages before.
    pub(crate) takeover: bool,
    /// Its window, as a power of two, where that is said. Otherwise it is 15.
    pub(crate) bits: Option<u8>,
}

impl Agreed {
    /// Takes, as the server, the first offer that can be honoured to the letter.
    pub(crate) fn first(offers: &[Extension<'_>], conf: &Compression) -> Option<Self> {
        let offers = offers.iter().filter(|offer| offer.name.eq_ignore_ascii_case(NAME));
        offers.into_iter().find_map(|offer| Self::answer(offer, conf))
    }

    /// Answers one offer; `None` where a parameter is unknown, stands there twice, or has a value that it must not have.
    fn answer(offer: &Extension<'_>, conf: &Compression) -> Option<Self> {
        let own_bits = Some(conf.window_bits).filter(|bits| *bits < MAX_WINDOW_BITS);
        let mut server = Half { takeover: conf.server_context_takeover, bits: own_bits };
        let mut client = Half { takeover: conf.client_context_takeover, bits: None };
        for (name, value) in distinct(offer)? {
            match (name, value) {
                ("server_no_context_takeover", None) => server.takeover = false,
                ("client_no_context_takeover", None) => client.takeover = false,
                ("server_max_window_bits", Some(value)) => {
                    let bits = window_bits(value).filter(|bits| *bits >= MIN_WINDOW_BITS)?;
                    server.bits = Some(bits.min(conf.window_bits));
                }
                ("client_max_window_bits", None) => client.bits = own_bits,
                ("client_max_window_bits", Some(value)) => {
                    client.bits = Some(window_bits(value)?.min(conf.window_bits));
                }
                _ => return None,
            }
        }
        Some(Self { server, client })
    }

    /// Reads, as the client, a server's answer to [`offer`]; `None` where it is not one of those that the offer allows.
    pub(crate) fn from_answer(answer: &Extension<'_>, conf: &Compression) -> Option<Self> {
        let mut server = Half { takeover: true, bits: None };
        let own_bits = Some(conf.window_bits).filter(|bits| *bits < MAX_WINDOW_BITS);
        let mut client = Half { takeover: conf.client_context_takeover, bits: own_bits };
        for (name, value) in distinct(answer).filter(|_| answer.name.eq_ignore_ascii_case(NAME))? {
            match (name, value) {
                ("server_no_context_takeover", None) => server.takeover = false,
                ("client_no_context_takeover", None) => client.takeover = false,
                ("server_max_window_bits", Some(value)) => server.bits = Some(window_bits(value)?),
                ("client_max_window_bits", Some(value)) => {
                    client.bits = Some(window_bits(value).filter(|bits| *bits <= conf.window_bits)?);
                }
                _ => return None,
            }
        }
        let kept =
            (conf.server_context_takeover || !server.takeover) && server.window_bits() <= conf.window_bits;
        kept.then_some(Self { server, client })
    }

    /// The answer's `Sec-WebSocket-Extensions`.
    pub(crate) fn to_header(&self) -> String {
        let mut header = NAME.to_owned();
        if !self.server.takeover {
            header += "; server_no_context_takeover";
        }
        if !self.client.takeover {
            header += "; client_no_context_takeover";
        }
        if let Some(bits) = self.server.bits {
            header += &format!("; server_max_window_bits={bits}");
        }
        if let Some(bits) = self.client.bits {
            header += &format!("; client_max_window_bits={bits}");
        }
        header
    }

    /// How we compress.
    pub(crate) fn outbound(&self, role: Role) -> &Half {
        match role {
            Role::Server => &self.server,
            Role::Client => &self.client,
        }
    }

    /// How the peer does.
    pub(crate) fn inbound(&self, role: Role) -> &Half {
        match role {
            Role::Server => &self.client,
            Role::Client => &self.server,
        }
    }
}

impl Half {
    pub(crate) fn window_bits(&self) -> u8 {
        self.bits.unwrap_or(MAX_WINDOW_BITS)
    }
}

/// What a client offers, as its `Sec-WebSocket-Extensions`. It can always be told to use a smaller window.
pub(crate) fn offer(conf: &Compression) -> String {
    let mut header = NAME.to_owned();
    if !conf.server_context_takeover {
        header += "; server_no_context_takeover";
    }
    if !conf.client_context_takeover {
        header += "; client_no_context_takeover";
    }
    if conf.window_bits < MAX_WINDOW_BITS {
        let bits = conf.window_bits;
        return header + &format!("; server_max_window_bits={bits}; client_max_window_bits={bits}");
    }
    header + "; client_max_window_bits"
}

const NAME: &str = "permessage-deflate";
const MAX_WINDOW_BITS: u8 = 15;

/// The parameters, unless one stands there twice.
fn distinct<'a>(extension: &Extension<'a>) -> Option<impl Iterator<Item = (&'a str, Option<&'a str>)>> {
    let parameters = &extension.parameters;
    let is_twice = |i: usize| parameters[..i].iter().any(|(before, _)| *before == parameters[i].0);
    (!(0..parameters.len()).any(is_twice)).then(|| parameters.clone().into_iter())
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
    use crate::extensions::extensions;

    fn answer(lines: &[&str], conf: &Compression) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(SEC_WEBSOCKET_EXTENSIONS, line.parse().unwrap());
        }
        Agreed::first(&extensions(&headers).unwrap(), conf).map(|agreed| agreed.to_header())
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
    fn read(answer: &'static str, conf: &Compression) -> Option<(Half, Half)> {
        let headers = HeaderMap::from_iter([(SEC_WEBSOCKET_EXTENSIONS, answer.parse().unwrap())]);
        let agreed = Agreed::from_answer(&extensions(&headers).unwrap()[0], conf)?;
        Some((*agreed.inbound(Role::Client), *agreed.outbound(Role::Client)))
    }

    #[test]
    fn a_client_offers_what_it_is_configured_to() {
        let takeover = Compression {
            server_context_takeover: true,
            client_context_takeover: true,
            ..Compression::default()
        };
        for (conf, offered) in [
            (
                Compression::default(),
                "; server_no_context_takeover; client_no_context_takeover; client_max_window_bits",
            ),
            (takeover.clone(), "; client_max_window_bits"),
            (
                Compression { window_bits: 9, ..takeover },
                "; server_max_window_bits=9; client_max_window_bits=9",
            ),
        ] {
            assert_eq!(offer(&conf), format!("permessage-deflate{offered}"));
        }
    }

    #[test]
    fn an_answer_counts_for_both_halves() {
        let conf = Compression {
            window_bits: 12,
            server_context_takeover: true,
            client_context_takeover: true,
            ..Compression::default()
        };
        let half = |takeover, bits| Half { takeover, bits };
        for (answer, expected) in [
            (
                "permessage-deflate; server_max_window_bits=12",
                Some((half(true, Some(12)), half(true, Some(12)))),
            ),
            (
                "Permessage-Deflate; server_max_window_bits=9; client_max_window_bits=8",
                Some((half(true, Some(9)), half(true, Some(8)))),
            ),
            (
                "permessage-deflate; server_max_window_bits=10; server_no_context_takeover; client_no_context_takeover",
                Some((half(false, Some(10)), half(false, Some(12)))),
            ),
            ("permessage-deflate", None),
            ("permessage-deflate; server_max_window_bits=13", None),
            ("permessage-deflate; server_max_window_bits=12; client_max_window_bits=13", None),
            ("permessage-deflate; server_max_window_bits=12; client_max_window_bits", None),
            ("permessage-deflate; server_max_window_bits=12; unknown", None),
            ("permessage-deflate; server_max_window_bits=12; server_max_window_bits=12", None),
            ("permessage-bzip2; server_max_window_bits=12", None),
        ] {
            assert_eq!(read(answer, &conf), expected, "{answer}");
        }
    }

    #[test]
    fn a_server_that_keeps_its_context_unasked_is_refused() {
        let conf = Compression::default();
        assert_eq!(read("permessage-deflate", &conf), None);
        assert!(read("permessage-deflate; server_no_context_takeover", &conf).is_some());
    }

    #[test]
    fn whatever_a_server_answers_to_an_offer_its_client_takes() {
        for bits in 9..=15 {
            for takeovers in 0..16 {
                let conf = |shift: u8| Compression {
                    server_context_takeover: takeovers >> shift & 1 != 0,
                    client_context_takeover: takeovers >> (shift + 1) & 1 != 0,
                    window_bits: if shift == 0 { bits } else { 12 },
                    ..Compression::default()
                };
                let (client, server) = (conf(0), conf(2));
                let offered = offer(&client);
                let answered = answer(&[&offered], &server).unwrap();
                let headers = HeaderMap::from_iter([(SEC_WEBSOCKET_EXTENSIONS, answered.parse().unwrap())]);
                let agreed = Agreed::from_answer(&extensions(&headers).unwrap()[0], &client);
                assert!(agreed.is_some(), "{offered} is answered by {answered}");
            }
        }
    }
}
