//! Forms with files, in an engine.

use futures_util::stream;
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;
use crate::{Body, Engine, RestConf, Route};

const FORM: &str = "--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nHello!\r\n\
    --x\r\nContent-Disposition: form-data; name=\"skipped\"\r\n\r\n1234\r\n\
    --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../a.png\"\r\nContent-Type: image/png\r\n\r\n\
    0123456789\r\n--x--\r\n";

async fn handler(form: Multipart) -> Result<String, MultipartError> {
    let mut form = form.limits(&MultipartConf { max_fields: 3, max_field_bytes: 8, max_file_bytes: 12 });
    let mut seen = Vec::new();
    while let Some(mut field) = form.next_field().await? {
        let name = field.name().to_owned();
        if let Some(file) = field.file_name() {
            let head = format!("{name} {file} {}", field.content_type().unwrap_or("-"));
            let mut written = Vec::new();
            let size = field.copy_to(&mut written).await?;
            seen.push(format!("{head} {size} {}", String::from_utf8_lossy(&written)));
        } else if name != "skipped" {
            seen.push(format!("{name}={}", field.text().await?));
        }
    }
    Ok(seen.join("|"))
}

async fn answer(content_type: &str, body: Body) -> (u16, String) {
    let mut engine = Engine::new(RestConf { max_bytes: 100_000, ..RestConf::default() });
    engine.add_route(Route::post("/", handler));
    let request = Request::post("/").header(CONTENT_TYPE, content_type).body(body).unwrap();
    let response = engine.into_service().unwrap().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn ask(form: &str) -> (u16, String) {
    answer("multipart/form-data; boundary=x", form.to_owned().into()).await
}

fn field(head: &str, value: &str) -> String {
    format!("--x\r\nContent-Disposition: form-data{head}\r\n\r\n{value}\r\n")
}

#[track_caller]
fn assert_refused(answer: &(u16, String), status: u16, msg: &str) {
    assert_eq!(*answer, (status, format!(r#"{{"code":{status},"msg":"{msg}"}}"#)));
}

#[tokio::test]
async fn fields_come_one_after_another_and_files_in_pieces() {
    let expected = (200, "title=Hello!|file ../a.png image/png 10 0123456789".to_owned());
    assert_eq!(ask(FORM).await, expected);

    let bytes = FORM.as_bytes().chunks(1).map(|byte| Ok::<_, std::io::Error>(byte.to_vec()));
    let in_bytes = Body::from_stream(stream::iter(bytes.collect::<Vec<_>>()));
    assert_eq!(answer("Multipart/Form-Data; boundary=\"x\"", in_bytes).await, expected);
}

#[tokio::test]
async fn a_limit_is_413_and_names_the_field() {
    let text = field("; name=\"title\"", "123456789") + "--x--\r\n";
    assert_refused(&ask(&text).await, 413, "title must have at most 8 bytes");
    let file = field("; name=\"file\"; filename=\"a\"", "0123456789abc") + "--x--\r\n";
    assert_refused(&ask(&file).await, 413, "file must have at most 12 bytes");
    let skipped = field("; name=\"skipped\"", "123456789") + "--x--\r\n";
    assert_refused(&ask(&skipped).await, 413, "skipped must have at most 8 bytes");
    let many = field("; name=\"a\"", "").repeat(4) + "--x--\r\n";
    assert_refused(&ask(&many).await, 413, "the form must have at most 3 fields");
}

#[tokio::test]
async fn a_body_over_max_bytes_is_413_also_in_chunks() {
    async fn count(mut form: Multipart) -> Result<String, MultipartError> {
        let mut count = 0;
        while let Some(mut field) = form.next_field().await? {
            count += field.copy_to(&mut tokio::io::sink()).await?;
        }
        Ok(count.to_string())
    }
    for (size, expected) in [(90_000, 200), (110_000, 413)] {
        let mut engine = Engine::new(RestConf { max_bytes: 100_000, ..RestConf::default() });
        engine.add_route(Route::post("/", count));
        let form = field("; name=\"file\"; filename=\"a\"", &"a".repeat(size)) + "--x--\r\n";
        let chunks: Vec<_> =
            form.as_bytes().chunks(10_000).map(|it| Ok::<_, std::io::Error>(it.to_vec())).collect();
        let request = Request::post("/").header(CONTENT_TYPE, "multipart/form-data; boundary=x");
        let request = request.body(Body::from_stream(stream::iter(chunks))).unwrap();
        let response = engine.into_service().unwrap().oneshot(request).await.unwrap();
        assert_eq!(response.status(), expected, "{size}");
    }
}

#[tokio::test]
async fn what_is_broken_is_400() {
    for (form, msg) in [
        (field("", "nameless"), "a field of the form has no name"),
        (
            "--x\r\nContent-Disposition: form-data; name=\"ti<t>le\"\r\n\r\n1234".to_owned(),
            "title has no end",
        ),
        ("--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\n1234".to_owned(), "title has no end"),
        ("--x\r\nContent".to_owned(), "the form has no end"),
    ] {
        let answer = ask(&form).await;
        assert_eq!(answer.0, 400, "{form:.60}: {}", answer.1);
        assert!(answer.1.contains(msg), "{form:.60}: {} and not {msg}", answer.1);
    }
    let mut latin = field("; name=\"title\"", "?").into_bytes();
    let at = latin.iter().position(|byte| *byte == b'?').unwrap();
    latin[at] = 0xff;
    latin.extend_from_slice(b"--x--\r\n");
    let answer = answer("multipart/form-data; boundary=x", latin.into()).await;
    assert_refused(&answer, 400, "title must be text in UTF-8");
}

#[tokio::test]
async fn a_head_without_an_end_is_not_kept() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    let taken = Arc::new(AtomicUsize::new(0));
    let counter = taken.clone();
    let begin = stream::iter(["--x\r\nContent-Disposition: ".to_owned()]);
    let endless = futures_util::StreamExt::chain(begin, stream::repeat("a".repeat(1000)));
    let counted = futures_util::StreamExt::map(endless, move |piece| {
        counter.fetch_add(piece.len(), Ordering::Relaxed);
        Ok::<_, std::io::Error>(piece)
    });
    let answer = answer("multipart/form-data; boundary=x", Body::from_stream(counted)).await;
    assert_refused(&answer, 400, "the form is malformed");
    let taken = taken.load(Ordering::Relaxed);
    assert!(taken < 20_000, "{taken} bytes were read of the endless head");
}

#[tokio::test]
async fn another_content_type_is_415() {
    let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
    for content_type in ["application/json", "multipart/form-data", "multipart/mixed; boundary=x", &long] {
        assert_eq!(answer(content_type, FORM.into()).await.0, 415, "{content_type}");
    }
}
