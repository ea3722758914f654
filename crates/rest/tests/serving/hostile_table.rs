use rest::{Engine, RestConf, Route};

use crate::support::client::Client;
use crate::support::{Running, conf};

/// What is sent, and the statuses of all answers before the server closes the connection.
type Row = (&'static str, Vec<u8>, &'static [u16]);

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").into_bytes()
}

fn head(lines: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{lines}\r\n\r\n").into_bytes()
}

fn post(head: &str, body: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{head}\r\n\r\n{body}").into_bytes()
}

fn no_http() -> Vec<Row> {
    vec![
        ("zeros", vec![0; 64], &[400]),
        ("empty lines and a zero", b"\r\n\r\n\r\n\0".to_vec(), &[400]),
        ("bytes of no text", b"\xff\xfe\x80garbage\r\n\r\n".to_vec(), &[400]),
        ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), &[400]),
        ("a method alone", b"GET\r\n\r\n".to_vec(), &[400]),
        ("no version", b"GET /\r\n\r\n".to_vec(), &[400]),
        ("a version that is none", b"GET / HTTP/9.9\r\nHost: a\r\n\r\n".to_vec(), &[400]),
        ("HTTP/2 by its name", b"GET / HTTP/2.0\r\nHost: a\r\n\r\n".to_vec(), &[400]),
        ("a method with a space", b"G ET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), &[400]),
        ("a method of no RFC", b"BREW / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_vec(), &[405]),
        (
            "a method in small letters",
            b"get / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_vec(),
            &[405],
        ),
        ("TRACE", b"TRACE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_vec(), &[405]),
        ("CONNECT", b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nConnection: close\r\n\r\n".to_vec(), &[404]),
        ("OPTIONS *", b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_vec(), &[404]),
    ]
}

fn paths() -> Vec<Row> {
    vec![
        ("a zero in the path", b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), &[400]),
        ("a tab in the path", b"GET /\t HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), &[400]),
        ("a path without a slash", get("a"), &[404]),
        ("a percent without digits", get("/%"), &[400]),
        ("a percent with one digit", get("/%4"), &[400]),
        ("a percent with other letters", get("/%zz"), &[400]),
        ("an encoding that is no UTF-8", get("/%ff%fe"), &[400]),
        ("an overlong UTF-8 slash", get("/%c0%af"), &[400]),
        ("an encoded zero", get("/%00"), &[404]),
        ("an encoded line break", get("/%0d%0aX:%20y"), &[404]),
        ("bytes of no UTF-8", b"GET /\xff HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_vec(), &[400]),
        ("up and out", get("/../../../../etc/passwd"), &[404]),
        ("up and out, encoded", get("/%2e%2e/%2e%2e/etc/passwd"), &[404]),
        ("5,000 slashes", get(&"/".repeat(5_000)), &[200]),
        ("2,500 segments up and down", get(&"/a/..".repeat(2_500)), &[200]),
        ("a path longer than a head may be", get(&format!("/{}", "x".repeat(20_000))), &[431]),
        ("a path of 100 KiB", get(&format!("/{}", "x".repeat(100 << 10))), &[431]),
        ("another server's URL", get("http://elsewhere/"), &[200]),
        ("a URL of another scheme", get("gopher://elsewhere/"), &[200]),
    ]
}

fn heads() -> Vec<Row> {
    vec![
        ("no host", b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n".to_vec(), &[400]),
        ("two hosts", head("Host: b"), &[400]),
        ("a host that is none", b"GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n".to_vec(), &[400]),
        ("no host in HTTP/1.0", b"GET / HTTP/1.0\r\n\r\n".to_vec(), &[200]),
        ("a space within a name", head("X y: z"), &[400]),
        ("a space before the colon", head("X : y"), &[400]),
        ("no name", head(": y"), &[400]),
        ("no colon", head("X"), &[400]),
        ("a zero in a value", head("X: a\0b"), &[400]),
        ("a bare CR in a value", head("X: a\rb"), &[400]),
        ("a folded line", head("X: a\r\n b"), &[400]),
        ("bare LFs", b"GET / HTTP/1.1\nHost: a\nConnection: close\n\n".to_vec(), &[200]),
        ("101 headers", head(&vec!["X: y"; 101].join("\r\n")), &[431]),
        ("10,000 headers", head(&vec!["X: y"; 10_000].join("\r\n")), &[431]),
        ("a header over the limit", head(&format!("X: {}", "y".repeat(17 << 10))), &[431]),
        ("a header of a megabyte", head(&format!("X: {}", "y".repeat(1 << 20))), &[431]),
        (
            "h2c",
            head("Connection: upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__"),
            &[200],
        ),
        ("an expectation of no RFC", head("Expect: the spanish inquisition"), &[200]),
    ]
}

fn bodies() -> Vec<Row> {
    vec![
        ("a length below zero", post("Content-Length: -1", ""), &[400]),
        ("a length beyond numbers", post("Content-Length: 99999999999999999999", ""), &[400]),
        ("a length over MaxBytes", post("Content-Length: 1048577", ""), &[413]),
        ("a length of 2^63", post("Content-Length: 9223372036854775807", ""), &[413]),
        ("two lengths", post("Content-Length: 1\r\nContent-Length: 2", "ab"), &[400]),
        ("another transfer coding", post("Transfer-Encoding: gzip", ""), &[400]),
        ("no chunk", post("Transfer-Encoding: chunked", "not a chunk\r\n"), &[400]),
        ("a chunk of 2^64", post("Transfer-Encoding: chunked", "ffffffffffffffffff\r\n"), &[400]),
        (
            "chunks in HTTP/1.0",
            b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(),
            &[400],
        ),
        (
            "a chunk's extension of 20 KiB",
            post("Transfer-Encoding: chunked", &format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(20 << 10))),
            &[400],
        ),
        (
            "trailers of 20 KiB",
            post(
                "Transfer-Encoding: chunked",
                &format!("1\r\na\r\n0\r\nX: {}\r\n\r\n", "x".repeat(20 << 10)),
            ),
            &[400],
        ),
        (
            "chunks over MaxBytes",
            post("Transfer-Encoding: chunked", &format!("100001\r\n{}\r\n0\r\n\r\n", "x".repeat(0x10_0001))),
            &[413],
        ),
        ("no UTF-8 for a text", [post("Content-Length: 1", "").as_slice(), b"\xff"].concat(), &[400]),
        ("no gzip", post("Content-Encoding: gzip\r\nContent-Length: 5", "hello"), &[400]),
    ]
}

/// Ends its half of the connection in the middle of what is announced.
fn halves() -> Vec<Row> {
    vec![
        ("nothing", Vec::new(), &[]),
        ("half a request line", b"GET /".to_vec(), &[]),
        ("half a head", b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec(), &[]),
        ("half a body", post("Content-Length: 10", "hello"), &[400]),
        ("half a chunk", post("Transfer-Encoding: chunked", "a\r\nhello"), &[400]),
        ("chunks without the last", post("Transfer-Encoding: chunked", "5\r\nhello\r\n"), &[400]),
    ]
}

#[tokio::test]
async fn each_hostile_request_has_its_answer_and_the_server_goes_on() {
    let mut engine = Engine::new(RestConf { max_header_bytes: 16 << 10, ..conf() });
    engine.add_route(Route::get("/", || async { "Hello!" }));
    engine.add_route(Route::post("/", |body: String| async { body }));
    let running = Running::start(engine).await;

    let mut wrong = Vec::new();
    let whole = [no_http(), paths(), heads(), bodies()].concat().into_iter().map(|row| (row, false));
    for ((what, bytes, expected), ends) in whole.chain(halves().into_iter().map(|row| (row, true))) {
        let mut client = Client::connect(running.addr).await;
        client.send_what_is_taken(&bytes, ends).await;
        let answer = client.closed().await;
        let statuses: Vec<u16> = answer
            .match_indices("HTTP/1.1 ")
            .chain(answer.match_indices("HTTP/1.0 "))
            .filter_map(|(at, it)| answer[at + it.len()..].get(..3)?.parse().ok())
            .collect();
        if statuses != expected {
            wrong.push(format!("{what}: {statuses:?}, not {expected:?}"));
        }
        assert_eq!(Client::connect(running.addr).await.get("/").await.body, "Hello!", "after {what}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
