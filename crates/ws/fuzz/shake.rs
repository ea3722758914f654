//! What a route makes of a client's headers, and what must hold of that whatever they are: it answers as a slow judge does that
//! knows nothing but RFC 6455 section 4.2.1 and RFC 7692 section 7.1.

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rest::conf::Mode;
use rest::{Engine, RestConf};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use ws::{Compression, Upgrader, WebSocket, WsConf};

/// Shakes hands with the headers in `input`: a byte for the compression's config, then lines of a letter and a value. The letter
/// says which header it is.
///
/// # Panics
///
/// If the answer is not the slow judge's.
pub(crate) fn check(input: &[u8]) {
    let Some((&options, lines)) = input.split_first() else { return };
    let Some(headers) = headers(lines) else { return };
    let compression = Compression {
        window_bits: 9 + options % 7,
        server_context_takeover: options & 0x40 != 0,
        client_context_takeover: options & 0x80 != 0,
        ..Compression::default()
    };
    let expected = judge(&headers, &compression);
    let answer = shake(&headers, compression);
    assert_eq!(answer, expected, "{headers:?}");
}

/// What a client hears.
#[derive(Debug, PartialEq)]
enum Answer {
    /// A status that is not 101.
    Refused(u16),
    Opened {
        protocol: Option<String>,
        extensions: Option<String>,
    },
}

type Headers<'a> = Vec<(&'static str, &'a str)>;

/// `None` for what HTTP has its own answers to, and for more than anybody reads.
fn headers(lines: &[u8]) -> Option<Headers<'_>> {
    let lines = str::from_utf8(lines).ok()?.lines();
    let headers = lines.map(|line| {
        let (letter, value) = line.split_at_checked(1)?;
        let name = NAMES.iter().find(|name| name.0 == letter)?.1;
        let is_value = value.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
        is_value.then_some((name, value.trim_matches([' ', '\t'])))
    });
    headers.collect::<Option<Headers<'_>>>().filter(|headers| headers.len() <= 20)
}

const NAMES: [(&str, &str); 6] = [
    ("u", "upgrade"),
    ("c", "connection"),
    ("v", "sec-websocket-version"),
    ("k", "sec-websocket-key"),
    ("p", "sec-websocket-protocol"),
    ("e", "sec-websocket-extensions"),
];

fn shake(headers: &Headers<'_>, compression: Compression) -> Answer {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let upgrader =
            Upgrader::new(WsConf { compression, ..WsConf::default() }).subprotocols(["chat", "echo"]);
        let mut engine = Engine::new(RestConf { mode: Mode::Test, ..RestConf::default() });
        engine.add_route(upgrader.route("/", async |_: WebSocket| {}));
        let service = TowerToHyperService::new(engine.into_service().expect("one good route"));
        let (mut client, io) = duplex(1 << 16);
        let serving = http1::Builder::new().serve_connection(TokioIo::new(io), service).with_upgrades();
        let talking = async move {
            let mut request = "GET / HTTP/1.1\r\nhost: a\r\n".to_owned();
            headers.iter().for_each(|(name, value)| request += &format!("{name}: {value}\r\n"));
            client.write_all(format!("{request}\r\n").as_bytes()).await.expect("it is read");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(client.read_u8().await.expect("an answer"));
            }
            String::from_utf8(head).expect("ASCII").to_lowercase()
        };
        // Serving may end first, with an answer that is still to be read.
        let (head, _) = tokio::join!(talking, serving);
        let status = head["http/1.1 ".len()..][..3].parse().expect("a status");
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        if status != 101 {
            return Answer::Refused(status);
        }
        assert!(header("sec-websocket-accept").is_some_and(|accept| accept.len() == 28), "{head}");
        let header = |name| header(name).map(str::to_owned);
        Answer::Opened {
            protocol: header("sec-websocket-protocol"),
            extensions: header("sec-websocket-extensions"),
        }
    })
}

fn judge(headers: &Headers<'_>, conf: &Compression) -> Answer {
    let all = |name| headers.iter().filter(move |header| header.0 == name).map(|header| header.1);
    let list = |name| all(name).flat_map(|line| line.split(',')).map(|it| it.trim_matches([' ', '\t']));
    if !list("upgrade").any(|token| token.eq_ignore_ascii_case("websocket")) {
        return Answer::Refused(426);
    }
    if !list("connection").any(|token| token.eq_ignore_ascii_case("upgrade")) {
        return Answer::Refused(400);
    }
    if all("sec-websocket-version").collect::<Vec<_>>() != ["13"] {
        return Answer::Refused(426);
    }
    let keys = all("sec-websocket-key").collect::<Vec<_>>();
    if keys.len() != 1 || !is_base64_of_16_bytes(keys[0].as_bytes()) {
        return Answer::Refused(400);
    }
    let protocols = list("sec-websocket-protocol").collect::<Vec<_>>();
    let is_odd = |i: usize| !is_token(protocols[i]) || protocols[i + 1..].contains(&protocols[i]);
    if (0..protocols.len()).any(is_odd) {
        return Answer::Refused(400);
    }
    let protocol = protocols.into_iter().find(|it| ["chat", "echo"].contains(it)).map(str::to_owned);
    let mut extensions = None;
    for offer in all("sec-websocket-extensions").flat_map(|line| outside_quotes(line, ',')) {
        let Some(offer) = read_offer(&offer) else { return Answer::Refused(400) };
        if extensions.is_none() {
            extensions = take(&offer, conf);
        }
    }
    Answer::Opened { protocol, extensions }
}

fn is_base64_of_16_bytes(key: &[u8]) -> bool {
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte);
    // 16 bytes leave 4 bits of the last digit without a meaning; these have to be zeros.
    key.len() == 24 && key.ends_with(b"==") && key[..22].iter().all(digit) && b"AQgw".contains(&key[21])
}

fn is_token(text: &str) -> bool {
    const SEPARATORS: &str = "()<>@,;:\\\"/[]?={} \t";
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && !SEPARATORS.contains(c))
}

/// Splits a text where the separator is not quoted.
fn outside_quotes(text: &str, separator: char) -> Vec<String> {
    let (mut parts, mut is_quoted) = (vec![String::new()], false);
    for c in text.chars() {
        is_quoted ^= c == '"';
        match parts.last_mut() {
            Some(part) if c != separator || is_quoted => part.push(c),
            _ => parts.push(String::new()),
        }
    }
    parts
}

/// An extension's name, and its parameters.
fn read_offer(offer: &str) -> Option<Vec<(String, Option<String>)>> {
    let parts = outside_quotes(offer, ';').into_iter().enumerate().map(|(i, part)| {
        let trim = |text: &str| text.trim_matches([' ', '\t']).to_owned();
        let (name, value) = match part.split_once('=') {
            Some((name, value)) if i > 0 => (trim(name), Some(trim(value))),
            _ => (trim(&part), None),
        };
        let value = value.map(|value| {
            let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            quoted.map_or(value.clone(), str::to_owned)
        });
        let is_good = is_token(&name) && value.as_ref().is_none_or(|value| is_token(value));
        is_good.then_some((name, value))
    });
    parts.collect()
}

/// What a server answers to an offer that it takes.
fn take(offer: &[(String, Option<String>)], conf: &Compression) -> Option<String> {
    if !offer[0].0.eq_ignore_ascii_case("permessage-deflate") {
        return None;
    }
    let bits = |value: &str| (8..=15).find(|bits: &u8| bits.to_string() == value);
    let own = (conf.window_bits < 15).then_some(conf.window_bits);
    let (mut server_bits, mut client_bits) = (own, None);
    let (mut server_takeover, mut client_takeover) =
        (conf.server_context_takeover, conf.client_context_takeover);
    for (i, (name, value)) in offer.iter().enumerate().skip(1) {
        if offer[i + 1..].iter().any(|other| other.0 == *name) {
            return None;
        }
        match (name.as_str(), value.as_deref()) {
            ("server_no_context_takeover", None) => server_takeover = false,
            ("client_no_context_takeover", None) => client_takeover = false,
            // zlib cannot compress with a window of 8 bits.
            ("server_max_window_bits", Some("8")) => return None,
            ("server_max_window_bits", Some(value)) => server_bits = Some(bits(value)?.min(conf.window_bits)),
            ("client_max_window_bits", Some(value)) => client_bits = Some(bits(value)?.min(conf.window_bits)),
            ("client_max_window_bits", None) => client_bits = own,
            _ => return None,
        }
    }
    let mut answer = "permessage-deflate".to_owned();
    let mut add = |is_there: bool, parameter: String| {
        if is_there {
            answer += "; ";
            answer += &parameter;
        }
    };
    add(!server_takeover, "server_no_context_takeover".to_owned());
    add(!client_takeover, "client_no_context_takeover".to_owned());
    add(server_bits.is_some(), format!("server_max_window_bits={}", server_bits.unwrap_or(0)));
    add(client_bits.is_some(), format!("client_max_window_bits={}", client_bits.unwrap_or(0)));
    Some(answer)
}
