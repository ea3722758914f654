//! Requests as structs.

use axum_core::body::Body;
use axum_core::extract::DefaultBodyLimit;
use http_body_util::BodyExt;
use serde::Deserialize;

use super::*;
use crate::router::Params;

#[derive(Debug, Default, Deserialize, PartialEq)]
struct Say {
    room: String,
    text: Option<String>,
    #[serde(default)]
    count: u8,
    #[serde(default)]
    loud: bool,
    #[serde(default)]
    tags: Vec<String>,
    kind: Option<Kind>,
    user_agent: Option<String>,
    from: Option<Person>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Line,
    Note,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Person {
    name: String,
}

impl Validate for Say {
    fn validate(&self) -> Result<(), Invalid> {
        if self.count > 100 {
            return Err(Invalid::new("count", "must be at most 100"));
        }
        Ok(())
    }
}

/// Parses a request to a route with a `:room`, which is `lobby`.
async fn parse(uri: &str, content_type: &str, body: &str) -> Result<Say, ParseRejection> {
    let request = Request::post(uri)
        .header(CONTENT_TYPE, content_type)
        .header("User-Agent", "test")
        .extension(Params::of(&[("room", "lobby")]))
        .body(Body::from(body.to_owned()))
        .unwrap();
    Parse::from_request(request, &()).await.map(|Parse(say)| say)
}

fn say() -> Say {
    Say { room: "lobby".into(), user_agent: Some("test".into()), ..Say::default() }
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn fields_come_from_everywhere_into_one_struct() {
    let from_json = parse(
        "/?count=7&loud=1&tags=a&tags[]=b&kind=note",
        JSON,
        r#"{"text": "hi", "from": {"name": "Ann"}}"#,
    );
    let expected = Say {
        text: Some("hi".into()),
        count: 7,
        loud: true,
        tags: vec!["a".into(), "b".into()],
        kind: Some(Kind::Note),
        from: Some(Person { name: "Ann".into() }),
        ..say()
    };
    assert_eq!(from_json.await.unwrap(), expected);

    let from_form = parse("/?count=7", FORM, "text=h+i&kind=line&tags=a&loud=false").await.unwrap();
    let expected =
        Say { text: Some("h i".into()), count: 7, tags: vec!["a".into()], kind: Some(Kind::Line), ..say() };
    assert_eq!(from_form, expected);
}

#[tokio::test]
async fn the_first_place_counts() {
    let json = r#"{"room": "x", "count": 1, "tags": ["j"], "user_agent": null, "kind": "line"}"#;
    let parsed = parse("/?room=y&count=2&tags=q&kind=note&user_agent=q", JSON, json).await.unwrap();
    let expected =
        Say { count: 1, tags: vec!["j".into()], user_agent: None, kind: Some(Kind::Line), ..say() };
    assert_eq!(parsed, expected);

    assert_eq!(parse("/?count=2", FORM, "count=1").await.unwrap(), Say { count: 1, ..say() });
}

#[tokio::test]
async fn an_empty_value_is_none_and_another_body_is_left_alone() {
    assert_eq!(parse("/?count=&text=", JSON, "").await.unwrap(), say());
    assert_eq!(parse("/", "text/plain", "{\"count\": 1}").await.unwrap(), say());
    assert_eq!(
        parse("/", "application/problem+json; charset=utf-8", "{\"count\": 1}").await.unwrap().count,
        1
    );
}

#[tokio::test]
async fn a_rejection_names_the_field_and_never_says_what_was_sent() {
    for (uri, content_type, body, expected) in [
        ("/?count=secret", JSON, "", "count must be u8"),
        ("/?count=256", JSON, "", "count must be u8"),
        ("/?loud=secret", JSON, "", "loud must be bool"),
        ("/?kind=secret", JSON, "", "kind must be one of line, note"),
        ("/?from=secret", JSON, "", "from must be an object"),
        ("/", JSON, r#"{"count": "secret"}"#, "count must be u8"),
        ("/", JSON, r#"{"kind": "secret"}"#, "kind must be one of line, note"),
        ("/", JSON, r#"{"text": ["secret"]}"#, "text is not what is wanted"),
        ("/", JSON, r#"{"tags": ["a", {"secret": 1}]}"#, "tags is not what is wanted"),
        ("/", JSON, r#"{"from": {"secret": 1}}"#, "from.name is missing"),
        ("/", JSON, r#"{"from": "secret"}"#, "from is not what is wanted"),
        ("/", JSON, "[\"secret\"]", "the body must be a JSON object"),
        ("/", JSON, "{\"secret\"", "the body is not JSON, at line 1 column 9"),
        ("/?count=101", JSON, "", "count must be at most 100"),
    ] {
        let response = parse(uri, content_type, body).await.unwrap_err().into_response();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{uri} {body}");
        let text = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(text, expected, "{uri} {body}");
    }
}

#[tokio::test]
async fn a_field_that_must_be_there_is_missed() {
    let request = Request::new(Body::empty());
    let rejection = Parse::<Say>::from_request(request, &()).await.unwrap_err();
    assert_eq!(rejection.to_string(), "room is missing");
}

#[tokio::test]
async fn what_is_too_much_is_refused() {
    let many = format!("/?{}", "tags=a&".repeat(MAX_VALUES + 1));
    assert_eq!(parse(&many, JSON, "").await.unwrap_err().to_string(), "there are too many values");

    let mut request =
        Request::post("/").header(CONTENT_TYPE, FORM).body(Body::from("text=".repeat(100))).unwrap();
    DefaultBodyLimit::max(50).apply(&mut request);
    let rejection = Parse::<Say>::from_request(request, &()).await.unwrap_err();
    assert_eq!(rejection.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_flattened_struct_is_filled_too() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Paged {
        room: String,
        #[serde(flatten)]
        page: Page,
    }
    #[derive(Debug, Deserialize, PartialEq)]
    struct Page {
        cursor: String,
    }
    impl Validate for Paged {}

    let mut request = Request::new(Body::empty());
    *request.uri_mut() = "/?room=a&cursor=b&other=c".parse().unwrap();
    let Parse(paged) = Parse::<Paged>::from_request(request, &()).await.unwrap();
    assert_eq!(paged, Paged { room: "a".into(), page: Page { cursor: "b".into() } });
}

#[tokio::test]
async fn a_form_of_several_parts_is_a_form_without_its_files() {
    let part =
        |head: &str, value: &str| format!("--x\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n");
    let form = [
        part("name=\"text\"", "Hello!"),
        part("name=\"tags[]\"", "a"),
        part("name=\"tags[]\"", "b"),
        part("name=\"count\"", ""),
        part("name=\"kind\"; filename=\"a.txt\"", "line"),
    ];
    let parsed = parse("/?count=7", "multipart/form-data; boundary=x", &(form.concat() + "--x--\r\n")).await;
    let tags = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(parsed.unwrap(), Say { text: Some("Hello!".into()), count: 7, tags, ..say() });

    let error = parse("/", "multipart/form-data; boundary=x", &form[0]).await.unwrap_err();
    assert_eq!((error.status(), error.to_string().as_str()), (StatusCode::BAD_REQUEST, "text has no end"));
}

mod anything {
    use futures_util::FutureExt;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// Pieces that mean something, and others.
    fn text() -> impl Strategy<Value = String> {
        let piece = select(vec![
            "room", "text", "count", "loud", "tags", "[]", "kind", "from", "=", "&", ";", "%", "%41", "%zz",
            "%00", "+", "{", "}", "\"", ":", ",", "[", "]", "null", "true", "-1", "1e999", "300", "\\u0000",
            "\\", " ", "ä",
        ]);
        prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_request_makes_it_panic_or_is_told_what_it_said(query in text(), body in text(), json in any::<bool>()) {
            let target = format!("/?{}", query.replace([' ', '"', '{', '}', '\\', '[', ']', 'ä'], ""));
            let marked = body.replace("null", "MARK");
            let parsed = parse(&target, if json { JSON } else { FORM }, &marked).now_or_never().expect("all of it is there");
            if let Err(rejection) = parsed {
                let response = rejection.into_response();
                prop_assert!(response.status().is_client_error());
                let body = response.into_body().collect().now_or_never().expect("it is there").expect("and whole");
                prop_assert!(!String::from_utf8_lossy(&body.to_bytes()).contains("MARK"));
            }
        }
    }
}
