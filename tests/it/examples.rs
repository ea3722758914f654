//! The smaller examples do what their head comments say. The chat has modules of its own.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio_tungstenite::tungstenite::Message;

use crate::client::Client;
use crate::deadline::within;
use crate::program::{Program, command, output};
use crate::raw;

#[tokio::test]
async fn hello_greets_by_name_and_shouts_when_asked() {
    let hello = Program::start(&mut command("hello")).await;
    assert_eq!(hello.announcement(), format!("hello on http://localhost:{}", hello.addr().port()));

    for (path, message) in [
        ("/hello/Ann", "Hello, Ann!"),
        ("/hello/Ann?shout=true", "HELLO, ANN!"),
        ("/hello/%C3%84nne%20Marie", "Hello, Änne Marie!"),
    ] {
        let answer = raw::get(hello.addr(), path).await;
        assert_eq!(
            (answer.status(), answer.header("content-type")),
            ("200 OK", "application/json; charset=utf-8"),
            "{path}"
        );
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body, json!({ "message": message }), "{path}");
    }
}

#[tokio::test]
async fn hello_refuses_what_it_cannot_understand() {
    let hello = Program::start(&mut command("hello")).await;
    for (path, status) in
        [("/hello/Ann?shout=loudly", "400 Bad Request"), ("/hello/", "404 Not Found"), ("/", "404 Not Found")]
    {
        assert_eq!(raw::get(hello.addr(), path).await.status(), status, "{path}");
    }
}

#[tokio::test]
async fn json_api_keeps_notes_and_has_a_document_of_what_it_does() {
    let api = Program::start(command("json-api").args(["--dev-port", "0"])).await;

    let saved = raw::post(api.addr(), "/notes", r#"{"text":"buy milk"}"#).await;
    assert_eq!((saved.status(), saved.body.as_str()), ("200 OK", r#"{"id":1}"#));
    assert_eq!(raw::get(api.addr(), "/notes/1").await.body, r#"{"text":"buy milk"}"#);
    let missing = raw::get(api.addr(), "/notes/2").await;
    assert_eq!(
        (missing.status(), missing.body.as_str()),
        ("404 Not Found", r#"{"code":404,"msg":"there is no such note"}"#)
    );
    let empty = raw::post(api.addr(), "/notes", r#"{"text":""}"#).await;
    assert_eq!(empty.status(), "400 Bad Request");
    assert!(empty.body.contains("text"), "{}", empty.body);

    let (_, rest) = api.announcement().split_once("http://").expect("the document's URL");
    let dev = rest.split('/').next().and_then(|addr| addr.parse().ok()).expect("an address");
    let document = raw::get(dev, "/openapi.json").await;
    assert_eq!(document.header("content-type"), "application/json");
    let document: Value = serde_json::from_str(&document.body).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["paths"]["/notes/{id}"]["get"]["summary"], "Reads a note.");
    assert_eq!(document["components"]["schemas"]["Note"]["properties"]["text"]["maxLength"], 200);
    assert_eq!(raw::get(api.addr(), "/openapi.json").await.status(), "404 Not Found", "it is not public");
}

#[tokio::test]
async fn the_middlewares_of_an_example_stand_around_their_routes_and_no_others() {
    let middleware = Program::start(&mut command("middleware")).await;

    let open = raw::get(middleware.addr(), "/").await;
    assert_eq!(
        (open.status(), open.header("x-served-by"), open.body.as_str()),
        ("200 OK", "zeroxide", "Hello!")
    );
    assert!(open.header("server-timing").starts_with("handler;dur="), "{open:?}");

    let closed = raw::get(middleware.addr(), "/admin/stock").await;
    assert_eq!((closed.status(), closed.header("x-served-by")), ("401 Unauthorized", "zeroxide"));
    assert_eq!(closed.body, r#"{"code":401,"msg":"show the key in X-Key"}"#);

    let key = "X-Key: open sesame\r\nUser-Agent: Ann\r\n";
    let stock = raw::get_with(middleware.addr(), "/admin/stock", key).await;
    assert_eq!((stock.status(), stock.body.as_str()), ("200 OK", r#"{"pears":12,"asked_by":"Ann"}"#));
}

#[tokio::test]
async fn sse_sends_what_is_posted_and_what_was_missed() {
    let news = Program::start(&mut command("sse")).await;
    let mut ann = raw::Events::of(news.addr(), "/events", None).await;
    assert_eq!(raw::post(news.addr(), "/news", "It rains").await.status(), "204 No Content");
    let id = ann.next("id").await;
    assert_eq!(ann.next("data").await, "It rains");
    drop(ann);

    raw::post(news.addr(), "/news", "It snows").await;
    raw::post(news.addr(), "/news", "Sun\nat last").await;
    let mut ann = raw::Events::of(news.addr(), "/events", Some(&id)).await;
    for line in ["It snows", "Sun", "at last"] {
        assert_eq!(ann.next("data").await, line);
    }

    let mut stranger = raw::Events::of(news.addr(), "/events", Some("0-7")).await;
    assert_eq!(stranger.next("event").await, "gap", "of another life of the topic");
    assert_eq!(raw::post(news.addr(), "/news", " ").await.status(), "400 Bad Request");
}

#[tokio::test]
async fn ws_echo_says_everything_back() {
    let echo = Program::start(&mut command("ws-echo")).await;
    assert_eq!(echo.announcement(), format!("echo on ws://localhost:{}/echo", echo.addr().port()));

    let mut ann = Client::connect(echo.addr(), "/echo").await;
    for message in [
        Message::text("Hello!"),
        Message::text(""),
        Message::binary(vec![0, 255]),
        Message::binary(vec![7; 1 << 20]),
    ] {
        ann.send(message.clone()).await;
        assert!(matches!(ann.next().await, Some(Ok(echo)) if echo == message), "{} bytes", message.len());
    }
    ann.leave().await;
}

#[tokio::test]
async fn ws_echo_takes_messages_up_to_its_limit() {
    let echo = Program::start(command("ws-echo").args(["--max-message-bytes", "5"])).await;
    let mut ann = Client::connect(echo.addr(), "/echo").await;
    ann.say("12345").await;
    assert_eq!(ann.hears().await, "12345");
    ann.say("123456").await;
    assert_eq!(ann.is_closed().await, (1009, "message is larger than 5 bytes".to_owned()));
}

#[tokio::test]
async fn ws_client_sends_what_is_typed_and_prints_what_comes() {
    let echo = Program::start(&mut command("ws-echo")).await;
    let mut client = command("ws-client");
    client.arg(echo.ws_url("/echo")).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut client = client.spawn().expect("the program can be run");
    let mut typed = client.stdin.take().expect("it is piped");
    let mut printed = BufReader::new(client.stdout.take().expect("it is piped")).lines();
    for line in ["Hello!", "", "Änne \u{1f600}"] {
        typed.write_all(format!("{line}\n").as_bytes()).await.expect("it reads");
        let echoed = within("the echo", printed.next_line()).await.expect("it prints text");
        assert_eq!(echoed.as_deref(), Some(line));
    }
    drop(typed);
    assert!(within("its end", client.wait()).await.expect("it is our child").success());
}

#[tokio::test]
async fn ws_client_says_why_it_cannot_connect() {
    let echo = Program::start(&mut command("ws-echo")).await;
    for (url, why) in [
        (echo.ws_url("/elsewhere"), "the server refused with 404 Not Found"),
        ("http://localhost/".to_owned(), "the scheme must be ws or wss"),
    ] {
        let ended = output(command("ws-client").arg(&url)).await;
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!ended.status.success() && said.contains(why), "{url}: {said}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_examples_end_well_when_they_are_asked_to() {
    for name in ["hello", "middleware", "sse", "ws-echo"] {
        let mut example = Program::start(&mut command(name)).await;
        // Whoever serves has taken the signals over.
        assert_eq!(raw::get(example.addr(), "/nothing").await.status(), "404 Not Found");
        example.signal("TERM").await;
        assert_eq!(example.ended().await.code(), Some(0), "{name}");
    }
}
